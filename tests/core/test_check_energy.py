"""The laws of energies: a broken one is named, and whole ones pass."""

import copy
import math

import pytest
import torch
from torch import nn

from thalweg.core import Energy, InputError, check_energy
from thalweg.energies import (
    Bernoulli,
    GaussianNoise,
    IndependentSources,
    Normal,
    NormalMixture,
    Perceptron,
    Reconstruction,
)
from thalweg.latents import Encoder, Flat, FreeEnergy


def rows(n=16, d=3, kind=torch.float64):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(0), dtype=kind)


class Changed(Energy):
    """A normal density, one part of which is changed."""

    def __init__(self, **parts):
        super().__init__()
        self.normal = Normal(torch.zeros(3), torch.eye(3)).double()
        self.parts = parts

    def _part(self, name, *given):
        part = self.parts.get(name)
        return getattr(self.normal, name)(*given) if part is None else part(self.normal, *given)

    def forward(self, y, x=None):
        return self._part("forward", y)

    def value_and_gradient(self, y, x=None):
        if "value_and_gradient" in self.parts or "forward" not in self.parts:
            return self._part("value_and_gradient", y)
        return super().value_and_gradient(y)

    def slope(self, y, x=None):
        return self._part("slope", y) if "slope" in self.parts else super().slope(y)

    def restricted(self, visible):
        return self.parts["restricted"](self, visible) if "restricted" in self.parts else None

    @property
    def minimizes_hidden(self):
        return "minimizes" in self.parts

    def draw(self, n, generator):
        return self._part("draw", n, generator)

    def log_normalizer(self):
        return self._part("log_normalizer")


class View(Energy):
    """What is visible of a parabola, hidden coordinates being at their minimum."""

    def __init__(self, visible, peeks=0.0, most=0.0, twice=True):
        super().__init__()
        self.visible, self.peeks, self.most, self.twice = visible, peeks, most, twice

    def forward(self, y, x=None):
        seen = torch.where(self.visible, y, 0)
        other = torch.where(self.visible, 0, y.nan_to_num(1.0))
        hidden = (~self.visible).sum(dim=1)
        extra = self.peeks * other.sum(dim=1) + self.most * hidden
        return 0.5 * seen.square().sum(dim=1) + 1.5 * math.log(2 * math.pi) * 0 + extra

    def restricted(self, visible):
        return View(self.visible & visible if self.twice else visible, self.peeks, self.most)


def parabola(normal, y):
    return 0.5 * y.square().sum(dim=1)


def view(**settings):
    return {
        "forward": parabola,
        "restricted": lambda energy, visible: View(visible, **settings),
        "draw": lambda normal, n, generator: None,
        "log_normalizer": lambda normal: None,
    }


def kinked(normal, y):
    # a function whose slope autograd is not told of
    return normal(y) + (3 * y[:, 0]).detach()


def related(y):
    """Columns with the same mean and spread, which say something about one another."""
    return torch.stack([y[:, 0], 0.3 * y[:, 0] + 0.91**0.5 * y[:, 1], y[:, 2]], dim=1)


BROKEN = {
    "shape": [
        ({"forward": lambda normal, y: normal(y).sum()}, "expected floating"),
        ({"forward": lambda normal, y: normal(y)[:, None]}, r"\(16, 1\)"),
        ({"forward": lambda normal, y: normal(y).long()}, "int64"),
    ],
    "numbers": [
        ({"forward": lambda normal, y: normal(y) + (y[:, 0] - 9).log()}, "row 0 has energy nan"),
        ({"forward": lambda normal, y: (y[:, 0].abs() * 0).log()}, "-inf"),
    ],
    "repeats": [({"forward": lambda normal, y: normal(y) + torch.rand(len(y)).double()}, "again")],
    "rows": [
        ({"forward": lambda normal, y: normal(y - y.mean(dim=0))}, "fewer others"),
        ({"forward": lambda normal, y: normal(y) + torch.arange(len(y)).double() / 100}, "alone"),
    ],
    "gradient": [
        ({"value_and_gradient": lambda normal, y: (normal(y), 1.01 * normal.gradient(y))},
         "gradient by value_and_gradient"),
        ({"value_and_gradient": lambda normal, y: (normal(y) + 1, normal.gradient(y))},
         "energy by value_and_gradient"),
        ({"slope": lambda normal, y: -normal.slope(y)}, "has slope"),
        ({"forward": kinked}, "by differences"),
        ({"forward": lambda normal, y: torch.where(
            y[:, 0] > 0.5, (y * y.detach()).sum(dim=1), y.square().sum(dim=1))}, "by differences"),
    ],
    "jumps": [
        ({"forward": lambda normal, y: normal(y) + 0.5 * (y[:, 0] > 0.1)}, "it jumps from"),
        ({"forward": lambda normal, y: normal(y) + torch.where(y[:, 0] > 0.1, 1e6, 0)}, "jumps"),
    ],
    "hidden": [
        (view(most=1.0) | {"minimizes": True}, "expected the minimum"),
        (view(peeks=1.0), "another number behind it"),
        (view(twice=False), "hidden twice"),
        (view() | {"forward": lambda normal, y: parabola(normal, y) + 1}, "nothing hidden"),
    ],
    "draws": [
        ({"log_normalizer": lambda normal: normal.log_normalizer() + 0.2}, "log Z is said"),
        ({"draw": lambda normal, n, generator: normal.draw(n, generator) + 0.2}, "draws have mean"),
        ({"draw": lambda normal, n, generator: 1.2 * normal.draw(n, generator)}, "spread"),
        ({"draw": lambda normal, n, generator: normal.draw(n, generator).sign()}, "spread"),
        ({"draw": lambda normal, n, generator: related(normal.draw(n, generator))},
         "spread otherwise than exp.-F. in columns 0 and 1"),
        ({"draw": lambda normal, n, generator: torch.ones(n, 3).double()}, "all the same"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("law", "parts", "said"),
    [(law, *each) for law, several in BROKEN.items() for each in several],
)
def test_the_law_that_is_broken_is_named(law, parts, said):
    energy = Changed(**parts)
    with pytest.raises(InputError, match=f"Changed breaks the law '{law}'.*{said}"):
        check_energy(energy, rows())
    # those before it are kept, and it is this one alone that says no
    laws = list(BROKEN)
    check_energy(energy, rows(), except_for=laws[laws.index(law) :])
    with pytest.raises(InputError, match=said):
        check_energy(energy, rows(), except_for=[each for each in laws if each != law])


def test_whole_ones_pass():
    check_energy(Changed(), rows())
    check_energy(Changed(**view()), rows())
    check_energy(Changed(**view(), minimizes=True), rows())
    check_energy(NormalMixture(rows(4), 0.3), rows())
    check_energy(Normal(torch.zeros(20), torch.eye(20)), rows(8, 20, torch.float32))
    check_energy(IndependentSources(torch.eye(3), torch.zeros(3), torch.tensor([True] * 3)),
                 rows(kind=torch.float32))  # fmt: skip


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_modules_and_functions_are_checked_too(kind):
    network = nn.Sequential(nn.Linear(3, 20), nn.ReLU(), nn.Linear(20, 1), nn.Flatten(0)).to(kind)
    before = copy.deepcopy(network.state_dict())
    check_energy(network, rows(kind=kind))
    assert all(torch.equal(before[name], each) for name, each in network.state_dict().items())
    check_energy(lambda y, x: (y - x).square().sum(dim=1), rows(kind=kind), rows(kind=kind).flip(0))
    images = rows(kind=kind).reshape(4, 1, 3, 4)
    check_energy(lambda y: y.square().mean(dim=(1, 2, 3)), images)
    normed = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Linear(8, 1), nn.Flatten(0))
    with pytest.raises(InputError, match="Sequential breaks the law 'rows'"):
        check_energy(normed.to(kind), rows(kind=kind))
    check_energy(normed.eval(), rows(kind=kind))
    dropped = nn.Sequential(nn.Dropout(), nn.Linear(3, 1), nn.Flatten(0)).to(kind)
    with pytest.raises(InputError, match=r"'repeats'.*dropout"):
        check_energy(dropped, rows(kind=kind))


SINGLE = torch.randn(2, 3, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize(("energy", "said"), [
    (lambda y: (y @ SINGLE).square().sum(1) + 5 * (y[:, 0] > 0), "'jumps'"),
    (lambda y: ((y @ SINGLE) * (y @ SINGLE).detach()).sum(1), "'gradient'"),
])  # fmt: skip
def test_what_is_of_single_precision_alone_is_checked_in_it(energy, said):
    y = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))
    with pytest.raises(InputError, match=said):
        check_energy(energy, y)
    check_energy(lambda at: (at @ SINGLE).square().sum(1), y)


def test_what_is_right_is_left_in_peace():
    """Kinks that every row lies on, columns of any width, rows that coincide, half precision."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(32, 1, 12, 12, generator=generator)
    images = images * (torch.rand(images.shape, generator=generator) > 0.9)
    torch.manual_seed(0)
    pooled = nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 1), nn.Flatten(0))
    deep = nn.Sequential(
        nn.Conv2d(1, 8, 3, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32, 1),
        nn.Flatten(0),
    )  # fmt: skip
    for network in (pooled, deep):
        check_energy(network, images)
    y = torch.randn(40, 2, generator=generator)
    scale, centers = torch.tensor([1e6, 1e-3]), torch.randn(4, 2, generator=generator)

    def wells(at):
        away = (at / scale.to(at))[:, None] - centers.to(at)
        return -torch.logsumexp(-0.5 * away.square().sum(dim=2), dim=1)

    check_energy(wells, y * scale)
    check_energy(lambda at: torch.cdist(at, centers.to(at)).amin(dim=1), centers.repeat(3, 1) + 0)
    check_energy(lambda at: at.square().sum(dim=1), torch.ones(10, 2))
    check_energy(lambda at: torch.where(at.norm(dim=1) < 3, at.square().sum(1), torch.inf), y)
    network = nn.Sequential(nn.Linear(2, 16), nn.SiLU(), nn.Linear(16, 1), nn.Flatten(0))
    for kind in (torch.bfloat16, torch.float16):
        check_energy(copy.deepcopy(network).to(kind), y)
    check_energy(network, y.double().numpy())
    check_energy(lambda at: at.square().sum(dim=1) + 1e7, y)


def test_looking_changes_nothing():
    normed = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Linear(8, 1), nn.Flatten(0))
    before = copy.deepcopy(normed.state_dict())
    with pytest.raises(InputError, match="'rows'"):
        check_energy(normed, rows(kind=torch.float32))
    assert all(torch.equal(before[name], each) for name, each in normed.state_dict().items())


def test_binary_energies_are_counted():
    bits = (rows() > 0).double()
    check_energy(Bernoulli(rows(1)[0]), bits)

    class Shifted(Bernoulli):
        def log_normalizer(self):
            return super().log_normalizer() + 0.01

    class Even(Bernoulli):
        def draw(self, n, generator):
            return (torch.rand(n, 3, generator=generator) < 0.5).double()

    with pytest.raises(InputError, match="'draws': log Z is said to be"):
        check_energy(Shifted(rows(1)[0]), bits)
    with pytest.raises(InputError, match="'draws': draws have 1 in column 0"):
        check_energy(Even(rows(1)[0]), bits)


def test_a_bound_is_told_from_a_density():
    """With codes by an encoder F is above the minimum: it need not be what hides entries is."""
    encoder = Perceptron((3, 4, 1), generator=torch.Generator().manual_seed(0))
    decoder = Perceptron((1, 4, 3), generator=torch.Generator().manual_seed(1))
    energy = FreeEnergy(Reconstruction(decoder, Flat(1), GaussianNoise()), Encoder(encoder))
    check_energy(energy.double(), rows(), except_for=["hidden"])


def test_what_cannot_be_checked_is_said():
    with pytest.raises(InputError, match="except_for has shapes; expected of shape, numbers"):
        check_energy(Changed(), rows(), except_for=["shapes"])
    with pytest.raises(InputError, match="at least two; got shape"):
        check_energy(Changed(), rows(1))
    with pytest.raises(InputError, match="x has 2 rows, and rows 16"):
        check_energy(Changed(), rows(), rows(2))
