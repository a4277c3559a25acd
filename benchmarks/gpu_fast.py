"""Fast on a GPU: each thing beside the plainest torch that does the same, on the same device.

Both get the same rows, where they come from the host too; the plain side has no checks, no
diagnostics and no options.
"""

import math
import warnings

import numpy as np
import torch
from gpu_chains import (
    CPU,
    chain_rows,
    network_energy,
    other_ways,
    plain_gradient,
    repeated,
)
from gpu_models import image_rows, language_rows
from gpu_rows import Found, Row, by_turns, seconds
from torch.nn.functional import softplus

from thalweg.core import Batch
from thalweg.data import two_moons
from thalweg.energies import Affine, Reconstruction, SquaredError
from thalweg.estimators import GaussianMixture, KMeans
from thalweg.latents import ActiveSet, FreeEnergy, Sparse
from thalweg.objectives import ConditionalNoiseContrastive, ContrastiveDivergence, FromChains
from thalweg.samplers import Langevin
from thalweg.training import adam, gradient_step


def rows():
    """All rows, the most telling first."""
    return [
        Row("fast", "K-means", kmeans),
        Row("fast", "energy of K-means", kmeans_energy),
        Row("fast", "Gaussian mixture, EM", mixture),
        Row("fast", "sparse codes", sparse_codes),
        *chain_rows(),
        *(
            Row("fast", f"training step, {name}", lambda where, n=name: contrastive(where, n))
            for name in ("persistent CD", "conditional NCE")
        ),
        *language_rows(),
        *image_rows(),
        *other_ways(),
    ]


def blobs(n, d, k, noise=1.0):
    """Rows of k clusters on the host, and k of them to start from."""
    random = np.random.default_rng(0)
    centers = random.normal(size=(k, d))
    y = centers[random.integers(k, size=n)] + noise * random.normal(size=(n, d))
    return y.astype(np.float32), y[:k].astype(np.float32)


def kmeans(where):
    """Twenty iterations of Lloyd's algorithm from the same points, rows from the host."""
    n, d, k = where.pick((4000, 8, 16), (200_000, 32, 256))
    y, init = blobs(n, d, k)
    found = {}

    def ours(device=where.device):
        model = KMeans(k, init=init, max_iter=20, tol=0.0, device=str(device)).fit(y)
        found["ours"] = model.inertia_

    def plain():
        rows, centers = torch.from_numpy(y).to(where.device), torch.from_numpy(init)
        centers = centers.to(where.device)
        for _ in range(20):
            label = torch.cdist(rows, centers).argmin(dim=1)
            sums = torch.zeros_like(centers).index_add_(0, label, rows)
            counts = torch.bincount(label, minlength=k)[:, None]
            centers = torch.where(counts > 0, sums / counts.clamp(min=1), centers)
        found["plain"] = float(torch.cdist(rows, centers).amin(dim=1).square().sum())

    one, other = by_turns(where, ours, plain, 3)
    apart_by = found["ours"] / found["plain"] - 1
    cpu = seconds(where, lambda: ours(CPU), 1)
    return Found(
        abs(apart_by) < 1e-3, one, other, cpu, "s",
        f"{n:,} x {d}, k = {k}, 20 iterations; inertia {apart_by:+.0e}",
    )  # fmt: skip


def kmeans_energy(where):
    """F of rows that are on the device already."""
    n, d, k = where.pick((4000, 8, 16), (200_000, 32, 256))
    y, init = blobs(n, d, k)
    model = KMeans(k, init=init, max_iter=1, device=str(where.device)).fit(y)
    rows, centers = torch.from_numpy(y).to(where.device), torch.from_numpy(model.cluster_centers_)
    centers, energy = centers.to(where.device), model.energy_
    with torch.no_grad():
        one, other = by_turns(
            where, lambda: energy(rows), lambda: torch.cdist(rows, centers).amin(dim=1).square()
        )
        apart_by = float((energy(rows) - torch.cdist(rows, centers).amin(dim=1) ** 2).abs().max())
    return Found(
        apart_by < 1e-3 * d, 1e3 * one, 1e3 * other, None, "ms",
        f"{n:,} x {d}, k = {k}; {apart_by:.0e} apart",
    )  # fmt: skip


def plain_em(rows, means, iterations):
    """Expectation maximization of a full mixture as it stands in a textbook; the last bound."""
    (n, d), k = rows.shape, len(means)
    weights = rows.new_full((k,), 1 / k)
    covariances = torch.eye(d).to(rows).expand(k, d, d)
    for _ in range(iterations):
        factor = torch.linalg.cholesky(covariances)
        away = (rows - means[:, None]).transpose(1, 2)
        square = torch.linalg.solve_triangular(factor, away, upper=False).square().sum(dim=1)
        log_det = factor.diagonal(dim1=1, dim2=2).log().sum(dim=1)
        each = -0.5 * square + (weights.log() - log_det)[:, None] - 0.5 * d * math.log(2 * math.pi)
        total = torch.logsumexp(each, dim=0)
        share = (each - total).exp()
        counts = share.sum(dim=1)
        weights, means = counts / n, share @ rows / counts[:, None]
        away = (rows - means[:, None]).transpose(1, 2)
        covariances = (away * share[:, None]) @ away.transpose(1, 2) / counts[:, None, None]
        covariances = covariances + 1e-6 * torch.eye(d).to(rows)
    return float(total.mean())


def mixture(where):
    """Ten iterations from the same start, both in double precision."""
    n, d, k = where.pick((2000, 4, 5), (100_000, 16, 20))
    y, init = blobs(n, d, k)
    y, init = y.astype(np.float64), init.astype(np.float64)
    start = {
        "weights_init": np.full(k, 1 / k), "means_init": init, "init_params": "random",
        "precisions_init": np.tile(np.eye(d), (k, 1, 1)), "random_state": 0,
    }  # fmt: skip
    found = {}

    def ours(device=where.device):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = GaussianMixture(k, tol=0.0, max_iter=10, device=str(device), **start).fit(y)
        found["ours"] = model.lower_bound_

    def plain():
        rows, means = (torch.from_numpy(each).to(where.device) for each in (y, init))
        found["plain"] = plain_em(rows, means, 10)

    one, other = by_turns(where, ours, plain, 3)
    apart_by = found["ours"] / found["plain"] - 1
    cpu = seconds(where, lambda: ours(CPU), 1)
    return Found(
        abs(apart_by) < 1e-6, one, other, cpu, "s",
        f"{n:,} x {d}, {k} full, 10 iterations; log-likelihood {apart_by:+.0e}",
    )  # fmt: skip


def plain_fista(rows, atoms, weight, iterations):
    step = 1 / torch.linalg.matrix_norm(atoms, 2).square()
    gram, linear = atoms @ atoms.T, rows @ atoms.T
    z = v = torch.zeros_like(linear)
    t = 1.0
    for _ in range(iterations):
        u = v - step * (v @ gram - linear)
        after = u.sign() * (u.abs() - weight * step).clamp(min=0)
        following = 0.5 * (1 + math.sqrt(1 + 4 * t * t))
        v = after + (t - 1) / following * (after - z)
        z, t = after, following
    return z


def sparse_codes(where):
    """The lasso: to a duality gap of 1e-4 (on a GPU FISTA), beside 200 plain steps of FISTA."""
    n, d, k = where.pick((200, 16, 32), (10_000, 64, 256))
    generator = torch.Generator().manual_seed(0)
    atoms = torch.nn.functional.normalize(torch.randn(k, d, generator=generator), dim=1)
    y, weight = torch.randn(n, d, generator=generator), 0.15 * math.sqrt(d)

    def energy_on(device):
        latent = Reconstruction(Affine(atoms), Sparse(k, weight), SquaredError(0.5))
        return FreeEnergy(latent, ActiveSet(1e-4, 1000)).to(device)

    energy, rows, w = energy_on(where.device), y.to(where.device), atoms.to(where.device)

    def objective(z):
        return float((0.5 * (rows - z @ w).square().sum(1) + weight * z.abs().sum(1)).mean())

    with torch.no_grad():
        one, other = by_turns(
            where, lambda: energy.codes(rows), lambda: plain_fista(rows, w, weight, 200), 3
        )
        mine, least = objective(energy.codes(rows)), objective(plain_fista(rows, w, weight, 1000))
        slow = energy_on(CPU)
        cpu = seconds(where, lambda: slow.codes(y), 1)
    return Found(
        mine / least - 1 < 1e-4, 1e3 * one, 1e3 * other, 1e3 * cpu, "ms",
        f"{n:,} rows, {d} columns, {k} atoms; objective {mine / least - 1:+.0e} of the best",
    )  # fmt: skip


def plain_cd(energy, y, optimizer, buffer):
    index = torch.randint(len(buffer), (len(y),), device=y.device)
    at = buffer[index]
    for _ in range(10):
        slope = plain_gradient(energy, at)[1]
        at = at - 0.01 * slope + math.sqrt(0.02) * torch.randn_like(at)
    buffer[index] = at
    both = energy(torch.cat([y, at]))
    loss = both[: len(y)].mean() - both[len(y) :].mean()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def plain_cnce(energy, y, optimizer, buffer):
    noisy = y + 0.3 * torch.randn_like(y)
    both = energy(torch.cat([y, noisy]))
    loss = softplus(both[: len(y)] - both[len(y) :]).mean()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def contrastive(where, name):
    """Milliseconds a step: loss, gradient, Adam; persistent CD takes ten Langevin steps."""
    size, times = 256, where.pick(3, 30)
    persistent = name == "persistent CD"

    def ours(device):
        energy, y = network_energy(device), two_moons(size, torch.Generator().manual_seed(0))
        y, generator = y.to(device), torch.Generator(device).manual_seed(0)
        objective = ConditionalNoiseContrastive(0.3)
        if persistent:
            objective = ContrastiveDivergence(FromChains(Langevin(0.01), 10, 4096))
        objective = objective.to(device)
        objective.begin(energy, y, generator)
        optimizer, schedule = adam([{"params": list(energy.parameters()), "lr": 1e-3}], 10**6)
        step = gradient_step(energy, objective, optimizer, schedule)
        return repeated(lambda: step(Batch(y), generator), times)

    energy, y = network_energy(where.device), two_moons(size, torch.Generator().manual_seed(0))
    y, buffer = y.to(where.device), torch.randn(4096, 2).to(where.device)
    optimizer = torch.optim.Adam(energy.parameters(), 1e-3, fused=True)
    move = plain_cd if persistent else plain_cnce
    plain = repeated(lambda: move(energy, y, optimizer, buffer), times)
    one, other = by_turns(where, ours(where.device), plain)
    cpu = seconds(where, ours(CPU), 1)
    one, other, cpu = (1e3 * each / times for each in (one, other, cpu))
    return Found(True, one, other, cpu, "ms", f"batch {size}, network 2-128-128-1")
