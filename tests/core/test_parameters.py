"""A parameter is declared once: everything else follows."""

import inspect
import pickle

import numpy as np
import pytest

from thalweg.core import (
    Choice,
    Declared,
    InputError,
    Integer,
    Real,
    changed,
    finite_array,
    learned,
    parameter,
)
from thalweg.estimators.registry import ESTIMATORS, estimator


class Shared(Declared):
    """What both have."""

    n_steps: int = parameter("Steps.", Integer(1), default=10)
    verbose: int = parameter("Above 0, a bar.", Integer(0), default=0)

    loss_: float = learned("The last loss.", saved=True)


class Model(Shared):
    """A model.

    .. math:: E

    References
    ----------
    Somebody (2000).
    """

    k: int = parameter("How many, over\n    two lines.", Integer(1), default=8, kw_only=False)
    way: str = parameter("How.", Choice(("up", "down")), default="up")
    n_steps: int = changed(default=3)

    loss_: float = learned()
    rows_: np.ndarray = learned("Rows: (n, d).")

    @property
    def half_(self) -> float:
        """Half of k."""
        return self.k / 2


class Further(Model):
    """One more."""

    n_steps: int = changed(default=3, sentence="Steps, fewer.", constraint=Integer(0))
    way: str = changed(default="up", kw_only=False)


def test_the_signature_is_real():
    names = list(inspect.signature(Model).parameters)
    assert names == ["k", "way", "n_steps", "verbose"]
    kinds = [p.kind.name for p in inspect.signature(Model).parameters.values()]
    assert kinds == ["POSITIONAL_OR_KEYWORD", *["KEYWORD_ONLY"] * 3]
    model = Model(5, way="down")
    assert vars(model) == {"k": 5, "way": "down", "n_steps": 3, "verbose": 0}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Model(1, "up"), "Model: too many positional arguments"),
        (lambda: Model(steps=1), "Model: got an unexpected keyword argument 'steps'"),
    ],
)
def test_a_wrong_call_names_the_class(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_a_change_holds_for_what_comes_below_and_leaves_what_is_above():
    assert Shared.parameters["n_steps"].default == 10
    assert Model.parameters["n_steps"].default == 3
    further = Further.parameters["n_steps"]
    assert (further.default, further.sentence) == (3, "Steps, fewer.")
    assert further.constraint.allows(0)
    assert Further(1, "down", n_steps=0).way == "down"


def test_what_is_changed_has_to_be_there():
    with pytest.raises(TypeError, match="Wrong changes depth, which no class above declares"):
        type("Wrong", (Shared,), {"depth": changed(default=1)})


def test_a_positional_parameter_does_not_become_a_named_one_unsaid():
    with pytest.raises(TypeError, match="changes k, which may be given without its name: say kw"):
        type("Wrong", (Model,), {"k": changed(default=1)})


def test_types_are_there_at_run_time():
    assert inspect.signature(Model).parameters["k"].annotation is int
    assert Model.__init__.__annotations__["way"] is str
    assert Model.__init__.__module__ == __name__


def test_a_subclass_may_say_less():
    """No types, no docstring, a union: as other classes may."""

    class Bare(Model):
        more: int | None = parameter("More.", Integer(1, none=True), default=None)
        untyped_ = learned("Without a type.")

        @property
        def sizes_(self):
            return self.k

    assert Bare.__doc__.startswith("A model.\n\n.. math:: E")
    assert "untyped_ : object\n    Without a type." in Bare.__doc__
    assert "sizes_ : object" in Bare.__doc__
    assert "more : int or None, default None" in Bare.__doc__
    assert Bare(more=2).sizes_ == 8


def test_the_docstring_is_made_of_declarations():
    text = Model.__doc__
    assert text.startswith(
        "A model.\n\n.. math:: E\n\nParameters\n----------\nk : int, default 8\n"
    )
    assert "    How many, over two lines.\n" in text
    assert 'way : {"up", "down"}, default "up"\n    How.' in text
    assert "Attributes\n----------\nloss_ : float\n    The last loss." in text
    assert "half_ : float\n    Half of k." in text
    assert text.index("Attributes") < text.index("References")


def test_declarations_leave_nothing_on_the_class():
    for name in ("k", "n_steps", "loss_"):
        assert not hasattr(Model, name)
    assert Model.learned["loss_"].saved
    assert not Model.learned["rows_"].saved


def test_a_bad_value_is_named_when_it_is_checked_and_not_before():
    model = Model(0)
    with pytest.raises(InputError, match=r"Model: k .* number of at least 1 \(.*\), got 0"):
        model.check_parameters()
    with pytest.raises(InputError, match="Further: n_steps must be"):
        Further(n_steps=-1).check_parameters()


def test_a_constructor_of_ones_own_stays():
    class Own(Shared):
        """Has one."""

        def __init__(self):
            super().__init__(n_steps=4)

    assert Own().n_steps == 4


def test_objects_can_be_pickled():
    assert vars(pickle.loads(pickle.dumps(Model(2)))) == vars(Model(2))


def test_constraints_name_their_types():
    assert Integer(1, words=("auto",), none=True).kind() == "int or 'auto' or None"
    assert Real(0).kind() == "float"


def test_an_array_is_held_to_its_shape():
    with pytest.raises(InputError, match=r"w has shape \(2,\); expected \(3,\), one a column"):
        finite_array("w", [1, 2], (3,), "one a column")
    with pytest.raises(InputError, match="w has an entry that is not finite"):
        finite_array("w", [1, np.nan], (2,))
    given = np.ones((2, 2), np.float32)
    assert finite_array("w", given, (2, 2)).dtype == np.float64


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_declaration_of_an_estimator_says_something(name):
    kind = estimator(name)
    assert list(kind.parameters) == list(inspect.signature(kind).parameters)
    for declared, each in kind.parameters.items():
        assert each.sentence.endswith((".", ";")), declared
        assert f"{declared} : {each.constraint.kind()}, default" in kind.__doc__
        assert each.constraint.allows(each.default), declared
        assert each.constraint.violations(), declared
    for attribute, each in kind.learned.items():
        assert each.sentence.endswith("."), attribute
        assert f"{attribute} : " in kind.__doc__
