"""A denoising autoencoder: spoil rows, learn the way back
=======================================================

Rows of the spiral are spoiled by noise and a network learns to bring them back: where it sends
points is a field of arrows towards the curve, and the energy, the squared length of the arrow in
units of each column's spread, grows with the square of the distance as far as the noise reaches;
midway between the arms, where the way back is a toss-up, it is low too. To use it is to follow the
arrows: noisy rows come back to the curve.
"""

import math

import numpy as np
import torch

from thalweg.data import spiral
from thalweg.estimators import DenoisingAutoencoder
from thalweg.gallery import quick, save, surface
from thalweg.plots import COLOURS, figure

NOISE = 0.2
generator = torch.Generator().manual_seed(0)
rows = spiral(5000, generator).double()
model = DenoisingAutoencoder(32, noise=NOISE, n_steps=400 if quick() else 3000, random_state=0).fit(
    rows
)
sigma = NOISE * float(rows.std(dim=0).mean())


def sent(points):
    """Where the network sends points."""
    return model.inverse_transform(model.transform(points))


drawn = figure(15, 9, 2, 3)
spoil, loss, field, growth, used, better = drawn.axes[:6]
noisy = rows + NOISE * rows.std(dim=0) * torch.randn(rows.shape, generator=generator)
spoil.plot(*rows[:600].T, ".", color="grey", markersize=3, label="rows")
for clean, spoiled in zip(rows[:120].tolist(), noisy[:120].tolist(), strict=True):
    spoil.annotate("", spoiled, clean, arrowprops={"arrowstyle": "->", "color": COLOURS[3]})
spoil.set_title("corruption: noise on every row")
loss.semilogy(np.convolve(model.history_.losses, np.ones(20) / 20, "valid"), color=COLOURS[0])
loss.set(title="training: squared error of what comes back", xlabel="step, means of 20")
surface(field, model.energy_, 1.2, title="where points are sent (half the way), over F", top=0.25)
axis = np.linspace(-1.1, 1.1, 23)
points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
field.quiver(*points.T, *(sent(points) - points).T, angles="xy", scale_units="xy", scale=2,
             width=0.003, color="white")  # fmt: skip

t = np.linspace(0.35, 0.95, 200) * 3 * math.pi
curve = t[:, None] / (3 * math.pi) * np.stack([np.cos(t), np.sin(t)], axis=1)
along = np.stack([np.cos(t) - t * np.sin(t), np.sin(t) + t * np.cos(t)], axis=1)
normal = np.stack([-along[:, 1], along[:, 0]], axis=1) / np.linalg.norm(along, axis=1)[:, None]
distance = np.geomspace(0.1, 3, 20) * sigma
base = model.energy(curve).mean()
both = np.array([np.concatenate([curve + d * normal, curve - d * normal]) for d in distance])
grown = model.energy(both.reshape(-1, 2)).reshape(20, -1).mean(axis=1) - base
within = (distance > 0.25 * sigma) & (distance < sigma)
slope = np.polyfit(np.log(distance[within]), np.log(grown[within]), 1)[0]
growth.loglog(distance / sigma, grown, "o-", color=COLOURS[0], label="measured")
growth.loglog(distance / sigma, grown[within][0] * (distance / distance[within][0]) ** 2, "--",
              color="grey", label="slope 2")  # fmt: skip
growth.axvspan(0.25, 1, alpha=0.15, label=f"fitted here: exponent {slope:.2f}")
growth.set(title="quadratic as far as the noise reaches", ylabel="F - F on the curve",
           xlabel="distance / noise")  # fmt: skip

back = sent(noisy.numpy())
used.plot(*noisy[:600].T, ".", color=COLOURS[1], markersize=3, label="noisy")
used.plot(*back[:600].T, ".", color=COLOURS[0], markersize=3, label="sent back once")
used.set_title("use: rows without their noise")
for axes in (spoil, used):
    axes.set(aspect="equal", xlim=(-1.2, 1), ylim=(-1, 1.2), xticks=[-1, 0, 1])
for each, colour, name in ((noisy, COLOURS[1], "noisy"), (back, COLOURS[0], "sent back once")):
    off = torch.cdist(torch.as_tensor(each), rows).min(dim=1).values / sigma
    better.hist(off.numpy(), np.linspace(0, 3, 61), color=colour, alpha=0.6,
                label=f"{name}: mean {float(off.mean()):.2f}")  # fmt: skip
better.set(title="distance from the curve / noise", xlabel="distance / noise", ylabel="rows")
for axes in (spoil, growth, used, better):
    axes.legend(fontsize=8, loc="lower right" if axes is growth else "upper right")
save(drawn)
