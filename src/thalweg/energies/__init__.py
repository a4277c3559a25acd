"""Energies, one idea a file."""

from thalweg.energies.boltzmann import Ising, RestrictedBoltzmann
from thalweg.energies.by_place import ByPlace
from thalweg.energies.by_squares import BySquares
from thalweg.energies.combined import Blend, Largest, Squashed, Sum
from thalweg.energies.conditional_unet import ConditionalUNet
from thalweg.energies.convolution import ImageNetwork
from thalweg.energies.cost import Cost, GaussianNoise, SquaredError
from thalweg.energies.decoders import Affine
from thalweg.energies.embedded_prediction import EmbeddedPrediction
from thalweg.energies.far_cell import FarCell
from thalweg.energies.frame_encoding import ClipShape, FrameRecognition
from thalweg.energies.frames import FrameNetwork, FramePrediction
from thalweg.energies.gaussian_boltzmann import GaussianRestrictedBoltzmann
from thalweg.energies.gaussian_embedding import GaussianEmbedding
from thalweg.energies.gradient_step import GradientStepDenoiser, NoiseNetwork
from thalweg.energies.ica import IndependentSources
from thalweg.energies.independent_words import WithWords
from thalweg.energies.inpainting import ConvolutionalInpainter, Inpainter
from thalweg.energies.joint_embedding import JointEmbedding
from thalweg.energies.masked import MaskedPrediction
from thalweg.energies.masked_words import MaskedWordPrediction
from thalweg.energies.mixture import DiagonalGaussians, FullGaussians, GaussianComponents
from thalweg.energies.named import Named
from thalweg.energies.neighbors import NeighborDistance
from thalweg.energies.nets import Branches, Lista, Perceptron, Saturating, UnitAtoms
from thalweg.energies.network import NetworkEnergy
from thalweg.energies.noise_conditional import NoiseConditional
from thalweg.energies.noisy_images import NoisyImages
from thalweg.energies.parzen import Parzen
from thalweg.energies.pretrained import PretrainedNetwork
from thalweg.energies.pyramid import LaplacianPyramid
from thalweg.energies.radial import RadialBasis
from thalweg.energies.reconstruction import Reconstruction
from thalweg.energies.rescaled import Rescaled
from thalweg.energies.row_distances import Euclidean, Manhattan, RowDistance
from thalweg.energies.surprisal import Surprisal
from thalweg.energies.text_transformer import TextTransformer
from thalweg.energies.tokens import TokenNetwork, TokenPrediction
from thalweg.energies.toy import Bernoulli, Funnel, Gumbel, Normal, NormalMixture, TwoWells
from thalweg.energies.transformed import Transformed
from thalweg.energies.transformer import PatchTransformer
from thalweg.energies.visible_units import every_state
from thalweg.energies.word_components import WordComponents
from thalweg.energies.word_probabilities import WordBlocks, WordLogits, WordProbabilities
from thalweg.energies.words import TableCost

__all__ = [
    "Affine",
    "Bernoulli",
    "Blend",
    "Branches",
    "ByPlace",
    "BySquares",
    "ClipShape",
    "ConditionalUNet",
    "ConvolutionalInpainter",
    "Cost",
    "DiagonalGaussians",
    "EmbeddedPrediction",
    "Euclidean",
    "FarCell",
    "FrameNetwork",
    "FramePrediction",
    "FrameRecognition",
    "FullGaussians",
    "Funnel",
    "GaussianComponents",
    "GaussianEmbedding",
    "GaussianNoise",
    "GaussianRestrictedBoltzmann",
    "GradientStepDenoiser",
    "Gumbel",
    "ImageNetwork",
    "IndependentSources",
    "Inpainter",
    "Ising",
    "JointEmbedding",
    "LaplacianPyramid",
    "Largest",
    "Lista",
    "Manhattan",
    "MaskedPrediction",
    "MaskedWordPrediction",
    "Named",
    "NeighborDistance",
    "NetworkEnergy",
    "NoiseConditional",
    "NoiseNetwork",
    "NoisyImages",
    "Normal",
    "NormalMixture",
    "Parzen",
    "PatchTransformer",
    "Perceptron",
    "PretrainedNetwork",
    "RadialBasis",
    "Reconstruction",
    "Rescaled",
    "RestrictedBoltzmann",
    "RowDistance",
    "Saturating",
    "SquaredError",
    "Squashed",
    "Sum",
    "Surprisal",
    "TableCost",
    "TextTransformer",
    "TokenNetwork",
    "TokenPrediction",
    "Transformed",
    "TwoWells",
    "UnitAtoms",
    "WithWords",
    "WordBlocks",
    "WordComponents",
    "WordLogits",
    "WordProbabilities",
    "every_state",
]
