"""Every objective on a device: its loss and its gradient, held against those of the CPU.

Without noise, number against number. Where an objective draws, a GPU draws other numbers than a
CPU; then means over many draws are held to the standard errors of their difference: of the loss,
and of the gradient along a fixed direction.
"""

import copy

import numpy as np
import torch
from gpu_rows import Check, numbers

from thalweg.core import Batch
from thalweg.data import two_moons
from thalweg.energies import (
    Branches,
    ConvolutionalInpainter,
    GaussianNoise,
    JointEmbedding,
    NetworkEnergy,
    NoiseConditional,
    Normal,
    Perceptron,
    Reconstruction,
    RestrictedBoltzmann,
    Saturating,
)
from thalweg.latents import (
    Codebook,
    Encoder,
    Exhaustive,
    Flat,
    FreeEnergy,
    Gaussian,
    GaussianEncoder,
    OneHot,
)
from thalweg.objectives import (
    ConditionalNoiseContrastive,
    Contraction,
    ContrastiveDivergence,
    Denoising,
    DenoisingScoreMatching,
    Drawn,
    DualScoreMatching,
    EveryState,
    FromBatch,
    FromChains,
    FromData,
    FromNoise,
    Hinge,
    InfoNCE,
    LatentCodes,
    Lattice,
    LogLoss,
    MaximumLikelihood,
    MinimumProbabilityFlow,
    NoiseContrastive,
    PseudoLikelihood,
    PushDown,
    RatioMatching,
    RelaxedPushDown,
    Saturation,
    ScoreMatching,
    SlicedScoreMatching,
    SquareExponential,
    SquareSquare,
    VarianceCovariance,
    VariationalBound,
    VectorQuantization,
)
from thalweg.pretext import AddedNoise, Cropped, Shaped
from thalweg.samplers import HMC, MALA, Langevin

ROWS = 256


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def plane():
    return Normal(torch.zeros(2), 2 * torch.eye(2))


def network():
    """A network as energy, and rows of the plane."""
    energy = NetworkEnergy(Perceptron((2, 16, 16, 1), generator=seeded(), detail=4.0), 0.1)
    return energy, Batch(two_moons(ROWS, seeded(1)))


def bits():
    """A machine, and rows of bits."""
    weights = 0.3 * torch.randn(6, 4, generator=seeded())
    energy = RestrictedBoltzmann(weights, torch.zeros(6), torch.zeros(4))
    return energy, Batch((torch.rand(ROWS, 6, generator=seeded(1)) < 0.4).float())


def pairs():
    """One of two predictions, and pairs of rows."""
    net = Branches(Perceptron((1, 16, 4), generator=seeded()), 2)
    energy = FreeEnergy(Reconstruction(net, OneHot(2), GaussianNoise()), Exhaustive(), 1.0)
    x = torch.randn(ROWS, 1, generator=seeded(1))
    return energy, Batch(two_moons(ROWS, seeded(2)), x)


def autoencoder(space=None, solver=None):
    """An autoencoder of four columns."""
    encoder = Encoder(Perceptron((4, 16, 2), generator=seeded())) if solver is None else solver
    cost = GaussianNoise() if isinstance(space, Gaussian) else None
    decoder = Perceptron((2, 16, 4), generator=seeded(1))
    energy = FreeEnergy(Reconstruction(decoder, Flat(2) if space is None else space, cost), encoder)
    return energy, Batch(torch.randn(ROWS, 4, generator=seeded(2)))


def by_scale():
    energy = NoiseConditional(Perceptron((3, 16, 16, 1), generator=seeded()))
    return energy, Batch(two_moons(ROWS, seeded(1)))


def embedding():
    """Two networks on images of 8 x 8."""
    inside = ConvolutionalInpainter((8, 8, 1), 4, 1, generator=seeded())
    projector = Perceptron((4 * 4 * 9, 16, 8), generator=seeded(1))
    return JointEmbedding(inside, projector), Batch(torch.rand(ROWS, 64, generator=seeded(2)))


def codes():
    """A decoder, and a code for each row."""
    energy, batch = autoencoder()
    start = 0.5 * torch.randn(ROWS, 2, generator=seeded(3))
    return LatentCodes(start), energy, batch._replace(position=torch.arange(ROWS))


def short_chains():
    return FromData(MALA(0.05), 3, kick=(0.1, 1.0))


def noise():
    return FromNoise(plane())


RECIPES = {
    "ConditionalNoiseContrastive": lambda: (ConditionalNoiseContrastive((0.2, 1.0)), *network()),
    "Contraction": lambda: (Contraction(0.3), *autoencoder()),
    "ContrastiveDivergence": lambda: (ContrastiveDivergence(short_chains(), 0.1), *network()),
    "Denoising": lambda: (Denoising(AddedNoise((0.1, 0.5))), *autoencoder()),
    "DenoisingScoreMatching": lambda: (DenoisingScoreMatching((0.2, 0.5)), *network()),
    "Drawn": lambda: (MaximumLikelihood(Drawn(plane(), 2048)), *network()),
    "DualScoreMatching": lambda: (DualScoreMatching(0.1, 3.0), *by_scale()),
    "EveryState": lambda: (MaximumLikelihood(EveryState()), *bits()),
    "FromBatch": lambda: (Hinge(FromBatch()), *pairs()),
    "FromChains": lambda: (
        ContrastiveDivergence(FromChains(Langevin(0.05), 3, size=1024, reseeded=0.1)),
        *network(),
    ),
    "FromData": lambda: (ContrastiveDivergence(FromData(HMC(0.1, n_steps=3), 2)), *network()),
    "FromNoise": lambda: (ContrastiveDivergence(noise()), *network()),
    "Hinge": lambda: (Hinge(noise()), *network()),
    "InfoNCE": lambda: (InfoNCE(plane(), 512), *network()),
    "LatentCodes": codes,
    "Lattice": lambda: (MaximumLikelihood(Lattice(shifted=False)), *network()),
    "LogLoss": lambda: (LogLoss(noise()), *network()),
    "MaximumLikelihood": lambda: (MaximumLikelihood(Lattice()), *network()),
    "MinimumProbabilityFlow": lambda: (MinimumProbabilityFlow(), *bits()),
    "NoiseContrastive": lambda: (NoiseContrastive(plane(), 2), *network()),
    "PseudoLikelihood": lambda: (PseudoLikelihood(), *bits()),
    "PushDown": lambda: (PushDown(), *pairs()),
    "RatioMatching": lambda: (RatioMatching(), *bits()),
    "RelaxedPushDown": lambda: (RelaxedPushDown(0.5), *pairs()),
    "Saturation": lambda: (
        Saturation(0.3),
        *autoencoder(solver=Encoder(Saturating(Perceptron((4, 16, 2), generator=seeded())))),
    ),
    "ScoreMatching": lambda: (ScoreMatching(), *network()),
    "SlicedScoreMatching": lambda: (SlicedScoreMatching(2), *network()),
    "SquareExponential": lambda: (SquareExponential(noise()), *network()),
    "SquareSquare": lambda: (SquareSquare(noise()), *network()),
    "VarianceCovariance": lambda: (VarianceCovariance(Shaped(Cropped(), (8, 8, 1))), *embedding()),
    "VariationalBound": lambda: (
        VariationalBound(),
        *autoencoder(Gaussian(2), GaussianEncoder(Perceptron((4, 16, 4), generator=seeded()), 2)),
    ),
    "VectorQuantization": lambda: (
        VectorQuantization(),
        *autoencoder(Codebook(torch.randn(8, 2, generator=seeded(3)))),
    ),
}


def placed(parts, device, kind=torch.float32):
    """An objective, an energy and a batch on a device; the originals stay as they are."""
    objective, energy, batch = parts

    def moved(part):
        if part is None:
            return None
        return part.to(device, kind if part.is_floating_point() else part.dtype)

    objective = copy.deepcopy(objective).to(device).to(kind)
    energy = copy.deepcopy(energy).to(device).to(kind)
    return objective, energy, Batch(*map(moved, batch))


def loss_and_slope(parts, seed):
    """The loss of one call, and the gradient by all parameters in a row."""
    objective, energy, batch = parts
    device = batch.y.device
    # chains and paces as at the start
    objective, generator = copy.deepcopy(objective), torch.Generator(device).manual_seed(seed)
    objective.begin(energy, batch.y, generator)
    learned = [p for p in (*energy.parameters(), *objective.parameters()) if p.requires_grad]
    value = objective(energy, batch, generator).value
    slopes = torch.autograd.grad(value, learned, allow_unused=True, materialize_grads=True)
    return numbers(value), torch.cat([numbers(slope).flatten() for slope in slopes])


def check(where, name, recipe):
    """Hold a loss and its gradient against the CPU's."""
    result, parts = Check(), recipe()
    here, cpu = placed(parts, where.device), placed(parts, "cpu")
    first, second = loss_and_slope(cpu, 0), loss_and_slope(cpu, 1)
    if torch.equal(first[0], second[0]):
        exact = loss_and_slope(placed(parts, "cpu", torch.float64), 0)
        for what, *three in zip(
            ("loss", "gradient"), loss_and_slope(here, 0), first, exact, strict=True
        ):
            result.held(what, *three)
        return result.found()
    count = where.pick(16, 32)
    direction = torch.from_numpy(np.random.default_rng(0).normal(size=len(first[1])))

    def draws(where_to, first):
        found = [loss_and_slope(where_to, seed) for seed in range(first, first + count)]
        return torch.stack([torch.stack([value, slope @ direction]) for value, slope in found])

    result.alike("loss and slope", draws(cpu, 0), draws(here, count))
    return result.found()
