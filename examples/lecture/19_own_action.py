r"""An action of one's own: what is chosen, and what the world does
===============================================================

.. math::
    F(x, y) = -\log \sum_z e^{-E(x, y, z)}, \qquad x \text{ the action}, \; z \text{ the gust}, \;
    y \text{ where it lands}

A ball is thrown to x, and a gust that nobody can foresee carries it left or right, little where
there is shelter and far in the open: the thrower chooses x, the world chooses z. Least squares
predicts the middle of what may happen, where two throws look equally good; who has all predictions,
as z varies, knows that of one of them every ball ends in the pocket, and of the other none.
"""

import numpy as np

from thalweg.estimators import LatentRegressor
from thalweg.gallery import quick, save
from thalweg.plots import COLOURS, Node, draw_diagram, draw_landscape, figure

POCKET = (0.1, 1.1)


def world(x, random):
    """Where balls thrown to x land: the further right, the further a gust carries them."""
    gust = np.where(random.random(x.shape) < 0.5, 1, -1) * (0.05 + 0.2 * (x + 2))
    return 1.2 - 0.6 * x**2 + gust + 0.06 * random.normal(size=x.shape)


random = np.random.default_rng(0)
tried = random.uniform(-2, 2, 3000)
landed = world(tried, random)
settings = {"n_steps": 100 if quick() else 2000, "random_state": 0}
least = LatentRegressor(n_components=1, **settings).fit(tried[:, None], landed)
every = LatentRegressor(n_components=2, **settings).fit(tried[:, None], landed)

actions, outcomes = np.linspace(-2, 2, 121), np.linspace(-2.6, 2.6, 261)
pairs = np.stack(np.meshgrid(actions, outcomes), axis=-1).reshape(-1, 2)  # (x, y)
energy = every.energy(pairs[:, :1], pairs[:, 1]).reshape(261, 121)
p = np.exp(-energy) / np.exp(-energy).sum(axis=0)  # p(y | x), the Gibbs distribution on the grid
within = (outcomes > POCKET[0]) & (outcomes < POCKET[1])
hoped = p[within].sum(axis=0)  # (121,)
middle = least.predict(actions[:, None])
happens = [np.mean((POCKET[0] < y) & (y < POCKET[1]))
           for y in (world(np.full(4000, x), random) for x in actions)]  # fmt: skip
off = np.abs(middle - np.mean(POCKET))
naive = [int(off[part].argmin() + part.start) for part in (slice(0, 60), slice(60, 121))]
wise = int(hoped.argmax())

drawn = figure(16, 5.4, 1, 3)
boxes, surface, odds = drawn.axes
draw_diagram(boxes, {
    "x": Node(0.1, 0.3, "x", "observed"), "z": Node(0.1, 0.7, "z", "latent"),
    "g": Node(0.45, 0.5, "g(x, z)"), "C": Node(0.8, 0.5, "E", "cost"),
    "y": Node(0.8, 0.2, "y", "observed"),
}, [("x", "g"), ("z", "g"), ("g", "C"), ("y", "C")],
    "x: the throw, chosen; z: the gust, not seen; y: where it lands", 15)  # fmt: skip
draw_landscape(surface, actions, outcomes, np.minimum(energy, energy.min() + 12),
               np.stack([tried, landed], axis=1)[:600], title="F(x, y): two valleys")  # fmt: skip
surface.plot(actions, middle, "--", color=COLOURS[3], linewidth=2, label="least squares")
surface.axhspan(*POCKET, color="white", alpha=0.25, label="the pocket")
surface.set(xlabel="x: the throw", ylabel="y: where it lands")
odds.plot(actions, happens, color="black", label="what happens, 4000 throws each")
odds.plot(actions, hoped, "--", color=COLOURS[0], linewidth=2, label="p(y in the pocket | x)")
for at, name, colour in (
    (naive[0], "one throw of least squares", 3),
    (naive[1], "another, as good", 1),
    (wise, "best of all z", 0),
):
    odds.plot(actions[at], happens[at], "o", color=COLOURS[colour], markersize=11,
              label=f"{name}: {happens[at]:.0%} are in the pocket")  # fmt: skip
    surface.axvline(
        actions[at], color=COLOURS[colour], linewidth=2, linestyle="-" if at == wise else ":"
    )
odds.set(title="how often a throw ends in the pocket", xlabel="x: the throw", ylim=(-0.03, 1.5))
for axes in (surface, odds):
    axes.legend(loc="upper left", fontsize=9, facecolor="#dddddd")
save(drawn)
