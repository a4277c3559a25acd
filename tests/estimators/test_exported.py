"""Energies of fitted models outside of Python, and under torch's transforms of functions."""

from __future__ import annotations

import copy
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

import thalweg
from thalweg.core import Energy

pytestmark = pytest.mark.skipif(
    tuple(map(int, torch.__version__.split(".")[:2])) < (2, 13),
    reason="torch's exporter of then does not follow loops, nor all symbols for numbers of rows",
)
SAVED = Path(__file__).parents[1] / "saved" / "version_0_1_0"
ASKED = {
    name: value["asked"]
    for name, value in json.loads((SAVED / "expected.json").read_text()).items()
    # of texts and clips: what they are asked about is not a batch of rows
    if (SAVED / f"{name}.safetensors").exists() and not name.startswith("NextFrame")
}
DESCENDING = ("GLO", "SparseCoding")
"""Those whose codes are found by steps, which end where rounding has them end"""

UNROLLED = ("GLO", "AnomalyDetector")
"""One graph of hundreds of steps, or of several members: ONNX takes ten seconds and more of it, by
the operators of SparseCoding, Neighbors and KernelDensity"""


def asked(name: str) -> tuple[Energy, list[Tensor]]:
    """A saved model's energy in single precision, and a batch of (y,) or (y, x)."""
    energy: Any = thalweg.load(SAVED / f"{name}.safetensors").energy_.eval().float()
    given = [torch.tensor(each, dtype=torch.float32) for each in ASKED[name]]
    rows = [each[:, None] if each.ndim == 1 else each.flatten(1) for each in reversed(given)]
    return energy, [torch.cat([each, each.flip(0), each[:1]]) for each in rows]


def close(name: str) -> dict[str, float]:
    single = {"rtol": 1e-5, "atol": 1e-5}
    return {"rtol": 1e-4, "atol": 1e-5} if name in DESCENDING else single


def exported(energy: Energy, batch: list[Tensor]) -> torch.export.ExportedProgram:
    n = torch.export.Dim("n", min=2, max=4096)
    several = tuple({0: n} for _ in batch)
    return torch.export.export(energy, tuple(batch), dynamic_shapes=several, strict=False)


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_an_exported_energy_is_the_same_energy_for_any_number_of_rows(
    name: str, tmp_path: Path
) -> None:
    energy, batch = asked(name)
    program = exported(energy, [each[:4] for each in batch])
    with torch.no_grad():
        value, wanted = program.module()(*batch), energy(*batch)
    torch.testing.assert_close(value, wanted, **close(name))

    torch.export.save(program, tmp_path / "model.pt2")
    again = torch.export.load(tmp_path / "model.pt2").module()
    with torch.no_grad():
        torch.testing.assert_close(again(*batch), value, rtol=0, atol=0)

    if name in UNROLLED:
        return
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    torch.onnx.export(program, dynamo=True, verbose=False).save(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    inputs = {
        each.name: rows.numpy() for each, rows in zip(session.get_inputs(), batch, strict=True)
    }
    (found,) = session.run(None, inputs)
    np.testing.assert_allclose(found, wanted.numpy(), **close(name))


@pytest.mark.filterwarnings(
    "ignore:.*torch.jit.script:DeprecationWarning", "ignore:.*batching rule"
)
@pytest.mark.parametrize("name", ASKED)
def test_transforms_of_functions_go_through_an_energy(name: str) -> None:
    energy, batch = asked(name)
    value, slope = energy.value_and_gradient(*batch)

    def of_one(*row: Tensor) -> Tensor:
        return energy(*(each[None] for each in row))[0]

    torch.testing.assert_close(torch.vmap(of_one)(*batch).detach(), value, **close(name))
    slopes = torch.vmap(torch.func.grad(of_one))(*batch).detach()
    size = float(slope.abs().max())
    least = 1e-2 if name in DESCENDING else 1e-4
    torch.testing.assert_close(slopes, slope, rtol=least, atol=least * size)

    y, *given = batch
    direction = torch.linspace(-1, 1, y.numel()).reshape(y.shape)
    # of its attentions torch can take directional derivatives of the plain one
    with sdpa_kernel(SDPBackend.MATH):
        _, along = torch.func.jvp(lambda at: energy(at, *given), (y,), (direction,))
    expected = (slope * direction).sum(dim=1)
    torch.testing.assert_close(along.detach(), expected, rtol=least, atol=10 * least * size)


@pytest.mark.parametrize("name", ["GaussianMixture", "EnergyDensity", "VariationalAutoencoder"])
def test_an_energy_is_a_function_of_its_parameters(name: str) -> None:
    energy, batch = asked(name)
    parameters = {key: each.detach() for key, each in energy.named_parameters()}

    def mean(parameters: dict[str, Tensor]) -> Tensor:
        value: Tensor = torch.func.functional_call(energy, parameters, tuple(batch))
        return value.mean()

    slopes = torch.func.grad(mean)(parameters)
    by_hand = copy.deepcopy(energy).requires_grad_()
    by_hand(*batch).mean().backward()
    for key, parameter in by_hand.named_parameters():
        wanted = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        torch.testing.assert_close(slopes[key], wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "name",
    ["KMeans", "SparseCoding", "VariationalAutoencoder", "Neighbors", "AnomalyDetector",
     "MaskedImageModel-transformer", "EnergyDensity-dual"],
)  # fmt: skip
def test_a_compiled_energy_is_the_same_energy(name: str) -> None:
    energy, batch = asked(name)
    torch.compiler.reset()
    # what is tested is that it can be followed; how fast the result is is another question
    compiled = torch.compile(energy, backend="aot_eager")
    with torch.no_grad():
        torch.testing.assert_close(compiled(*batch), energy(*batch), **close(name))
