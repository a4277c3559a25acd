"""Tables that are hard on arithmetic and on whoever reads them: a few rows in many guises."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np


class Hostile(NamedTuple):
    """A table, what it says in double precision, and weights for its rows."""

    name: str
    given: Any
    plain: np.ndarray
    """(n, d) float64, NaN where hidden"""
    weight: np.ndarray | None = None


def hostile_arrays(seed: int, n: int = 60, d: int = 4) -> Iterator[Hostile]:
    """All of them, for one draw of the rows."""
    random = np.random.default_rng(seed)
    centers = 4 * random.normal(size=(3, d))
    base = centers[random.integers(3, size=n)] + random.normal(size=(n, d)) * random.uniform(0.2, 2)
    for name, rows in _values(base, random):
        for dtype in (np.float64, np.float32):
            if np.abs(rows[np.isfinite(rows)]).max(initial=0) < float(np.finfo(dtype).max):
                yield from _with_hidden(f"{name}, {dtype.__name__}", rows.astype(dtype), random)
    for name, given in _layouts(base):
        yield Hostile(name, given, np.asarray(given, dtype=np.float64))
    yield from _weights(base, random)
    yield from _masked(base, random)


def _values(base: np.ndarray, random: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    n, d = base.shape
    yield "as they are", base
    for power in (3, 6, 9):
        yield f"offset 1e{power}", base + 10.0**power * random.choice([-1, 1], size=d)
    for value in (1e5, -9999.0, 1e9, 1e15, 1e18, 9.96921e36, 1e150):
        far = base.copy()
        far[random.integers(n)] = value
        yield f"one row at {value:g}", far
        cell = base.copy()
        cell[random.integers(n), random.integers(d)] = value
        yield f"one cell at {value:g}", cell
    far = base.copy()
    far[: n // 5, 0], far[n // 5 :, 0] = 0, 1.7e9 + 60 * far[n // 5 :, 0]
    yield "unix seconds, 0 for missing", far
    far = base.copy()
    far[n // 2 :] += 1e7
    yield "two groups 1e7 apart", far
    for scale in (1e-200, 1e-30, 1e-20, 1e-6, 1e6, 1e15, 1e17, 1e30, 1e100, 1e200):
        yield f"scale {scale:g}", base * scale
    yield "columns of scales 1e-9 to 1e9", base * np.logspace(-9, 9, d)
    for name, column in (("constant", 3.0), ("zero", 0.0), ("constant 1e9", 1e9)):
        same = base.copy()
        same[:, 1] = column
        yield f"{name} column", same
    same = base.copy()
    same[:, 1] = same[:, 0]
    yield "two equal columns", same
    same[:, 1] += 1e-8 * random.normal(size=n)
    yield "two nearly equal columns", same
    yield "rows all the same", np.repeat(base[:1], n, axis=0)
    yield "rows twice", np.repeat(base[: n // 2], 2, axis=0)
    yield "one row", base[:1]
    yield "two rows", base[:2]
    yield "five rows", base[:5]
    yield "whole numbers", np.rint(3 * base)
    yield "zeros and ones", (base > 0).astype(float)
    yield "zeros", np.zeros_like(base)


def _with_hidden(name: str, rows: np.ndarray, random: np.random.Generator) -> Iterator[Hostile]:
    yield Hostile(name, rows, rows.astype(np.float64))
    if len(rows) > 5:
        hidden = np.where(random.random(rows.shape) < 0.2, np.nan, rows).astype(rows.dtype)
        hidden[np.isnan(hidden).all(axis=1), 0] = rows[np.isnan(hidden).all(axis=1), 0]
        yield Hostile(f"{name}, hidden entries", hidden, hidden.astype(np.float64))


def _layouts(base: np.ndarray) -> Iterator[tuple[str, Any]]:
    whole = np.rint(3 * base)
    for kind in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", "f2", ">f4", ">f8", "g"):
        yield f"dtype {kind}", (np.abs(whole) if kind[0] in "u?" else whole).astype(kind)
    yield "Fortran order", np.asfortranarray(base)
    yield "every other row", np.repeat(base, 2, axis=0)[::2]
    yield "rows backwards", base[::-1]
    yield "columns backwards", base[:, ::-1]
    yield "one row broadcast", np.broadcast_to(base[0], base.shape)
    frozen = base.copy()
    frozen.flags.writeable = False
    yield "read only", frozen
    yield "not aligned", _not_aligned(base)
    yield "objects", base.astype(object)
    yield "lists", base.tolist()


def _not_aligned(base: np.ndarray) -> np.ndarray:
    room = np.empty(base.nbytes + 1, np.uint8)
    rows = room[1:].view(np.float64).reshape(base.shape)
    rows[:] = base
    return rows


def _weights(base: np.ndarray, random: np.random.Generator) -> Iterator[Hostile]:
    n = len(base)
    for name, weight in (
        ("tiny weights", np.full(n, 1e-300)), ("small weights", np.full(n, 1e-30)),
        ("huge weights", np.full(n, 1e30)),
        ("weights of all sizes", 10.0 ** random.uniform(-9, 9, n)),
        ("weights with zeros", (np.arange(n) % 3 > 0).astype(float)),
    ):  # fmt: skip
        for dtype in (np.float64, np.float32):
            yield Hostile(f"{name}, {dtype.__name__}", base.astype(dtype),
                          base.astype(dtype).astype(np.float64), weight)  # fmt: skip


def _masked(base: np.ndarray, random: np.random.Generator) -> Iterator[Hostile]:
    mask = random.random(base.shape) < 0.2
    mask[:, 0] = False
    filled = np.where(mask, -9999.0, base)
    yield Hostile("masked", np.ma.masked_array(filled, mask), np.where(mask, np.nan, base))
