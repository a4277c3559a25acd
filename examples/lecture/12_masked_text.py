r"""Masked text: blanks, and what could stand in them
=================================================

.. math::
    F(y) = -\sum_{t \text{ hidden}} \log p(y_t \mid \text{what is visible})

A small BERT of the documentation of Python, NumPy and SciPy fills blanks: one softmax over all
tokens ranks the fillings, "a" beside "the", where least squares would have to take their average.
Two blanks are filled together, and a sentence in order has less energy than its words in another.
"""

import inspect
import pydoc_data.topics
import re
import warnings
from importlib import import_module

import numpy as np
from matplotlib.figure import Figure

from thalweg.estimators import MaskedLanguageModel
from thalweg.gallery import quick, save
from thalweg.plots import COLOURS

MODULES = """numpy numpy.linalg numpy.random scipy.stats scipy.linalg scipy.optimize scipy.signal
collections logging argparse threading json random statistics unittest datetime pathlib
email.message decimal subprocess"""
pages = list(pydoc_data.topics.topics.values())
for name in MODULES.split():
    for each in vars(import_module(name)).values():
        methods = vars(each).values() if inspect.isclass(each) else ()
        pages += [inspect.getdoc(one) or "" for one in (each, *methods) if callable(one)]
texts = [" ".join(part.split()) for page in pages for part in page.split("\n\n")]
# sentences alone: no tables, no signatures, no code
texts = [text for text in dict.fromkeys(texts) if re.fullmatch(r"[A-Z][^>*=|`]{50,500}\.", text)]
texts = [text for text in texts if "---" not in text]
# a few paragraphs are longer than the context, and are split
warnings.filterwarnings("ignore", message=".*were split")
model = MaskedLanguageModel(
    2000, layers=2, width=96, epochs=1 if quick() else 8, batch_tokens=1024, learning_rate=0.02,
    random_state=0,
).fit(texts[:300] if quick() else texts)  # fmt: skip

asked = [
    "The object is [MASK] string.",
    "Return [MASK] if the string is [MASK].",
    "The [MASK] of the array must [MASK] positive.",
]
drawn = Figure(figsize=(8, 6.6), dpi=120, layout="constrained")
*bars, order = drawn.subplots(len(asked) + 1, 1)
for axes, text, found in zip(bars, asked, model.completions(asked, top=5), strict=True):
    found = sorted(found, key=lambda each: -each.probability)
    names = [" ... ".join(each.pieces) for each in found]
    axes.barh(range(len(found)), [each.probability for each in found], color=COLOURS[0])
    axes.set_yticks(range(len(found)), names)
    axes.invert_yaxis()
    axes.set_title(text, loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
bars[-1].set_xlabel("probability")

random = np.random.default_rng(0)
sentences = [
    "The value is a string.",
    "The object must be a class.",
    "It is called with no arguments.",
]
for at, text in enumerate(sentences):
    words = text[:-1].split()
    # the first word keeps its place: a capital elsewhere would be odd for itself
    shuffled = [" ".join([words[0], *random.permutation(words[1:])]) + "." for _ in range(30)]
    order.plot(model.energy(shuffled), np.full(30, at), "|", color=COLOURS[3], markersize=10)
    order.plot(model.energy([text]), [at], "o", color=COLOURS[0])
order.set_yticks(range(len(sentences)), sentences)
order.set(ylim=(len(sentences) - 0.5, -0.5), xlabel="energy: -sum of log p(token | all others)")
order.set_title(
    "in order (dot), and with all words but the first shuffled (ticks)", loc="left", fontsize=10
)
order.spines[["top", "right"]].set_visible(False)
save(drawn)
