"""Two processes give what one gives."""

import subprocess
import sys

import numpy as np
from sklearn.datasets import load_digits

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
torch.distributed.destroy_process_group()
"""


def test_two_processes_give_the_centers_of_one(tmp_path):
    (tmp_path / "fit.py").write_text(SCRIPT)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [sys.executable, *launch, tmp_path / "fit.py", tmp_path / "two.npz"],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    two = np.load(tmp_path / "two.npz")
    one = KMeans(10, random_state=0).fit(load_digits().data)
    np.testing.assert_allclose(two["centers"], one.cluster_centers_, atol=1e-5)
    np.testing.assert_array_equal(two["labels"], one.labels_)
