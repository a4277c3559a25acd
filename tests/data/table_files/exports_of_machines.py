"""What programs for statistics, surveys and machines write."""

from export_files import (
    CITIES,
    COUNTED,
    INDEX,
    ROWS,
    add,
    days,
    floats,
    gaps,
    german,
    of,
    pick,
    plain,
    sentences,
    whole,
)

of(
    "SAS, dots for what is missing",
    [
        ("SUBJID", [f"{i:04}" for i in range(1, ROWS + 1)], "identifier"),
        ("WEIGHT", gaps(floats(1), "."), "number"),
        ("VISITDT", [f"{d[8:]}JAN{d[:4]}" for d in days()], "date"),
        ("SEX", pick(["M", "F"]), "category"),
    ],
)
of(
    "Stata, outsheet",
    [
        ("make", [f"make {i}" for i in range(ROWS)], "identifier"),
        ("price", whole(3000, 9000), "number"),
        ("rep78", gaps(whole(1, 6), "."), "number"),
        ("foreign", pick(["Domestic", "Foreign"]), "category"),
    ],
    ".txt",
    separator="\t",
)
of(
    "SPSS, german",
    [
        ("lfdn", COUNTED, "identifier"),
        ("v1", gaps(whole(1, 6), "#NULL!"), "number"),
        ("gewicht", german(floats(3, 1.0)), "number"),
        ("geschlecht", pick(["männlich", "weiblich"]), "category"),
    ],
    separator=";",
    encoding="utf-8-sig",
    end="\r\n",
)
of(
    "survey, questions for names",
    [
        ("Response ID", [f"R_{i * 7919 + 13:x}" for i in range(ROWS)], "identifier"),
        ("Q1: How do you feel, all in all?", pick(["Good", "Fair", "Poor"]), "category"),
        ('Q2: What does "often" mean?\n(in days)', whole(1, 30), "number"),
        ("Finished", ["True"] * ROWS, "constant"),
        ("Q3", [""] * ROWS, "empty"),
    ],
    encoding="utf-8-sig",
)
survey = [
    ("id", COUNTED, "identifier"),
    ("Other", pick("abc"), "category"),
    ("Other (2)", floats(), "number"),
    ("column 4", pick("xy"), "category"),
    ("Other (3)", whole(0, 99), "number"),
]
add(
    "survey, names twice and none",
    plain(["id", "Other", "Other", "", "Other "], [cells for _, cells, _ in survey]),
    survey,
)

# machines
of(
    "log with bars",
    [
        ("time", [f"{d} 10:00:00,123" for d in days()], "date"),
        ("level", pick(["INFO", "WARN", "ERROR"]), "category"),
        ("ms", whole(1, 900), "number"),
        ("message", sentences(), "text"),
    ],
    ".txt",
    write=plain,
    separator="|",
)
spaced = [("time", INDEX, "number"), ("x", floats(), "number"), ("y", floats(), "number")]
add(
    "sensor, spaces after commas",
    plain([n for n, *_ in spaced], [c for _, c, _ in spaced], ", "),
    [spaced[0], *((n, [f" {v}" for v in c], kind) for n, c, kind in spaced[1:])],
)
of(
    "sensor, degrees in latin-1",
    [
        ("t (s)", [f"{i * 0.5:.1f}" for i in range(ROWS)], "number"),
        ("temp (°C)", floats(2, 10.0), "number"),
        ("flow (µl/s)", floats(3, 1.0), "number"),
    ],
    encoding="latin-1",
)
of("one column of numbers", [("x", floats(), "number")])
of("one column of decimal commas", [("x", german(floats()), "number")])
of("one column of sentences", [("review", sentences(), "text")], write=plain)
of("one column of words", [("city", pick(CITIES), "category")])
of("nothing but gaps in a column", [("a", [""] * ROWS, "empty"), ("b", floats(), "number")])
of(
    "addresses of pages",
    [
        ("url", [f"https://a.example/p?id={i}&q=a,b;c|d" for i in range(ROWS)], "identifier"),
        ("clicks", whole(0, 500), "number"),
        ("agent", pick(["Mozilla/5.0 (X11; Linux)", "curl/8.1"]), "category"),
    ],
)
of(
    "cells of JSON",
    [
        ("id", COUNTED, "identifier"),
        ("payload", [f'{{"a": {i}, "b": [1, 2]}}' for i in range(ROWS)], "text"),
        ("bytes", whole(100, 9999), "number"),
    ],
)
