"""Texts of different lengths side by side, so that no padding is computed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Group(NamedTuple):
    """Rows of one length, each filled with texts that do not see each other."""

    start: int
    """where it begins in the flat order"""
    rows: int
    length: int
    mask: Tensor
    """(rows, 1, length, length), bool: the two are of one text"""


class Packed(NamedTuple):
    """Texts in a flat order of T places, each between a mark of its start and one of its end."""

    text: Tensor
    """(T,), which text a place belongs to, -1 for the few that are left at the ends of rows"""
    position: Tensor
    """(T,), counted from the start of its text"""
    first: Tensor
    """(n,), where the start of each text stands"""
    groups: tuple[Group, ...]


def pack(lengths: NDArray[np.integer], least: int, device: torch.device | str = "cpu") -> Packed:
    """Lay texts of n lengths (marks included) into rows.

    A row is as long as the next power of two, but at least ``least``: long texts do not make
    attention dear for short ones. Best fit, longest first, leaves little room at the ends.
    """
    size = np.maximum(least, 2 ** np.ceil(np.log2(np.maximum(lengths, 1))).astype(np.int64))
    first = np.empty(len(lengths), np.int64)
    groups: list[tuple[int, int, int]] = []
    total = 0
    for length in np.unique(size):
        members = np.flatnonzero(size == length)
        row, offset, rows = _best_fit(lengths[members], int(length))
        first[members] = total + row * length + offset
        groups.append((total, rows, int(length)))
        total += rows * int(length)
    text = np.full(total, -1, np.int64)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    place = first[owner] + within
    text[place] = owner
    position = np.zeros(total, np.int64)
    position[place] = within
    flat = torch.from_numpy(text).to(device)
    laid = []
    for start, rows, length in groups:
        there = flat[start : start + rows * length].reshape(rows, 1, length)
        laid.append(Group(start, rows, length, (there[..., None] == there[..., None, :])))
    return Packed(
        flat,
        torch.from_numpy(position).to(device),
        torch.from_numpy(first).to(device),
        tuple(laid),
    )


def _best_fit(
    lengths: NDArray[np.integer], capacity: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """The row and the offset of each text, and how many rows there are."""
    row, offset = np.empty(len(lengths), np.int64), np.empty(len(lengths), np.int64)
    # rows by the room that is left in them
    with_room: list[list[int]] = [[] for _ in range(capacity + 1)]
    rows = 0
    for i in np.argsort(-lengths, kind="stable").tolist():
        needed = int(lengths[i])
        room = next((r for r in range(needed, capacity) if with_room[r]), capacity)
        if room < capacity:
            row[i] = with_room[room].pop()
        else:
            row[i], rows = rows, rows + 1
        offset[i] = capacity - room
        with_room[room - needed].append(int(row[i]))
    return row, offset, rows
