"""What memory there is, and what would need more of it, said before any work."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from thalweg.core.errors import InputError

COPIES = 4
"""A number that Adam learns is kept four times: itself, its gradient and two moments."""

FACTORIES = {
    torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.randint,
    torch.eye, torch.arange, torch.linspace,
}  # fmt: skip
"""What makes tensors from nothing but a size"""


def available_memory() -> int | None:
    """Bytes that this process may still take: of the machine, and of its control group.

    None where the system does not say (it is Linux that does).
    """
    known = [_of_machine(), *_of_group()]
    return min((each for each in known if each is not None), default=None)


def check_memory(needed: int, what: str, there: int | None = None) -> None:
    """Refuse what needs more memory than there is (``there`` where it was asked before).

    Raises
    ------
    InputError
        Says what it is that needs it, how much, and how much there is.
    """
    there = available_memory() if there is None else there
    if there is not None and needed > there:
        raise InputError(
            f"{what} needs about {_shown(needed)} of memory; {_shown(there)} are available"
        )


class Building(TorchFunctionMode):
    """Inside, tensors are counted before they are made; too many of them are refused.

    Parameters
    ----------
    what : str
        What is built, and the sizes that say how large it is.
    """

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what, self.total = what, 0
        self.there = available_memory()

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if func in FACTORIES:
            blank = {k: v for k, v in given.items() if k not in ("generator", "out", "pin_memory")}
            like = func(*args, **{**blank, "device": "meta"})
            self.total += like.numel() * like.element_size()
            check_memory(COPIES * self.total, self.what, self.there)
        return func(*args, **given)


def _of_machine() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = [int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    return found[0] * 1024 if found else None


def _of_group() -> list[int]:
    """What is left of the limit of each control group that this process is in."""
    try:
        entries = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    result = []
    for _, kinds, place in (entry.split(":", 2) for entry in entries):
        if kinds not in ("", "memory") and "memory" not in kinds.split(","):
            continue
        root = Path("/sys/fs/cgroup") / ("memory" if kinds else "")
        below = root / place.lstrip("/")
        for folder in (below, *below.parents):
            if folder == root.parent:
                break
            left = _left(folder, *(("memory.limit_in_bytes", "memory.usage_in_bytes") if kinds
                                   else ("memory.max", "memory.current")))  # fmt: skip
            result.extend([] if left is None else [left])
    return result


def _left(folder: Path, limit: str, used: str) -> int | None:
    try:
        most = (folder / limit).read_text(encoding="ascii").strip()
        taken = int((folder / used).read_text(encoding="ascii"))
        said = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    if not most.isdigit():
        return None
    # files that were read stay in memory until it is needed
    kept = [int(line.split()[1]) for line in said if line.split()[0] == "inactive_file"]
    return max(0, int(most) - taken + sum(kept))


def _shown(size: int) -> str:
    return f"{size / 2**30:,.0f} GiB" if size >= 10 * 2**30 else f"{size / 2**30:.2g} GiB"
