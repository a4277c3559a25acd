"""What a forked child may do: compute, in one thread.

The threads of OpenMP, which torch computes with, do not survive a fork: a child that asks for them
waits for ever. With one thread it asks for none.
"""

import os

import torch


def _one_thread() -> None:
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_one_thread)
