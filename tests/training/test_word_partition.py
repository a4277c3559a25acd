import numpy as np
import pandas as pd
import pytest
import torch

from thalweg.data import Rows
from thalweg.estimators import KMeans
from thalweg.training.partition import ChunkedPartition
from thalweg.training.partitions import partition
from thalweg.training.word_partition import WordPartition


@pytest.mark.parametrize("weighted", [False, True])
def test_products_find_what_the_energy_says(weighted):
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "a": random.normal(size=90),
            "b": 100 * random.normal(size=90),
            "word": random.choice(["x", "y", "z"], 90),
            "other": random.choice(["u", "v"], 90),
        }
    )
    frame.loc[3, "a"] = np.nan
    frame.loc[[4, 5], "word"] = None
    frame.loc[6, ["a", "other"]] = None
    model = KMeans(4, random_state=0, max_iter=2).fit(frame)
    rows = Rows(model.rows_of(frame))
    weight = random.random(90) if weighted else None
    energy = model.energy_
    centers = next(energy.parameters())
    fast = partition(rows, rows.summary(), energy, centers, weight)
    assert isinstance(fast, WordPartition)
    slow = ChunkedPartition(rows, energy, weight)
    here, there = fast.assign(centers), slow.assign(centers)
    np.testing.assert_allclose(here.sums, there.sums, atol=1e-9)
    np.testing.assert_allclose(here.counts, there.counts, atol=1e-9)
    assert here.loss == pytest.approx(there.loss, rel=1e-10)
    with torch.no_grad():
        centers.add_(0.3)
    assert fast.assign(centers).changed == slow.assign(centers).changed > 0
    labels, lowest = fast.outcome(centers)
    np.testing.assert_array_equal(labels, slow.outcome(centers)[0])
    assert fast.farthest(centers, 1)[0][1] == int(lowest.argmax())
    here, there = fast.assign(centers), slow.assign(centers)
    np.testing.assert_allclose(fast.move(5, 2, here).sums, slow.move(5, 2, there).sums, atol=1e-9)
