"""A child of a process that computes in several threads computes, and does not wait for ever."""

import os
import subprocess
import sys

import pytest

FITS = """
import os, numpy as np, torch, warnings
from thalweg.estimators import GaussianMixture, KMeans, PCA, SparseCoding

torch.set_num_threads(2)
X = np.random.default_rng(0).normal(size=(2000, 40))
models = [
    KMeans(20, random_state=0, max_iter=3),
    GaussianMixture(3, random_state=0, max_iter=3),
    PCA(3),
    SparseCoding(30, random_state=0, max_iter=2),
]
warnings.simplefilter("ignore")
here = [model.fit(X).energy(X) for model in models]
child = os.fork()
if child == 0:
    same = all(np.allclose(model.fit(X).energy(X), e) for model, e in zip(models, here))
    os._exit(0 if same else 3)
assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_computes():
    subprocess.run([sys.executable, "-c", FITS], check=True, timeout=100)
