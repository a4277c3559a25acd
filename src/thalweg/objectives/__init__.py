"""What training brings down so that the energy takes the right shape."""

from thalweg.objectives.autoencoding import (
    Contraction,
    Saturation,
    VariationalBound,
    VectorQuantization,
)
from thalweg.objectives.base import Objective
from thalweg.objectives.contrastive_divergence import ContrastiveDivergence
from thalweg.objectives.denoising import Denoising
from thalweg.objectives.discrete import MinimumProbabilityFlow, PseudoLikelihood, RatioMatching
from thalweg.objectives.joint_prediction import JointPrediction
from thalweg.objectives.latent_codes import LatentCodes
from thalweg.objectives.likelihood import Drawn, EveryState, Lattice, MaximumLikelihood, Points
from thalweg.objectives.margin import Hinge, LogLoss, SquareExponential, SquareSquare
from thalweg.objectives.negatives import FromBatch, FromChains, FromData, FromNoise, Negatives
from thalweg.objectives.noise_contrastive import (
    ConditionalNoiseContrastive,
    InfoNCE,
    NoiseContrastive,
)
from thalweg.objectives.push_down import PushDown
from thalweg.objectives.relaxed import RelaxedPushDown
from thalweg.objectives.score_matching import (
    DenoisingScoreMatching,
    DualScoreMatching,
    ScoreMatching,
    SlicedScoreMatching,
)
from thalweg.objectives.spread import ByCovariance, IsotropicGaussian, Spread
from thalweg.objectives.variance_covariance import VarianceCovariance

__all__ = [
    "ByCovariance",
    "ConditionalNoiseContrastive",
    "Contraction",
    "ContrastiveDivergence",
    "Denoising",
    "DenoisingScoreMatching",
    "Drawn",
    "DualScoreMatching",
    "EveryState",
    "FromBatch",
    "FromChains",
    "FromData",
    "FromNoise",
    "Hinge",
    "InfoNCE",
    "IsotropicGaussian",
    "JointPrediction",
    "LatentCodes",
    "Lattice",
    "LogLoss",
    "MaximumLikelihood",
    "MinimumProbabilityFlow",
    "Negatives",
    "NoiseContrastive",
    "Objective",
    "Points",
    "PseudoLikelihood",
    "PushDown",
    "RatioMatching",
    "RelaxedPushDown",
    "Saturation",
    "ScoreMatching",
    "SlicedScoreMatching",
    "Spread",
    "SquareExponential",
    "SquareSquare",
    "VarianceCovariance",
    "VariationalBound",
    "VectorQuantization",
]
