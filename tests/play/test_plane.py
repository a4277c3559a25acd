"""What is asked of an energy of the plane is what the library answers."""

import copy
import math

import numpy as np
import pytest
import torch

from thalweg import questions
from thalweg.core import InputError
from thalweg.estimators import PCA, GaussianMixture, KMeans, LatentRegressor, SparseCoding
from thalweg.play import plane
from thalweg.play.chains import KINDS, Chains, Traced, sampler_of
from thalweg.play.marks import alone, count, marks, strongest
from thalweg.play.scenes import TOYS, drawn_scene, numbers_of, table_scene, toy_scene
from thalweg.samplers import HMC

SCENE = toy_scene("two_moons")
ROWS = SCENE.rows


@pytest.fixture(scope="module")
def wells():
    return KMeans(12, random_state=0).fit(ROWS)


@pytest.fixture(scope="module")
def bells():
    return GaussianMixture(6, random_state=0).fit(ROWS)


def test_a_field_is_the_energy_on_a_lattice_rows_from_below(wells):
    found = plane.field(wells.energy_, SCENE, 5)
    for j, i in ((0, 0), (0, 4), (3, 1)):
        at = [low + k / 4 * (high - low)
              for k, low, high in zip((i, j), SCENE.low, SCENE.high, strict=True)]  # fmt: skip
        assert float(found[j, i]) == pytest.approx(wells.energy([at])[0], rel=1e-5)


@pytest.mark.parametrize("name", TOYS)
def test_every_scene_is_a_square_around_its_data(name):
    scene = toy_scene(name)
    low, high = torch.tensor(scene.low), torch.tensor(scene.high)
    assert bool(((scene.rows > low) & (scene.rows < high)).all())
    assert torch.allclose(high - low, (high - low)[0].expand(2))
    made = {}
    exec(scene.source, made)
    assert torch.equal(made["rows"], scene.rows)


def test_drawn_points_are_what_their_script_says():
    scene = drawn_scene(np.random.default_rng(0).uniform(-2, 2, (30, 2)))
    made = {}
    exec(scene.source, made)
    assert torch.equal(made["rows"], scene.rows)
    for wrong in ([[0, 0]], [[0, 0, 0]] * 5, [[0, math.nan]] * 5, np.zeros((30_000, 2))):
        with pytest.raises(InputError, match="drawn points"):
            drawn_scene(wrong)


def test_two_columns_of_a_table(tmp_path, monkeypatch):
    rows = ["name;height;weight", "Ada;1,70;60", "Bob;1,80;", "Cyd;1,75;70", "Dan;1,9;90", ""]
    text = "\n".join(rows)
    columns = numbers_of(text)
    assert list(columns) == ["height", "weight"]
    assert np.isnan(columns["weight"][1])
    both = np.stack(list(columns.values()), axis=1)
    scene = table_scene(both[~np.isnan(both).any(axis=1)], "people.csv", ("height", "weight"))
    assert torch.allclose(scene.rows.std(dim=0), torch.ones(2))
    (tmp_path / "people.csv").write_text(text)
    monkeypatch.chdir(tmp_path)
    made = {}
    exec(scene.source, made)
    assert torch.allclose(made["rows"], scene.rows)
    with pytest.raises(InputError, match="two columns of numbers"):
        numbers_of("a;b\nx;1\ny;2\nx;3\n")
    with pytest.raises(InputError, match="'weight' has one value"):
        table_scene([[1, 5], [2, 5], [3, 5]], "people.csv", ("height", "weight"))


def test_a_fall_ends_where_a_descent_does(wells, bells):
    for model in (wells, bells):
        fall = plane.fall(model.energy_, (0.1, 0.9), settled=True)
        start = torch.tensor([[0.1, 0.9]])
        end = questions.descend(model.energy_, start)
        assert torch.equal(fall.path[0], start[0])
        assert torch.allclose(fall.path[-1], end[0], atol=2e-3)
        assert len(fall.path) <= plane.PATH
        before, after = fall.energy
        assert after < before
        assert torch.allclose(fall.closest, questions.project(model.energy_, start)[0])


def test_valleys_of_a_line_are_all_there_is_ranked(bells):
    """Those of a mixture along y2: a fine grid knows them."""
    energy = bells.energy_
    given = plane.given(energy, SCENE, 0.0, 1.0)
    fine = torch.linspace(SCENE.low[1], SCENE.high[1], 20_001, dtype=torch.float64)
    with torch.no_grad():
        exact = copy.deepcopy(energy).double()
        values = exact(torch.stack([torch.zeros_like(fine), fine], dim=1))
    inside = (values[1:-1] < values[:-2]) & (values[1:-1] < values[2:])
    lowest = fine[1:-1][inside]
    assert len(given.valleys) == len(lowest) >= 2
    found = torch.tensor(sorted(valley["y2"] for valley in given.valleys)).double()
    assert torch.allclose(found, lowest, atol=2e-3)
    energies = [valley["energy"] for valley in given.valleys]
    assert energies == sorted(energies)
    assert sum(valley["share"] for valley in given.valleys) == pytest.approx(1)
    # the share of the lowest, by the fine grid
    p = torch.softmax(-values, dim=0)
    at = int((fine - given.valleys[0]["y2"]).abs().argmin())
    others = [int((fine - v["y2"]).abs().argmin()) for v in given.valleys[1:]]
    right = min((o for o in others if o > at), default=None)
    left = max((o for o in others if o < at), default=None)
    a = 0 if left is None else left + int(values[left:at].argmax())
    b = len(fine) if right is None else at + int(values[at:right].argmax())
    assert given.valleys[0]["share"] == pytest.approx(float(p[a:b].sum()), abs=0.02)


def test_rounding_makes_no_valleys_and_beta_is_that_of_all_around():
    flat = PCA(2).fit(ROWS).energy_
    assert len(plane.given(flat, SCENE, 0.5, 1e6).valleys) <= 2
    x, y = ROWS[:, :1], ROWS[:, 1]
    pairs = LatentRegressor(n_steps=30, n_init=1, random_state=0).fit(x, y)
    soft = plane.softened(plane.Paired(pairs.energy_), 3.0)
    assert plane.inverse_temperature(soft, ROWS) == 3.0
    assert plane.softened(flat, 3.0) is flat


def test_beta_makes_soft_and_leaves_what_was_given(wells):
    y = ROWS[:50]
    soft = plane.softened(wells.energy_, 3.0)
    centers = torch.from_numpy(wells.cluster_centers_)
    by_hand = -torch.logsumexp(-3.0 * torch.cdist(y, centers).square(), dim=1) / 3.0
    with torch.no_grad():
        assert torch.allclose(soft(y), by_hand, atol=1e-4)
        assert torch.allclose(
            wells.energy_(y), torch.cdist(y, centers).square().min(1).values, atol=1e-4
        )
    assert math.isinf(wells.energy_.beta)


def test_one_z_alone_is_never_below_all_of_them(wells, bells):
    sparse = SparseCoding(5, alpha=0.1, random_state=0).fit(ROWS)
    x, y = ROWS[:, :1], ROWS[:, 1]
    pairs = LatentRegressor(n_components=3, n_steps=60, n_init=1, random_state=0).fit(x, y)
    for energy in (wells.energy_, sparse.energy_, bells.energy_, plane.Paired(pairs.energy_)):
        hard = plane.softened(energy, math.inf)
        with torch.no_grad():
            each = torch.stack([alone(energy, k)(ROWS[:40]) for k in range(count(energy))])
            assert bool((each >= hard(ROWS[:40]) - 1e-5).all())
            if energy is not sparse.energy_:
                # a choice: the lowest of all bumps is F
                assert torch.allclose(each.min(dim=0).values, hard(ROWS[:40]), atol=1e-4)
                assert torch.equal(each.argmin(dim=0), strongest(energy, ROWS[:40]))
    assert count(PCA(1).fit(ROWS).energy_) == 0
    assert strongest(PCA(1).fit(ROWS).energy_, ROWS) is None


def test_marks_are_the_parameters(wells, bells):
    assert torch.equal(marks("kmeans", wells, wells.energy_, SCENE)["points"],
                       torch.from_numpy(wells.cluster_centers_))  # fmt: skip
    found = marks("mixture", bells, bells.energy_, SCENE)
    back = found["bells"] @ found["bells"].transpose(1, 2)
    assert torch.allclose(back.float(), torch.from_numpy(bells.covariances_).float(), atol=1e-5)
    line = PCA(1).fit(ROWS)
    start, end = marks("pca", line, line.energy_, SCENE)["arrows"][0]
    assert line.energy([end.numpy(), start.numpy()]) == pytest.approx(0, abs=1e-6)


def test_kicked_points_land_lower(bells):
    generator = torch.Generator().manual_seed(0)
    found = plane.kick(bells.energy_, ROWS[:40], 0.3, generator)
    assert found.paths.shape == (40, 31, 2)
    off = (found.paths[:, 0] - ROWS[:40]).norm(dim=1)
    assert 0.2 < float(off.mean()) < 0.6
    with torch.no_grad():
        energies = torch.stack([bells.energy_(found.paths[:, k]) for k in (0, 30)])
    assert bool((energies[1] <= energies[0] + 1e-4).all())
    assert float((energies[0] - energies[1]).mean()) > 0.3


@pytest.mark.parametrize("kind", KINDS)
def test_chains_draw_from_the_energy(kind, bells):
    """The mean and the deviation of a mixture, which its parameters say."""
    chains = Chains(kind, SCENE.anywhere(200, torch.Generator().manual_seed(1)), 0)
    size = {"walk": 0.5, "langevin": 0.25, "hmc": 0.15, "tempering": 0.4}[kind]
    burn = 12 if kind == "hmc" else 60
    chains.advance(bells.energy_, 1.0, size, burn)
    kept = torch.cat(
        [chains.advance(bells.energy_, 1.0, size, burn // 4).trail[-1] for _ in range(6)]
    )
    weights = torch.from_numpy(bells.weights_).double()
    means = torch.from_numpy(bells.means_).double()
    mean = weights @ means
    second = torch.from_numpy(bells.covariances_).double() + means[:, :, None] * means[:, None]
    spread = (
        ((weights[:, None, None] * second).sum(0) - mean[:, None] * mean[None]).diagonal().sqrt()
    )
    # some 200 chains, at least independent of one another
    assert bool(((kept.double().mean(0) - mean).abs() < 5 * spread / 200**0.5).all())
    assert bool((kept.double().std(0) / spread - 1).abs().max() < 5 / (2 * 200) ** 0.5)


def test_a_trajectory_is_the_one_that_the_sampler_went(bells):
    chains = Chains("hmc", ROWS[:5].clone(), 7)
    moved = chains.advance(bells.energy_, 1.0, 0.1, 1)
    sampler = sampler_of("hmc", 0.1)
    assert isinstance(sampler, HMC)
    energy = Traced(bells.energy_)
    state = sampler.init(energy, ROWS[:5])
    energy.asked.clear()
    after, info = sampler.step(energy, state, torch.Generator().manual_seed(7))
    assert torch.allclose(moved.paths[1:], torch.stack(energy.asked))
    assert torch.allclose(moved.trail[-1], after.y)
    assert moved.accepted == pytest.approx(float(info.accepted.float().mean()))
    taken = info.accepted
    assert torch.allclose(moved.paths[-1][taken], moved.trail[-1][taken])
    with pytest.raises(InputError, match="expected one of walk"):
        Chains("running", ROWS, 0)


def test_what_is_not_finite_is_null():
    assert plane.listed(torch.tensor([1.0, math.inf, math.nan])) == [1.0, None, None]
    assert plane.listed({"a": (1.23456789, 3)}, 3) == {"a": [1.235, 3]}
