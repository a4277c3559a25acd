"""Texts for the benchmarks of language models: where they are, and made-up pairs."""

import csv
import io
import itertools
import tarfile
from pathlib import Path

import numpy as np

PARTS = ("adj", "adv", "noun", "verb")


def glosses(folder):
    """What WordNet says of every word (Debian: wordnet-base): one text a sense, or None."""
    files = [Path(folder) / f"data.{part}" for part in PARTS]
    if not all(file.is_file() for file in files):
        return None
    found = []
    for file in files:
        with file.open(encoding="utf-8") as lines:
            found += [line.split("| ", 1)[1].strip() for line in lines if "| " in line]
    return found


def split(texts, held_out, seed=0):
    """(learned, held out), in a random order that the seed says."""
    order = np.random.default_rng(seed).permutation(len(texts))
    chosen = [texts[i] for i in order]
    return chosen[held_out:], chosen[:held_out]


def reviews(path):
    """Sentences of film reviews and whether people found them kind, from vaderSentiment's sdist.

    The sets of Hutto, Gilbert, "VADER" (2014): sentences of Pang and Lee's reviews, rated by
    people; those on the fence (mean rating within 0.5 of 0) are left out.
    """
    with tarfile.open(path) as outer:
        name = next(n for n in outer.getnames() if n.endswith("hutto_ICWSM_2014.tar.gz"))
        inner = outer.extractfile(name).read()
    with tarfile.open(fileobj=io.BytesIO(inner)) as files:
        name = next(
            n for n in files.getnames() if n.endswith("movieReviewSnippets_GroundTruth.txt")
        )
        content = files.extractfile(name).read().decode("utf-8", "replace")
    rows = list(csv.reader(io.StringIO(content), delimiter="\t", quoting=csv.QUOTE_NONE))
    kept = [(text, float(rating) > 0) for _, rating, text in rows if abs(float(rating)) > 0.5]
    return [text for text, _ in kept], np.array([kind for _, kind in kept])


def _words(text):
    return text.split()


NOUNS = _words(
    "person animal plant tool building machine disease device substance place country bird fish "
    "tree muscle bone language game instrument vessel"
)
VERBS = _words(
    "make use sell carry live work write speak play teach lead study believe grow show give take "
    "help move hold"
)
ADJECTIVES = _words("small large old open early ancient ordinary evil artificial young")


def pairs():
    """Good and bad texts that differ in one word: agreement in number, and a or an.

    Some hundreds of each kind: a noun and its verb, one or many, with words between or without;
    this and these; several; one of; a and an.
    """
    found = {
        "verb, one": [], "verb, many": [], "verb, words between": [], "this and these": [],
        "several": [], "one of": [], "a and an": [],
    }  # fmt: skip
    for noun, verb in itertools.product(NOUNS, VERBS):
        one, many = f"{_article(noun)} {noun} that", f"{_plural(noun)} that"
        far = f"{_article(noun)} {noun} in the old houses that"
        right = _plural(verb)
        found["verb, one"].append((f"{one} {right} things", f"{one} {verb} things"))
        found["verb, many"].append((f"{many} {verb} things", f"{many} {right} things"))
        found["verb, words between"].append((f"{far} {right}", f"{far} {verb}"))
    for noun, adjective in itertools.product(NOUNS, ADJECTIVES):
        one, many = noun, _plural(noun)
        found["this and these"].append((f"these {adjective} {many}", f"this {adjective} {many}"))
        found["this and these"].append((f"this {adjective} {one}", f"these {adjective} {one}"))
        found["several"].append((f"several {adjective} {many}", f"several {adjective} {one}"))
        found["one of"].append((f"one of the {adjective} {many}", f"one of the {adjective} {one}"))
        right = _article(adjective)
        wrong = "an" if right == "a" else "a"
        found["a and an"].append((f"{right} {adjective} {one}", f"{wrong} {adjective} {one}"))
    return found


def _article(word):
    return "an" if word[0] in "aeiou" else "a"


def _plural(noun):
    """Of a noun; a verb after one person is written the same way."""
    if noun == "person":
        return "people"
    if noun == "fish":
        return "fishes"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")
