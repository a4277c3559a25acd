"""Parameters declared once: signature, check, documentation and command line follow from it.

A class says in its body what its constructor takes, and what fitting finds out::

    class KMeans(Declared):
        '''K-means: k points of zero energy.'''

        n_clusters: int = parameter("k.", Integer(1), default=8, kw_only=False)
        inertia_: float = learned("Sum of the squared distances.", saved=True)

``KMeans(3)`` then works, to inspection, editors and type checkers as well as to Python;
``KMeans.parameters`` is the declarations as data; the docstring has its Parameters and Attributes.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, dataclass_transform

from thalweg.core.checks import check_parameters
from thalweg.core.constraints import Constraint

WIDTH = 96
"""Of a line of generated documentation"""

LATER_SECTIONS = re.compile(
    r"^(?:Returns|Yields|Raises|Warns|Warnings|See Also|Methods|Notes|References|Examples)\n-+$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Parameter:
    """What a constructor takes: one declaration."""

    sentence: str
    constraint: Constraint
    default: Any
    positional: bool
    """whether it may be given without its name"""
    earlier: Any = None
    """what it is in saved models that do not name it, for they were written before it was there;
    the default if None"""

    @property
    def help(self) -> str:
        """Its sentence, and what it must be."""
        return f"{self.sentence} Must be {self.constraint.describe()}.".strip()


@dataclass(frozen=True)
class Learned:
    """What fitting finds out: one declaration."""

    sentence: str
    saved: bool
    """whether it is written with the model, beside the tensors of the energy"""
    constraint: Constraint | None = None
    """of what is saved: what it must be, as a model is loaded"""
    shape: tuple[str, ...] | None = None
    """of a saved array: the attribute that has each length, "any" for any"""
    optional: bool = False
    """whether a model may do without, and then has None"""


@dataclass(frozen=True)
class _Changed:
    """What a subclass has otherwise of an inherited parameter."""

    what: dict[str, Any]

    def of(self, name: str, each: Parameter, owner: str) -> Parameter:
        """The parameter with these changes."""
        if each.positional and not self.what["positional"]:
            raise TypeError(
                f"{owner} changes {name}, which may be given without its name: say kw_only=False"
            )
        return replace(each, **self.what)


def parameter(
    sentence: str,
    constraint: Constraint,
    *,
    default: Any,
    kw_only: bool = True,
    earlier: Any = None,
) -> Any:
    """Declare a parameter of the constructor.

    Parameters
    ----------
    sentence : str
        What it does, in a sentence or a few.
    constraint : Constraint
    default : object
    kw_only : bool, default True
        Whether it has to be given by its name.
    earlier : object, optional
        What it is in saved models from before it was there, if that is not the default.
    """
    return Parameter(" ".join(sentence.split()), constraint, default, not kw_only, earlier)


def changed(
    *,
    default: Any,
    sentence: str | None = None,
    constraint: Constraint | None = None,
    kw_only: bool = True,
) -> Any:
    """Declare what is different about an inherited parameter.

    Its default is said again even where it is the same, and ``kw_only=False`` where it may be given
    without its name: type checkers see this line alone.
    """
    what: dict[str, Any] = {"default": default, "positional": not kw_only}
    if sentence is not None:
        what["sentence"] = " ".join(sentence.split())
    if constraint is not None:
        what["constraint"] = constraint
    return _Changed(what)


def learned(
    sentence: str = "",
    *,
    saved: bool = False,
    constraint: Constraint | None = None,
    shape: tuple[str, ...] | None = None,
    optional: bool = False,
    init: Literal[False] = False,
) -> Any:
    """Declare an attribute that fitting finds out.

    What is saved has a constraint, or if it is an array a shape: a file is held to them.

    Parameters
    ----------
    sentence : str
        What it is, with its shape; the inherited one without it.
    saved : bool, default False
        Whether it is written with the model. Arrays become tensors; other values, JSON.
    constraint : Constraint, optional
        What a saved value must be.
    shape : tuple of str, optional
        Of a saved array: names of the attributes or parameters that have its lengths, "any" for a
        length that may be any.
    optional : bool, default False
        Of a saved array: whether a model may do without it, and then has None.
    init : False
        For type checkers: the constructor does not take it.
    """
    return Learned(" ".join(sentence.split()), saved, constraint, shape, optional)


@dataclass_transform(kw_only_default=True, field_specifiers=(parameter, changed, learned))
class Declared:
    """A class whose parameters and fitted attributes are declared in its body."""

    parameters: ClassVar[Mapping[str, Parameter]] = {}
    """What the constructor takes, in its order."""

    learned: ClassVar[Mapping[str, Learned]] = {}
    """What fitting finds out, inherited things last."""

    _declared: ClassVar[Mapping[str, Parameter | Learned | _Changed]] = {}

    _said: ClassVar[str] = ""
    """The docstring as it was written; that of the class above where there is none"""

    def check_parameters(self) -> None:
        """Hold each parameter to its constraint, or raise :class:`InputError`.

        Numbers of numpy and torch become Python's own here: counts of few bits would overflow.
        """
        values = {name: getattr(self, name) for name in self.parameters}
        constraints = {name: each.constraint for name, each in self.parameters.items()}
        plain = check_parameters(type(self).__name__, values, constraints)
        for name, value in plain.items():
            if value is not values[name]:
                setattr(self, name, value)

    def sizes(self) -> str:
        """The name of its class, and the sizes that were set, for messages about memory."""
        given = [
            f"{name}={getattr(self, name)!r}"
            for name, each in self.parameters.items()
            if each.constraint.is_size and getattr(self, name) != each.default
        ]
        return f"{type(self).__name__} with {', '.join(given) or 'its usual sizes'}"

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        kinds = (Parameter, Learned, _Changed)
        cls._declared = {k: v for k, v in vars(cls).items() if isinstance(v, kinds)}
        for name in cls._declared:
            delattr(cls, name)
        cls.parameters = _parameters(cls)
        cls.learned = _learned(cls)
        if "__init__" not in vars(cls) and cls.parameters:
            cls.__init__ = _constructor(cls)  # type: ignore[method-assign]
        cls.__doc__ = _documented(cls)


def _declarations(cls: type) -> list[tuple[str, Any]]:
    """All that a class and those above it declare, the class's own first."""
    return [each for base in cls.__mro__ for each in vars(base).get("_declared", {}).items()]


def _parameters(cls: type) -> dict[str, Parameter]:
    """Positional ones first; then those of the class, and those that it inherits."""
    whole: dict[str, Parameter] = {}
    changes: dict[str, list[_Changed]] = {}
    for name, each in _declarations(cls):
        if isinstance(each, _Changed):
            changes.setdefault(name, []).append(each)
        elif isinstance(each, Parameter) and name not in whole:
            # what is said further down holds
            for change in reversed(changes.get(name, [])):
                each = change.of(name, each, cls.__name__)
            whole[name] = each
    missing = changes.keys() - whole.keys()
    if missing:
        raise TypeError(f"{cls.__name__} changes {min(missing)}, which no class above declares")
    return dict(sorted(whole.items(), key=lambda item: not item[1].positional))


def _learned(cls: type) -> dict[str, Learned]:
    found: dict[str, Learned] = {}
    for name, each in _declarations(cls):
        if isinstance(each, Learned):
            nearer = found.get(name, each)
            found[name] = Learned(
                nearer.sentence or each.sentence,
                nearer.saved or each.saved,
                nearer.constraint or each.constraint,
                nearer.shape or each.shape,
                nearer.optional or each.optional,
            )
    return found


def _constructor(cls: type[Declared]) -> Callable[..., None]:
    """A constructor that keeps what it is given; fitting checks it."""
    parts = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    for name, each in cls.parameters.items():
        there = inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=each.default,
            annotation=_annotation(cls, name),
        )  # fmt: skip
        if each.positional:
            there = there.replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD)
        parts.append(there)
    signature = inspect.Signature(parts)

    def __init__(self: Declared, *args: Any, **kwargs: Any) -> None:
        try:
            given = signature.bind(self, *args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}: {error}") from None
        given.apply_defaults()
        for name in cls.parameters:
            setattr(self, name, given.arguments[name])

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    __init__.__annotations__ = {
        name: part.annotation
        for name, part in signature.parameters.items()
        if part.annotation is not inspect.Parameter.empty
    }
    __init__.__qualname__ = f"{cls.__qualname__}.__init__"
    __init__.__module__ = cls.__module__
    return __init__


def _annotation(cls: type, name: str) -> Any:
    """The type of a declaration, of the class that is nearest."""
    for base in cls.__mro__:
        if name in vars(base).get("_declared", {}):
            return vars(base).get("__annotations__", {}).get(name, inspect.Parameter.empty)
    return inspect.Parameter.empty


def _documented(cls: type[Declared]) -> str:
    """The docstring of a class with sections for its parameters and attributes."""
    own = vars(cls).get("__doc__") or getattr(cls.__mro__[1], "_said", "")
    text = cls._said = inspect.cleandoc(str(own))
    sections = [_section("Parameters", [
        (f"{name} : {each.constraint.kind()}, default {_shown(each.default)}", each.sentence)
        for name, each in cls.parameters.items()
    ]), _section("Attributes", [
        (f"{name} : {kind}", sentence) for name, kind, sentence in _attributes(cls)
    ])]  # fmt: skip
    later = LATER_SECTIONS.search(text)
    at = len(text) if later is None else later.start()
    parts = [text[:at].rstrip(), *sections, text[at:]]
    return "\n\n".join(part for part in parts if part)


def _attributes(cls: type[Declared]) -> list[tuple[str, str, str]]:
    """Name, type and sentence of what a fitted object has: what is learned, and views of it."""
    found = []
    for name, each in cls.learned.items():
        if each.sentence:
            found.append((name, _type_name(_annotation(cls, name)), each.sentence))
    for base in cls.__mro__:
        for name, each in vars(base).items():
            public = name.endswith("_") and not name.startswith("_")
            if isinstance(each, property) and public and each.fget is not None:
                kind = _type_name(each.fget.__annotations__.get("return", inspect.Parameter.empty))
                found.append((name, kind, inspect.getdoc(each) or ""))
    return found


def _section(title: str, entries: list[tuple[str, str]]) -> str:
    if not entries:
        return ""
    lines = [title, "-" * len(title)]
    for head, sentence in entries:
        lines.append(head)
        lines.extend(
            textwrap.wrap(sentence, WIDTH, initial_indent="    ", subsequent_indent="    ")
        )
    return "\n".join(lines)


def _type_name(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return "object"
    name = (
        annotation
        if isinstance(annotation, str)
        else getattr(annotation, "__name__", str(annotation))
    )
    return re.sub(r"NDArray\[.*\]", "array", name)


def _shown(default: Any) -> str:
    return f'"{default}"' if isinstance(default, str) else repr(default)
