"""scikit-learn's base classes; it has no types, so what a type checker sees of them is here."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, Self

    class BaseEstimator:
        """Parameters by name."""

        def get_params(self, deep: bool = True) -> dict[str, Any]: ...
        def set_params(self, **params: Any) -> Self: ...
        def __sklearn_tags__(self) -> Any: ...

    class TransformerMixin:
        """``fit_transform``."""

        def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any: ...
        def set_output(self, *, transform: str | None = None) -> Self: ...

    class ClassNamePrefixFeaturesOutMixin:
        """Names of codes."""

        def get_feature_names_out(self, input_features: Any = None) -> Any: ...

    class ClusterMixin:
        """``fit_predict``."""

        def fit_predict(self, X: Any, y: Any = None, **kwargs: Any) -> Any: ...

    class DensityMixin:
        """Says what kind of estimator it is."""

    class OneToOneFeatureMixin:
        """Names of what comes out: those of what went in."""

        def get_feature_names_out(self, input_features: Any = None) -> Any: ...

    class OutlierMixin:
        """``fit_predict``, 1 for usual rows and -1 for others."""

        def fit_predict(self, X: Any, y: Any = None, **kwargs: Any) -> Any: ...

    class RegressorMixin:
        """``score``, the share of the variance that is explained."""

        def score(self, X: Any, y: Any, sample_weight: Any = None) -> float: ...

else:
    from sklearn.base import (  # noqa: F401
        BaseEstimator,
        ClassNamePrefixFeaturesOutMixin,
        ClusterMixin,
        DensityMixin,
        OneToOneFeatureMixin,
        OutlierMixin,
        RegressorMixin,
        TransformerMixin,
    )
