"""What a type checker sees of declared parameters: read by mypy (make check), not run.

An ignored error that is none any more is an error itself.
"""

from thalweg.estimators import (
    GLO,
    PCA,
    BernoulliRBM,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    EnergyDensity,
    GaussianMixture,
    JointEmbeddingModel,
    KMeans,
    LatentRegressor,
    MaskedAutoencoder,
    MaskedImageModel,
    MaskedLanguageModel,
    NextFrame,
    SaturatingAutoencoder,
    SparseAutoencoder,
    SparseCoding,
    SquareICA,
    VariationalAutoencoder,
    VQAutoencoder,
)


def never_called() -> None:
    KMeans(3, init="random", tol=0.1)
    KMeans(n_clusters="three")  # type: ignore[arg-type]
    KMeans(3, "random")  # type: ignore[call-arg]
    KMeans(clusters=3)  # type: ignore[call-arg]
    KMeans(energy_=None)  # type: ignore[call-arg]
    VQAutoencoder(2, n_codes=4, hidden=(8,), n_steps=10, device="cpu", random_state=0)
    VQAutoencoder(2, n_steps=0.5)  # type: ignore[arg-type]
    MaskedAutoencoder((8,), fraction=0.5)
    EnergyDensity("hinge", precision="bf16")
    n_iter: int = KMeans().n_iter_
    wrong: str = KMeans().n_iter_  # type: ignore[assignment]
    print(n_iter, wrong)


def every_one_has_defaults() -> None:
    GLO(), PCA(), BernoulliRBM(2), ContractiveAutoencoder(), DenoisingAutoencoder()
    EnergyDensity(), GaussianMixture(), JointEmbeddingModel(), KMeans(), LatentRegressor()
    MaskedAutoencoder(), MaskedImageModel(), MaskedLanguageModel(), NextFrame()
    SaturatingAutoencoder(), SparseAutoencoder(), SparseCoding(), SquareICA()
    VariationalAutoencoder(), VQAutoencoder()
