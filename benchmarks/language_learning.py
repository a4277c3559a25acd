"""What a small BERT learns from WordNet's glosses: hidden tokens, agreement, sentiment.

python benchmarks/language_learning.py [--corpus DIR] [--epochs 3] [--precision bf16] [--model DIR]
    [--reviews FILE] [--fillings 100]

DIR holds WordNet (Debian: wordnet-base); without it nothing is measured, and said so. 5,000
glosses are held out; 15 in 100 of their tokens are hidden. Beside the model: unigram, bigram and
5-gram (interpolated Kneser-Ney) of the same tokens, which are shown all that stands before a
token, hidden or not. Pairs: how often the good text has less energy, ties counted half (thalweg
energy --pairs does so for files). Fillings: of so many texts, how often the tokens that were
hidden are found again. FILE is vaderSentiment's source distribution, which has sentences of film
reviews and how kind people found them: logistic regressions with 20, 200 and all labels of the
training half, on the representation and on words (tf-idf of single words and pairs), the penalty
chosen by cross-validation in those labels; medians of ten draws of the labels. --model keeps the
model, and takes it from there if it is there already.
"""

import argparse
import math
import sys
import time
from pathlib import Path

import corpora
import numpy as np
import scipy.sparse
import torch
from ngrams import KneserNey
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegressionCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import thalweg
from thalweg import questions
from thalweg.core import HIDDEN_TOKEN
from thalweg.data import TokenRows, as_texts
from thalweg.estimators import MaskedLanguageModel
from thalweg.pretext import Masked


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def trained(texts, options, folder):
    if folder is not None and folder.is_dir():
        return thalweg.load(folder).set_params(verbose=0)
    model = MaskedLanguageModel(
        8000, epochs=options.epochs, precision=options.precision, random_state=0, verbose=1
    )
    begun = time.perf_counter()
    model.fit(texts)
    say(f"trained in {time.perf_counter() - begun:.0f} s")
    if folder is not None:
        model.save(folder)
    return model.set_params(verbose=0)


def hidden_tokens(model, learned, held_out):
    """Loss and accuracy of hidden tokens, of the model and of counts."""
    found = model.evaluate(held_out)
    say(f"thalweg: accuracy {found.accuracy:.3f}, perplexity {found.perplexity:.1f}")
    rows = TokenRows(as_texts(held_out), model.vocabulary_, 126)
    texts = model.vocabulary_.encode(learned)
    generator = torch.Generator().manual_seed(0)
    asked = []
    for start in range(0, len(rows), 500):
        y = torch.from_numpy(rows.take(np.arange(start, min(start + 500, len(rows)))))
        hidden = Masked(0.15)(y, generator).asked
        asked += [(y[i].numpy(), int(j)) for i, j in hidden.nonzero().tolist()]
    for name, order in (("unigram", 1), ("bigram", 2), ("5-gram", 5)):
        counts = KneserNey(texts, len(model.vocabulary_), order)
        loss = right = 0.0
        for text, place in asked:
            likely = counts(text[:place])
            loss -= math.log(likely[text[place]])
            right += likely.argmax() == text[place]
        n = len(asked)
        say(f"{name}: accuracy {right / n:.3f}, perplexity {math.exp(loss / n):.1f}")
    return counts


def agreement(model, counts):
    for kind, pairs in corpora.pairs().items():
        good, bad = (list(each) for each in zip(*pairs, strict=True))
        shares = []
        for energy in (model.energy, lambda texts: surprise(model, counts, texts)):
            first, second = energy(good), energy(bad)
            shares.append(float(np.mean((first < second) + 0.5 * (first == second))))
        say(f"pairs, {kind}: {len(pairs)}, thalweg {shares[0]:.3f}, 5-gram {shares[1]:.3f}")


def surprise(model, counts, texts):
    """-log p of each text, token after token."""
    return np.array([
        -sum(math.log(counts(tokens[:i])[t]) for i, t in enumerate(tokens))
        for tokens in model.vocabulary_.encode(texts)
    ])  # fmt: skip


def fillings(model, held_out, count):
    """How often the text's own tokens are found again, by three ways to choose."""
    vocabulary, energy = model.vocabulary_, model.energy_
    known = torch.from_numpy(~vocabulary.special)
    rng = np.random.default_rng(0)
    for name, hidden, together in (
        ("one", 1, False), ("two, anywhere", 2, False), ("two, side by side", 2, True),
    ):  # fmt: skip
        found = {"each by itself": 0, "probability": 0, "energy of the text": 0}
        tokens = [t for t in vocabulary.encode(held_out) if 8 <= len(t) <= 30][:count]
        for text in tokens:
            first = rng.integers(len(text) - hidden + 1)
            place = first + np.arange(hidden)
            if not together:
                place = np.sort(rng.choice(len(text), hidden, replace=False))
            y = torch.from_numpy(text.copy())
            y[place] = HIDDEN_TOKEN
            asked = torch.from_numpy(np.isin(np.arange(len(text)), place))
            with torch.no_grad():
                likely = energy.conditional(y[None], asked[None]).masked_fill(~known, -torch.inf)
            ways = questions.fill(energy, y, known.expand(hidden, -1), top=16)
            chosen = {
                "each by itself": likely.argmax(dim=1),
                "probability": ways.tokens[ways.probability.argmax()],
                "energy of the text": ways.tokens[ways.energy.argmin()],
            }
            for way, each in chosen.items():
                found[way] += each.tolist() == text[place].tolist()
        shares = ", ".join(f"{way} {n / len(tokens):.3f}" for way, n in found.items())
        say(f"hidden, {name}: {len(tokens)} texts, {shares}")


def probe(features, labels, chosen, test):
    scale = StandardScaler(with_mean=not scipy.sparse.issparse(features))
    if scipy.sparse.issparse(features):
        scale = "passthrough"
    classifier = make_pipeline(
        scale, LogisticRegressionCV(
            Cs=np.logspace(-4, 4, 9), cv=5, max_iter=2000, l1_ratios=(0,),
            use_legacy_attributes=False,
        ),
    )  # fmt: skip
    classifier.fit(features[chosen], labels[chosen])
    return classifier.score(features[test], labels[test])


def sentiment(models, path):
    texts, labels = corpora.reviews(path)
    order = np.random.default_rng(0).permutation(len(texts))
    train, test = order[: len(texts) // 2], order[len(texts) // 2 :]
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    words.fit([texts[i] for i in train])
    features = {"words": words.transform(texts).tocsr()}
    features |= {name: model.transform(texts) for name, model in models.items()}
    say(f"sentences: {len(texts)}, kind {labels.mean():.3f}")
    for count in (20, 200, len(train)):
        draws = 10 if count < len(train) else 1
        for name, each in features.items():
            found = []
            for seed in range(draws):
                rng = np.random.default_rng(seed)
                half = count // 2
                chosen = np.concatenate([
                    rng.choice(train[labels[train] == kind], half, replace=False)
                    for kind in (False, True)
                ]) if draws > 1 else train  # fmt: skip
                found.append(probe(each, labels, chosen, test))
            spread = f" ({min(found):.3f} to {max(found):.3f})" if draws > 1 else ""
            say(f"{count} labels, {name}: {np.median(found):.3f}{spread}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--corpus", default="/usr/share/wordnet")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--reviews", type=Path)
    parser.add_argument("--fillings", type=int, default=100)
    options = parser.parse_args()
    texts = corpora.glosses(options.corpus)
    if texts is None:
        say(f"skipped: {options.corpus} does not hold WordNet")
        return
    learned, held_out = corpora.split(texts, 5000)
    model = trained(learned, options, options.model)
    counts = hidden_tokens(model, learned, held_out)
    agreement(model, counts)
    if options.fillings:
        fillings(model, held_out[2000:], options.fillings)
    if options.reviews is None:
        say("reviews: skipped, no --reviews was given")
    else:
        sentiment({"representation": model}, options.reviews)


if __name__ == "__main__":
    main()
