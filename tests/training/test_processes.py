"""Two processes give what one gives, or learn together."""

import numpy as np
import runs
import torch
from sklearn.datasets import load_digits

import thalweg
from thalweg.estimators import KMeans

SCRIPT = """
import sys
import numpy as np
from sklearn.datasets import load_digits
from thalweg.estimators import KMeans
import torch.distributed
model = KMeans(10, random_state=0, device="cpu").fit(load_digits().data)
if torch.distributed.get_rank() == 0:
    np.savez(sys.argv[1], centers=model.cluster_centers_, labels=model.labels_)
torch.distributed.barrier()
torch.distributed.destroy_process_group()
"""


def test_two_processes_give_the_centers_of_one(tmp_path):
    runs.in_two_processes(SCRIPT, tmp_path, tmp_path / "two.npz")
    two = np.load(tmp_path / "two.npz")
    one = KMeans(10, random_state=0).fit(load_digits().data)
    np.testing.assert_allclose(two["centers"], one.cluster_centers_, atol=1e-5)
    np.testing.assert_array_equal(two["labels"], one.labels_)


TEXTS = """
import sys
import torch
from thalweg.estimators import MaskedLanguageModel
model = MaskedLanguageModel(
    layers=1, width=32, epochs=120, batch_tokens=200, learning_rate=0.02, random_state=1,
    device="cpu",
).fit(["the cat sat on the mat", "the dog sat on the rug"] * 40)
rank = torch.distributed.get_rank()
torch.save(model.energy_.state_dict(), f"{sys.argv[1]}/weights-{rank}.pt")
if rank == 0:
    model.save(f"{sys.argv[1]}/model")
torch.distributed.barrier()
torch.distributed.destroy_process_group()
"""


def test_two_processes_learn_one_language_model(tmp_path):
    runs.in_two_processes(TEXTS, tmp_path, tmp_path)
    first, second = (
        torch.load(tmp_path / f"weights-{rank}.pt", weights_only=True) for rank in (0, 1)
    )
    for name, weight in first.items():
        assert torch.equal(weight, second[name]), name
    model = thalweg.load(tmp_path / "model")
    assert model.complete(["the dog sat on the [MASK]"]) == ["the dog sat on the rug"]
