"""Samplers: points where the energy is low, by chance and in the right proportion."""

from thalweg.samplers.adaptive import Adaptive
from thalweg.samplers.annealing import LogZ, annealed_importance, reversed_importance
from thalweg.samplers.base import Info, Sampler, State
from thalweg.samplers.bridge import Bridge
from thalweg.samplers.chains import Chains, run
from thalweg.samplers.descent import LBFGS, Descending, GradientDescent, Minimizer, Nesterov
from thalweg.samplers.diagnostics import (
    ess_bulk,
    ess_mean,
    ess_tail,
    mcse_mean,
    mcse_sd,
    r_hat,
)
from thalweg.samplers.gibbs import Bipartite, BlockGibbs, GibbsWithGradients
from thalweg.samplers.hmc import HMC
from thalweg.samplers.langevin import MALA, Langevin
from thalweg.samplers.leapfrog import Phase, leapfrog
from thalweg.samplers.metric import Diagonal, LowRank, Metric, Unit
from thalweg.samplers.metropolis import Independence, RandomWalk
from thalweg.samplers.microcanonical import MAMS, MCLMC
from thalweg.samplers.monte_carlo import (
    Kept,
    Weighted,
    effective_size,
    importance,
    pareto_k,
    rejection,
)
from thalweg.samplers.nuts import NUTS, WALNUTS
from thalweg.samplers.saved import load_chains, save_chains
from thalweg.samplers.sequential import sequential, systematic
from thalweg.samplers.tempering import ParallelTempering, equal_ladder

__all__ = [
    "HMC",
    "LBFGS",
    "MALA",
    "MAMS",
    "MCLMC",
    "NUTS",
    "WALNUTS",
    "Adaptive",
    "Bipartite",
    "BlockGibbs",
    "Bridge",
    "Chains",
    "Descending",
    "Diagonal",
    "GibbsWithGradients",
    "GradientDescent",
    "Independence",
    "Info",
    "Kept",
    "Langevin",
    "LogZ",
    "LowRank",
    "Metric",
    "Minimizer",
    "Nesterov",
    "ParallelTempering",
    "Phase",
    "RandomWalk",
    "Sampler",
    "State",
    "Unit",
    "Weighted",
    "annealed_importance",
    "effective_size",
    "equal_ladder",
    "ess_bulk",
    "ess_mean",
    "ess_tail",
    "importance",
    "leapfrog",
    "load_chains",
    "mcse_mean",
    "mcse_sd",
    "pareto_k",
    "r_hat",
    "rejection",
    "reversed_importance",
    "run",
    "save_chains",
    "sequential",
    "systematic",
]
