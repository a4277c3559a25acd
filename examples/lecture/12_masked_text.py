"""Masked text: blanks, and what could stand in them
=================================================

A small BERT of Python's documentation fills blanks: one softmax over all tokens ranks the fillings,
"a" beside "the", where least squares would have to take their average. Two blanks are filled
together, and a sentence in order has less energy than its words in another.
"""

import pydoc_data.topics
import warnings

import numpy as np
from matplotlib.figure import Figure

from thalweg.estimators import MaskedLanguageModel
from thalweg.gallery import quick, save
from thalweg.plots import COLOURS

texts = [
    " ".join(part.split())
    for topic in pydoc_data.topics.topics.values()
    for part in topic.split("\n\n")
    if part.strip() and part.count("*") < 10
]
# a few of the documentation's paragraphs are longer than the context, and are split
warnings.filterwarnings("ignore", message=".*were split")
model = MaskedLanguageModel(
    2000,
    layers=2,
    width=96,
    epochs=1 if quick() else 12,
    batch_tokens=1024,
    learning_rate=0.02,
    random_state=0,
).fit(texts[:300] if quick() else texts)

asked = [
    "The object is [MASK] string.",
    "If the attribute is not [MASK], an exception is raised.",
    "A class [MASK] a [MASK] of methods.",
]
drawn = Figure(figsize=(8, 6.6), dpi=120, layout="constrained")
*bars, order = drawn.subplots(len(asked) + 1, 1)
for axes, text, found in zip(bars, asked, model.completions(asked, top=5), strict=True):
    names = [" ... ".join(each.pieces) for each in found]
    axes.barh(range(len(found)), [each.probability for each in found], color=COLOURS[0])
    axes.set_yticks(range(len(found)), names)
    axes.invert_yaxis()
    ranked = " (ranked by the energy of the whole)" if text.count("[MASK]") > 1 else ""
    axes.set_title(text + ranked, loc="left", fontsize=10)
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
