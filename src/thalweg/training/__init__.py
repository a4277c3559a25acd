"""One loop for every way to train: closed-form steps and gradient steps alike."""

from thalweg.training.lloyd import lloyd_step
from thalweg.training.loop import Diverged, History, Step, train
from thalweg.training.minibatch import MiniBatchStep
from thalweg.training.steps import gradient_step

__all__ = ["Diverged", "History", "MiniBatchStep", "Step", "gradient_step", "lloyd_step", "train"]
