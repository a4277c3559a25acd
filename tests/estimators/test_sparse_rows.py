"""Sparse matrices are answered about as the dense arrays that they are, a little at a time."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.cluster import KMeans as TheirKMeans
from sklearn.decomposition import PCA as TheirPCA

from thalweg.core import InputError
from thalweg.data import SparseRows
from thalweg.estimators import PCA, BernoulliRBM, KMeans, MaskedAutoencoder
from thalweg.estimators.registry import estimator, names_in

CONTAINERS = [sp.csr_array, sp.csr_matrix, sp.csc_array, sp.csc_matrix, sp.coo_array]
TAKE = {"KMeans", "PCA", "BernoulliRBM"}
RANDOM = np.random.default_rng(0)
DENSE = np.where(RANDOM.random((400, 30)) < 0.1, RANDOM.normal(3, 1, (400, 30)), 0.0)


@pytest.fixture
def chunks(monkeypatch):
    """Sizes of what is made dense, of rows that are looked at 64 at a time."""
    monkeypatch.setattr(SparseRows, "chunk_bytes", 64 * 30 * 8)
    seen = []
    chunks, take = SparseRows.chunks, SparseRows.take

    def watched(self):
        for start, chunk in chunks(self):
            seen.append(len(chunk))
            yield start, chunk

    def watched_take(self, index):
        seen.append(len(index))
        return take(self, index)

    monkeypatch.setattr(SparseRows, "chunks", watched)
    monkeypatch.setattr(SparseRows, "take", watched_take)
    # whatever asks for the whole, fails
    monkeypatch.setattr(SparseRows, "values", None)
    return seen


def models():
    return [
        KMeans(4, random_state=0), KMeans(4, random_state=0, algorithm="minibatch", batch_size=64),
        KMeans(4, random_state=0, beta=0.5, max_iter=3), PCA(3), PCA(0.8),
        BernoulliRBM(3, n_steps=30, batch_size=16, random_state=0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("position", "container"),
    [(0, each) for each in CONTAINERS]
    + [(position, sp.csc_array) for position in range(1, len(models()))],
)
def test_answers_are_those_for_the_dense_array(chunks, position, container):
    dense = (DENSE != 0).astype(float) if position == 5 else DENSE
    sparse = container(dense)
    model, other = models()[position].fit(sparse), models()[position].fit(dense)
    # an RBM looks at 4,096 random rows and keeps 256, before training
    assert max(chunks) <= (len(DENSE) if position == 5 else 64)
    for question in ("energy", "transform", "project", "score_samples"):
        np.testing.assert_allclose(
            getattr(model, question)(sparse), getattr(other, question)(dense), rtol=1e-9, atol=1e-9
        )
    if isinstance(model, KMeans):
        np.testing.assert_array_equal(model.labels_, other.labels_)
        np.testing.assert_array_equal(model.predict(sparse), model.labels_)
        weight = np.linspace(0.5, 2, len(dense))
        assert model.score(sparse, sample_weight=weight) == pytest.approx(
            other.score(dense, sample_weight=weight)
        )


def test_a_point_without_rows_moves_to_a_row_of_the_matrix(chunks):
    start = np.vstack([DENSE[:2], np.full(30, 1e3)])
    model = KMeans(3, init=start).fit(sp.csr_array(DENSE))
    np.testing.assert_allclose(model.inertia_, KMeans(3, init=start).fit(DENSE).inertia_)
    assert np.bincount(model.labels_, minlength=3).min() > 0


def test_what_scikit_learn_finds(chunks):
    sparse = sp.csr_array(DENSE)
    start = DENSE[:4]
    theirs = TheirKMeans(4, init=start, n_init=1).fit(sparse)
    assert KMeans(4, init=start).fit(sparse).inertia_ == pytest.approx(theirs.inertia_, rel=1e-9)
    plane = TheirPCA(3, svd_solver="covariance_eigh").fit(DENSE)
    np.testing.assert_allclose(
        PCA(3).fit(sparse).explained_variance_, plane.explained_variance_, rtol=1e-9
    )


def test_a_stored_nan_is_hidden_and_single_precision_stays(chunks):
    dense = DENSE.astype(np.float32)
    row, column = np.argwhere(dense[:50] != 0)[:9].T
    dense[row, column] = np.nan
    sparse = sp.csr_array(dense)
    assert np.isnan(sparse.data).sum() == 9
    for kind in (KMeans(4, random_state=0), PCA(2)):
        energy = type(kind)(**kind.get_params()).fit(dense).energy(dense)
        assert energy.dtype == np.float32
        np.testing.assert_allclose(kind.fit(sparse).energy(sparse), energy, rtol=1e-4)


def test_more_columns_than_rows():
    dense, sparse = DENSE[:20], sp.csr_array(DENSE[:20])
    np.testing.assert_allclose(PCA(5).fit(sparse).energy(sparse), PCA(5).fit(dense).energy(dense))
    with pytest.raises(InputError, match="PCA: 5000 columns; expected at most 4096"):
        PCA(2).fit(sp.csr_array((9, 5000)))


@pytest.mark.parametrize("container", CONTAINERS[:2])
@pytest.mark.parametrize("name", sorted(names_in("tables")))
def test_every_other_estimator_refuses_in_one_line(name, container):
    if name in TAKE:
        with pytest.raises(InputError, match=r"complete: X is sparse .* expected a dense array"):
            estimator(name)().complete(container(DENSE))
        return
    with pytest.raises(InputError, match=r"^X is sparse \(csr_\w+\); expected a dense array$"):
        estimator(name)().fit(container(DENSE))


def test_asked_about_after_dense_rows_and_of_another_width():
    model = MaskedAutoencoder(n_steps=2, hidden=(4,), random_state=0).fit(DENSE)
    with pytest.raises(InputError, match="X is sparse"):
        model.energy(sp.csr_array(DENSE))
    with pytest.raises(InputError, match="X has 29 features, but PCA is expecting 30"):
        PCA(2).fit(DENSE).energy(sp.csr_array(DENSE[:, 1:]))
    bad = sp.csr_array(DENSE)
    bad.data[0] = np.inf
    row, column = np.argwhere(DENSE != 0)[0]
    with pytest.raises(InputError, match=f"row {row}, column {column} is inf"):
        KMeans(2).fit(bad)
