"""Muon is torch's, which older releases lack."""

import pytest
import torch

from thalweg.training.muon import DECAY, Muon


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch has it from 2.9 on")
def test_steps_are_torchs_to_the_bit():
    generator = torch.Generator().manual_seed(0)
    shapes = [(5, 9), (9, 5), (7, 7), (64, 3)]
    ours = [torch.randn(shape, generator=generator).requires_grad_() for shape in shapes]
    theirs = [matrix.detach().clone().requires_grad_() for matrix in ours]
    optimizers = (
        Muon(ours, 0.02),
        torch.optim.Muon(theirs, lr=0.02, weight_decay=DECAY, momentum=0.95),
    )
    for _ in range(5):
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn(one.shape, generator=generator)
            other.grad = one.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one, other)
