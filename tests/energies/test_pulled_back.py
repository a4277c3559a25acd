"""Slopes by codes that are written out, against autograd."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from thalweg.core import LatentEnergy
from thalweg.energies import Affine, GaussianNoise, Perceptron, Reconstruction, SquaredError
from thalweg.energies.ica import log_volume
from thalweg.energies.normal_tail import log_ndtr
from thalweg.latents import Flat
from thalweg.latents.least_squares import pseudo_inverse


def decoders() -> dict[str, nn.Module]:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(3, 5, generator=generator, dtype=torch.float64)
    return {
        "affine": Affine(weight),
        "offset": Affine(weight, torch.arange(5.0).double()),
        "plane": Perceptron((3, 5), generator=generator).double(),
        "network": Perceptron((3, 17, 9, 5), generator=generator).double(),
        "rectified": Perceptron((3, 17, 5), nn.ReLU, generator=generator).double(),
    }


@pytest.mark.parametrize("name", decoders())
@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("cost", [SquaredError(0.7), GaussianNoise(0.4).double()])
@torch.no_grad()
def test_the_slope_by_a_code_is_autograds(
    name: str, hidden: bool, cost: SquaredError | GaussianNoise
) -> None:
    generator = torch.Generator().manual_seed(1)
    y = torch.randn(11, 5, generator=generator, dtype=torch.float64)
    z = torch.randn(11, 3, generator=generator, dtype=torch.float64)
    energy: LatentEnergy = Reconstruction(decoders()[name], Flat(3), cost)
    if hidden:
        seen = torch.rand(11, 5, generator=generator) < 0.6
        view = energy.restricted(seen)
        assert view is not None
        energy, y = view, torch.where(seen, y, torch.nan)
    value, slope = energy.value_and_slope(y, z)
    expected, by_autograd = LatentEnergy.value_and_slope(energy, y, z)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(slope, by_autograd)


def test_an_inverse_by_products_is_the_pseudo_inverse() -> None:
    generator = torch.Generator().manual_seed(0)
    w = torch.randn(6, 9, generator=generator, dtype=torch.float64)
    w *= torch.logspace(-3, 3, 6, dtype=torch.float64)[:, None]
    gram = w @ w.T
    torch.testing.assert_close(
        pseudo_inverse(gram) @ gram, torch.eye(6, dtype=torch.float64), rtol=0, atol=1e-6
    )
    w[5] = w[4]  # no inverse: of all solutions one that solves
    gram, right = w @ w.T, w @ torch.ones(9, dtype=torch.float64)
    solved = gram @ (pseudo_inverse(gram) @ right)
    torch.testing.assert_close(solved, right, rtol=1e-6, atol=1e-6 * float(right.abs().max()))
    assert torch.equal(pseudo_inverse(torch.zeros(2, 2)), torch.zeros(2, 2))


def test_formulas_in_plain_operations_are_those_of_torch() -> None:
    x = torch.cat([-torch.logspace(-3, 8, 300), torch.linspace(-40, 8, 1001)]).double()
    found = torch.vmap(log_ndtr)(x)
    torch.testing.assert_close(found, torch.special.log_ndtr(x), rtol=1e-13, atol=1e-15)

    class Volume(nn.Module):
        def forward(self, weight: torch.Tensor) -> torch.Tensor:
            return log_volume(weight)

    weight = torch.randn(7, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    exported = torch.export.export(Volume(), (weight,), strict=False).module()
    torch.testing.assert_close(exported(weight), torch.linalg.slogdet(weight).logabsdet)
