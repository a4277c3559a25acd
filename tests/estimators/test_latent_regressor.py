from sklearn.utils.estimator_checks import parametrize_with_checks

from thalweg.estimators import LatentRegressor

WEAK = "150 steps are too few for a score above 0.5, and a branch is not the mean"


@parametrize_with_checks([LatentRegressor(n_components=1, n_init=1, n_steps=150, random_state=0)])
def test_scikit_learn_contract(estimator, check):
    check(estimator)
