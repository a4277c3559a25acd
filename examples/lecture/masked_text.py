"""A sentence with blanks, and what could stand in them: a small BERT of Python's documentation.

python examples/lecture/masked_text.py [FILE]

Bars: the probability of the likeliest fillings. One softmax holds all of them, "a" beside "the",
where least squares would have to take their average. Two blanks are filled in together.
"""

import pydoc_data.topics
import sys
import warnings

from matplotlib.figure import Figure

from thalweg.estimators import MaskedLanguageModel
from thalweg.plots import save_figure

texts = [
    " ".join(part.split())
    for topic in pydoc_data.topics.topics.values()
    for part in topic.split("\n\n")
    if part.strip() and part.count("*") < 10
]
# a few of the documentation's paragraphs are longer than the context, and are split
warnings.filterwarnings("ignore", message=".*were split")
model = MaskedLanguageModel(
    2000, layers=2, width=96, epochs=6, batch_tokens=1024, learning_rate=0.02, random_state=0
).fit(texts)

asked = [
    "The object is [MASK] string.",
    "If the attribute is not [MASK], an exception is raised.",
    "A class [MASK] a [MASK] of methods.",
]
figure = Figure(figsize=(7, 5.2), layout="constrained")
for axes, text, found in zip(
    figure.subplots(len(asked), 1), asked, model.completions(asked, top=5), strict=True
):
    names = [" ... ".join(each.pieces) for each in found]
    axes.barh(range(len(found)), [each.probability for each in found], color="#0072b2")
    axes.set_yticks(range(len(found)), names)
    axes.invert_yaxis()
    axes.set_title(text, loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    sys.stdout.write(f"{text} -> {found[0].text}\n")
axes.set_xlabel("probability")
save_figure(figure, sys.argv[1] if len(sys.argv) > 1 else "masked_text.png")

fits = model.energy(["The value is a string."])[0]
does_not = model.energy(["String a is value the."])[0]
sys.stdout.write(f"energy of a sentence {fits:.1f}, of its words in another order {does_not:.1f}\n")
