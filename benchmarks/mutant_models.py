"""What mutants are made of, and what they are asked: a tiny saved model of every kind."""

import warnings

import numpy as np

from thalweg import estimators as e

TEXTS = ["the cat sat on the mat", "a dog ran in the park", "the dog sat in the park"] * 8

FEW = {"random_state": 0, "n_steps": 3}


def kinds():
    """Name, estimator, and what it is trained on."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(40, 3))
    bits = random.integers(0, 2, (40, 3)).astype(float)
    images = random.random((12, 8, 8))
    small = {"hidden": (4,), **FEW}
    yield "kmeans", e.KMeans(3, random_state=0), (rows,)
    yield "kmeans-soft", e.KMeans(3, beta=2.0, init=rows[:3], random_state=0), (rows,)
    for shape in ("full", "tied", "diag", "spherical"):
        model = e.GaussianMixture(2, covariance_type=shape, random_state=0)
        yield f"mixture-{shape}", model, (rows,)
    yield "mixture-pooled", e.GaussianMixture(2, n_pooled=2, random_state=0), (rows,)
    yield "pca", e.PCA(2), (rows,)
    yield "ica", e.SquareICA(random_state=0), (random.laplace(size=(200, 3)),)
    for solver in ("active-set", "fista", "lista"):
        model = e.SparseCoding(4, solver=solver, max_iter=2, random_state=0)
        yield f"sparse-coding-{solver}", model, (rows,)
    yield "glo", e.GLO(2, descent_iter=5, **small), (rows,)
    yield "variational", e.VariationalAutoencoder(2, n_draws=4, **small), (rows,)
    yield "quantized", e.VQAutoencoder(2, n_codes=4, code_size=2, **small), (rows,)
    yield "sparse", e.SparseAutoencoder(4, **small), (rows,)
    yield "contractive", e.ContractiveAutoencoder(2, **small), (rows,)
    yield "saturating", e.SaturatingAutoencoder(2, **small), (rows,)
    yield "denoising", e.DenoisingAutoencoder(4, **small), (rows,)
    yield "masked", e.MaskedAutoencoder((4,), **FEW), (rows,)
    yield "density", e.EnergyDensity(**small), (rows,)
    yield "density-dual", e.EnergyDensity("dual-score-matching", **small), (rows,)
    yield "machine", e.BernoulliRBM(2, **FEW), (bits,)
    yield "machine-gaussian", e.BernoulliRBM(2, **FEW), (rows,)
    for latent in ("discrete", "continuous"):
        model = e.LatentRegressor(latent=latent, n_init=1, **small)
        yield f"regressor-{latent}", model, (rows, rows[:, 0] + 1)
    for network in ("transformer", "convolutional"):
        model = e.MaskedImageModel(network, width=16, depth=1, **FEW)
        yield f"images-{network}", model, (images,)
    yield "joint", e.JointEmbeddingModel(width=4, depth=0, n_components=4, **FEW), (images,)
    clips = random.random((8, 6, 8, 8)).astype(np.float32)
    for latent in (None, "discrete", "continuous"):
        model = e.NextFrame(latent, n_components=2, width=4, reach=1, batch_size=4, **FEW)
        yield f"clips-{latent}", model, (clips,)
    yield (
        "language",
        e.MaskedLanguageModel(
            layers=1, width=8, context=16, epochs=1, batch_tokens=100, random_state=0
        ),
        (TEXTS,),
    )


def save_all(folder):
    """A model of every kind, saved; a folder for those that are folders."""
    for name, model, given in kinds():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(*given)
        model.save(folder / (name if model.about == "texts" else f"{name}.safetensors"))


def questions(model):
    """Every question that a model answers, about little: names and answers as arrays."""
    random = np.random.default_rng(1)
    if model.about == "texts":
        yield "energy", model.energy(TEXTS[:2])
        yield "transform", model.transform(TEXTS[:2])
        yield "completions", [c.energy for c in model.completions(["the cat [MASK] on"], 2)[0]]
        yield "evaluate", model.evaluate(TEXTS[:3], 0.5)
        model.sample(2, random_state=0, n_sweeps=1)
        return
    if model.about == "clips":
        clips = random.random((2, 5, 8, 8)).astype(np.float32)
        clips = clips if model.grey_ else clips[..., None]
        yield "energy", model.energy(clips)
        yield "infer", model.infer(clips)
        yield "predict", model.predict(clips[:, :4])
        yield "transform", model.transform(clips[:, :4])
        return
    if model.about == "images":
        images = random.random((2, 8, 8))
        yield "transform", model.transform(images)
        if type(model).__name__ == "JointEmbeddingModel":
            yield "energy", model.energy(images, images[::-1])
            return
        yield "energy", model.energy(images)
        images[:, :4, :4] = np.nan
        yield "complete", model.complete(images)
        return
    rows = random.normal(size=(3, 3))
    if type(model).__name__ == "BernoulliRBM" and not hasattr(model.energy_, "shift"):
        rows = (rows > 0).astype(float)
    if model.about == "pairs":
        yield "energy", model.energy(rows, rows[:, 0])
        yield "infer", model.infer(rows, rows[:, 0])
        yield "predict", model.predict(rows)
        yield "sample", model.sample(rows, random_state=0)
        return
    yield "energy", model.energy(rows)
    holed = rows.copy()
    holed[0, 1] = np.nan
    yield "complete", model.complete(holed)
    yield "project", model.project(rows[:1])
    for name in ("transform", "predict", "predict_proba"):
        if hasattr(model, name):
            yield name, getattr(model, name)(rows)
    if hasattr(model, "sample"):
        chains = hasattr(model, "_chain")
        more = {"n_steps": 2} if chains else {}
        yield "sample", model.sample(2, random_state=0, **more)
