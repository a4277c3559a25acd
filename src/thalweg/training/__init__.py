"""One loop for every way to train: closed-form steps and gradient steps alike."""

from thalweg.training.checkpoint import Checkpoint
from thalweg.training.fit import fit
from thalweg.training.hardware import Hardware
from thalweg.training.history import History
from thalweg.training.learn import Recipe, Run, learn
from thalweg.training.lloyd import lloyd_step
from thalweg.training.loop import Diverged, Step, train
from thalweg.training.minibatch import MiniBatchStep
from thalweg.training.monitors import TrainingWarning
from thalweg.training.steps import adam, gradient_step

__all__ = [
    "Checkpoint",
    "Diverged",
    "Hardware",
    "History",
    "MiniBatchStep",
    "Recipe",
    "Run",
    "Step",
    "TrainingWarning",
    "adam",
    "fit",
    "gradient_step",
    "learn",
    "lloyd_step",
    "train",
]
