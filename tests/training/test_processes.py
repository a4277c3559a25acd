"""Two processes give what one gives, or learn together."""

import numpy as np
import pytest
import runs
import torch
from sklearn.datasets import load_digits

import thalweg
from thalweg.estimators import KMeans

SCRIPT = """
import sys
import numpy as np
import torch
import torch.distributed
from sklearn.datasets import load_digits
from thalweg.estimators import KMeans, MaskedLanguageModel
model = KMeans(10, random_state=0, device="cpu").fit(load_digits().data)
rank = torch.distributed.get_rank()
if rank == 0:
    np.savez(f"{sys.argv[1]}/centers.npz", centers=model.cluster_centers_, labels=model.labels_)
model = MaskedLanguageModel(
    layers=1, width=32, epochs=60, batch_tokens=200, learning_rate=0.02, random_state=1,
    device="cpu",
).fit(["the cat sat on the mat", "the dog sat on the rug"] * 40)
torch.save(model.energy_.state_dict(), f"{sys.argv[1]}/weights-{rank}.pt")
if rank == 0:
    model.save(f"{sys.argv[1]}/model")
torch.distributed.barrier()
torch.distributed.destroy_process_group()
"""


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """The folder that two processes have written to; to begin them takes longer than their work."""
    folder = tmp_path_factory.mktemp("two")
    runs.in_two_processes(SCRIPT, folder, folder)
    return folder


def test_two_processes_give_the_centers_of_one(ended):
    two = np.load(ended / "centers.npz")
    one = KMeans(10, random_state=0).fit(load_digits().data)
    np.testing.assert_allclose(two["centers"], one.cluster_centers_, atol=1e-5)
    np.testing.assert_array_equal(two["labels"], one.labels_)


def test_two_processes_learn_one_language_model(ended):
    first, second = (torch.load(ended / f"weights-{rank}.pt", weights_only=True) for rank in (0, 1))
    for name, weight in first.items():
        assert torch.equal(weight, second[name]), name
    model = thalweg.load(ended / "model")
    assert model.complete(["the dog sat on the [MASK]"]) == ["the dog sat on the rug"]
