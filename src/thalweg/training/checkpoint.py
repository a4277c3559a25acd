"""Checkpoints: training that was killed goes on as if it had not been."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_of
from safetensors.torch import save as bytes_of

from thalweg.core import InputError, read_file, whole_number, write_beside
from thalweg.core.plain import parse_json
from thalweg.data import Shuffled
from thalweg.training.expected import check_alike, check_history, check_optimizer
from thalweg.training.history import History
from thalweg.training.state import GeneratorState, pack, unpack

FORMAT = "2"
KEPT = 2
NAME = re.compile(r"step-(\d{9})\.safetensors")


class Stateful(Protocol):
    """What a checkpoint can hold."""

    def state_dict(self) -> Mapping[str, Any]:
        """All that it needs to go on."""

    def load_state_dict(self, state: dict[str, Any]) -> Any:
        """Go on from there."""


class Checkpoint:
    """A folder with the state of training every so many steps.

    Each file is written beside and renamed, so that a kill at any moment leaves the last whole one.
    The two latest are kept. Files are safetensors, read without running code.

    Parameters
    ----------
    folder : path
        Made if need be.
    every : int, default 500
        Steps.
    resume : bool, default False
        Whether to go on from the last checkpoint of the folder. Without it a folder that has some
        is refused, so that nothing is lost by accident.
    facts : mapping, optional
        What has to be equal for a checkpoint to fit: names and numbers.
    rank : int, default 0
        Of this process among those that train together; each has files of its own.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        every: int = 500,
        resume: bool = False,
        facts: Mapping[str, Any] | None = None,
        rank: int = 0,
    ) -> None:
        every = whole_number("checkpoint: every", every)
        self.folder = Path(folder) / f"process-{rank}" if rank else Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"checkpoint: {self.folder} is a file; expected a folder")
        self.every, self.resume, self.facts = every, resume, dict(facts or {})
        if not resume and self.latest() is not None:
            raise InputError(
                f"checkpoint: {self.latest()} is there already; expected resume to go on from it, "
                "or another folder"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        self._parts: dict[str, Stateful] = {}
        self._before: History | None = None

    def latest(self) -> Path | None:
        """The file of the most steps, or None."""
        found = self._files()
        return found[-1] if found else None

    def _files(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return sorted(p for p in self.folder.iterdir() if NAME.fullmatch(p.name))

    def steps(self) -> int:
        """Of the last checkpoint to go on from; 0 without one."""
        path = self.latest() if self.resume else None
        return 0 if path is None else int(NAME.fullmatch(path.name)[1])  # type: ignore[index]

    def restore(self, parts: Mapping[str, Stateful], at: int | None = None) -> bool:
        """Know the parts, and bring them to where a checkpoint is; whether there was one.

        ``at`` is its number of steps, by default that of the last one. Processes that train
        together may have been killed one step apart, and go on from the last that all have.
        """
        self._parts = dict(parts)
        at = self.steps() if at is None else at
        if at == 0:
            return False
        path = self.folder / f"step-{at:09d}.safetensors"
        if not path.is_file():
            raise InputError(f"{path} is not there, and another process goes on from its own; "
                             "expected the checkpoints of one run")  # fmt: skip
        state = self._read(path)
        there, here = state["facts"], self.facts
        if there != here:
            differs = [
                f"{name} is {there.get(name)!r} there and {here.get(name)!r} here"
                for name in sorted({*there, *here})
                if there.get(name) != here.get(name)
            ]
            raise InputError(
                f"{path} is of another run: {', '.join(differs)}; expected the same data and "
                "settings"
            )
        if set(state["parts"]) != set(self._parts):
            raise InputError(
                f"{path} is of another kind of run: it has {', '.join(sorted(state['parts']))}; "
                f"expected {', '.join(sorted(self._parts))}"
            )
        try:
            # all of it, before any of it is taken over
            for name, part in self._parts.items():
                _check(name, part, state["parts"][name], at)
            check_history(state["history"], at)
            for name, part in self._parts.items():
                part.load_state_dict(state["parts"][name])
        except (RuntimeError, KeyError, ValueError, TypeError) as error:
            raise InputError(f"{path} does not fit this model: {error}") from error
        self._before = History.from_state(state["history"])
        return True

    def history(self) -> History:
        """What happened before the checkpoint that was gone on from; empty without one."""
        return History() if self._before is None else self._before

    def after(self, history: History) -> bool:
        """Whether a checkpoint is due after this many steps."""
        return len(history) % self.every == 0

    def save(self, history: History) -> None:
        """Write the state as it is now."""
        tensors, text = pack(
            {
                "facts": self.facts,
                "parts": {name: dict(part.state_dict()) for name, part in self._parts.items()},
                "history": history.state(),
            }
        )
        with write_beside(self.folder / f"step-{len(history):09d}.safetensors") as beside:
            metadata = {
                "thalweg-checkpoint": FORMAT, "state": text, "sum": _sum(text, tensors)
            }  # fmt: skip
            beside.write_bytes(bytes_of(tensors, metadata))
        for old in self._files()[:-KEPT]:
            old.unlink(missing_ok=True)

    def not_finite(self) -> str | None:
        """The name of a part of the energy that is not finite, None if there is none."""
        energy = self._parts.get("energy")
        for name, value in ({} if energy is None else energy.state_dict()).items():
            if isinstance(value, torch.Tensor) and not bool(value.isfinite().all()):
                return name
        return None

    @staticmethod
    def _read(path: Path) -> Any:
        content = read_file(path, "a checkpoint that training wrote")
        try:
            tensors = tensors_of(content)
            length = int.from_bytes(content[:8], "little")
            metadata = parse_json(content[8 : 8 + length]).get("__metadata__") or {}
            if metadata.get("thalweg-checkpoint") != FORMAT:
                raise ValueError(f"version {metadata.get('thalweg-checkpoint')!r:.20}")
            if metadata.get("sum") != _sum(metadata["state"], tensors):
                raise ValueError("its sum is another one: some of it was changed")
            state = unpack(tensors, metadata["state"])
            if not isinstance(state, dict) or set(state) != {"facts", "parts", "history"}:
                raise ValueError("its state has other parts")
            for name, each in state.items():
                if not isinstance(each, dict) or not all(isinstance(key, str) for key in each):
                    raise ValueError(f"{name} of its state are not values by name")
            return state
        except (SafetensorError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise InputError(
                f"{path} is damaged, or no checkpoint of this version of thalweg ({error}); "
                "expected a file that training wrote"
            ) from error


def _check(name: str, part: Stateful, there: Any, steps: int) -> None:
    """Hold the state of a part to what the part is."""
    if isinstance(part, torch.optim.Optimizer):
        check_optimizer(name, part, there, steps)
        return
    check_alike(name, part.state_dict(), there, steps)
    if isinstance(part, (GeneratorState, Shuffled)):
        part.check(there)


def _sum(text: str, tensors: Mapping[str, torch.Tensor]) -> str:
    """What tells whether any bit of the state was changed."""
    found = zlib.crc32(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        if tensor.numel():
            found = zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy().data, found)
    return f"{found:08x}"
