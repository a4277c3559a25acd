"""Adam in one loop, beside torch's."""

import pytest
import torch

from thalweg.training import compiled_adam as module
from thalweg.training.compiled_adam import Adam


def parameters(kind, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = (7, 5), (33,), (1,)
    return [torch.randn(shape, generator=generator).to(kind).requires_grad_() for shape in shapes]


def trained(make, kind, steps=30):
    own = parameters(kind)
    groups = [{"params": own[:2], "lr": 0.05}, {"params": own[2:], "lr": 0.01}]
    optimizer = make(groups)
    generator = torch.Generator().manual_seed(1)
    for i in range(steps):
        for each in own:
            each.grad = torch.randn(each.shape, generator=generator).to(kind)
        if i % 3 == 2:
            own[2].grad = None
        optimizer.param_groups[0]["lr"] = 0.05 / (1 + i)
        optimizer.step()
    return own, optimizer


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_it_is_torchs(kind):
    (ours, mine), (theirs, other) = (
        trained(make, kind) for make in (Adam, lambda groups: torch.optim.Adam(groups, fused=True))
    )
    close = 3e-6 if kind == torch.float32 else 1e-13
    for one, two in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, two, rtol=close, atol=close)
    one, two = mine.state_dict(), other.state_dict()
    assert one["state"].keys() == two["state"].keys()
    for i, state in one["state"].items():
        assert state["step"] == two["state"][i]["step"]
        for name in ("exp_avg", "exp_avg_sq"):
            torch.testing.assert_close(state[name], two["state"][i][name], rtol=close, atol=close)
    # what one has learned the other goes on from
    other.load_state_dict(one)


def test_torch_takes_what_the_loop_does_not(monkeypatch):
    called = []
    step = torch.optim.Adam.step
    monkeypatch.setattr(
        torch.optim.Adam, "step", lambda self, *a: called.append(1) or step(self, *a)
    )
    trained(Adam, torch.float32, 5)
    # the first step of each parameter makes its state
    assert len(called) == 1
    monkeypatch.setattr(module, "FEW", 3)
    trained(Adam, torch.float32, 5)
    assert len(called) == 6
