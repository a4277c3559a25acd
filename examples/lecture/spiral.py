"""The spiral: surface, wells, F against F_beta, descent, and the two questions of the lecture.

python examples/lecture/spiral.py [FILE]
"""

import sys

import torch

from thalweg.data import spiral
from thalweg.demo import spiral_figure
from thalweg.estimators import KMeans
from thalweg.plots import save_figure

generator = torch.Generator().manual_seed(0)
y = spiral(2000, generator, noise=0.01)
model = KMeans(n_clusters=20, random_state=0).fit(y)
save_figure(spiral_figure(model, y, generator), sys.argv[1] if len(sys.argv) > 1 else "spiral.png")
