"""Small export files as spreadsheets, databases and programs write them, built in code.

Each has what a careful person reads in it: names, the first rows as cells, the kind of each column.
"""

import csv
import io
from typing import NamedTuple

import numpy as np

ROWS = 36


class Export(NamedTuple):
    name: str
    content: bytes
    names: list[str]
    rows: list[tuple]
    """the first cells of the file, None where there is nothing"""
    kinds: list[str]
    """number, category, truth value, date, identifier, text, constant or empty"""
    ending: str = ".csv"


EXPORTS: list[Export] = []

random = np.random.default_rng(20)
CITIES = ["Berlin", "Paris", "London", "Madrid"]
UMLAUTS = ["Köln", "München", "Düsseldorf", "Nürnberg"]
ACCENTS = ["Orléans", "Besançon", "Nîmes", "Sète"]


def pick(words):
    return [words[i] for i in random.integers(0, len(words), ROWS)]


def floats(digits=2, scale=100.0):
    return [f"{value:.{digits}f}" for value in random.gamma(2.0, scale, ROWS)]


def whole(low, high):
    return [str(value) for value in random.integers(low, high, ROWS)]


def days():
    return [f"{2021 + i % 3}-{1 + (i * 5) % 12:02}-{1 + (i * 7) % 28:02}" for i in range(ROWS)]


def german(values):
    return [value.replace(".", ",") for value in values]


def grouped(values, mark):
    return [f"{float(value) * 100:,.2f}".replace(",", mark) for value in values]


def sentences():
    verbs, things = ["called", "wrote", "came", "asked"], ["invoice", "delivery", "visit", "refund"]
    return [
        f"Customer {verb} twice about the {thing}, see note {i * 37 + 11}"
        for i, (verb, thing) in enumerate(zip(pick(verbs), pick(things), strict=True))
    ]


def gaps(values, marker="", every=7):
    return [marker if i % every == 3 else value for i, value in enumerate(values)]


def ids(prefix, start=100):
    return [f"{prefix}{start + 7 * i}" for i in range(ROWS)]


COUNTED = [str(i + 1) for i in range(ROWS)]
INDEX = [str(i) for i in range(ROWS)]


def text_of(header, columns, separator=",", quoting=csv.QUOTE_MINIMAL, end="\n"):
    """What Python's csv writes of some columns."""
    file = io.StringIO()
    writer = csv.writer(file, delimiter=separator, quoting=quoting, lineterminator=end)
    if header is not None:
        writer.writerow(header)
    writer.writerows(zip(*columns, strict=True))
    return file.getvalue()


def plain(header, columns, separator=",", end="\n"):
    """Cells between separators, with nothing around them."""
    lines = [*([] if header is None else [header]), *zip(*columns, strict=True)]
    return "".join(separator.join(line) + end for line in lines)


def add(name, content, columns, ending=".csv", encoding="utf-8"):
    """Of columns as (name, cells, kind)."""
    names, cells = [n for n, *_ in columns], [c for _, c, _ in columns]
    rows = [tuple(cell or None for cell in row) for row in zip(*cells, strict=True)]
    content = content if isinstance(content, bytes) else content.encode(encoding)
    EXPORTS.append(Export(name, content, names, rows, [kind for *_, kind in columns], ending))


def of(name, columns, ending=".csv", encoding="utf-8", before="", write=text_of, **how):
    """A file that is written as it is read."""
    text = before + write([each for each, _, _ in columns], [c for _, c, _ in columns], **how)
    add(name, text, columns, ending, encoding)


def sales(decimal=str, cities=CITIES):
    return [
        ("Order", ids("A-"), "identifier"),
        ("City", pick(cities), "category"),
        ("Amount", decimal(floats()), "number"),
        ("Units", whole(1, 40), "number"),
        ("Date", days(), "date"),
    ]


def same(values):
    return values
