"""What a masked prediction says of rows: whole ones part from part, others from all they show."""

import math

import torch

from thalweg.energies import MaskedPrediction

DOUBLE = torch.float64


class Echo(torch.nn.Module):
    """Says of an entry that is seen what it is, of a hidden one the sum of what is seen."""

    def forward(self, shown):
        entries, seen = shown.chunk(2, dim=1)
        return torch.where(seen > 0, entries, entries.sum(dim=1, keepdim=True))


def energy():
    return MaskedPrediction(Echo(), 3, 3).double()


Y = torch.tensor([[1.0, 2.0, 4.0], [3.0, math.nan, 5.0], [0.5, 0.0, -1.0]], dtype=DOUBLE)


def test_a_whole_row_is_rebuilt_by_parts_and_another_from_what_it_shows():
    expected = [[6.0, 5.0, 3.0], [3.0, 8.0, 5.0], [-1.0, -0.5, 0.5]]
    torch.testing.assert_close(energy().reconstruct(Y), torch.tensor(expected, dtype=DOUBLE))
    # each alone is what it is beside the others
    for row, rebuilt in zip(Y, expected, strict=True):
        torch.testing.assert_close(
            energy().reconstruct(row[None])[0], torch.tensor(rebuilt, dtype=DOUBLE)
        )


def test_what_fills_rows_sees_all_that_is_there():
    expected = torch.tensor([[3.0, 8.0, 5.0]], dtype=DOUBLE)
    torch.testing.assert_close(energy().expect(Y[1:2]), expected)
    torch.testing.assert_close(energy().fillings(Y[1:2]), expected[None])
    # a hidden value does not matter, however it is hidden
    visible = torch.tensor([[True, False, True]])
    view = energy().restricted(visible)
    torch.testing.assert_close(view.expect(torch.tensor([[3.0, 7.0, 5.0]], dtype=DOUBLE)), expected)


def test_the_energy_counts_errors_in_units_of_their_spread_and_none_that_is_hidden():
    model = energy()
    model.learn_sigma([Y[:2], Y[2:]])
    # errors of 5, 3, -1; of -2, -, 2; of 1.5, 0.5, -1.5
    squares = [[25.0, 9.0, 1.0], [4.0, 0.0, 4.0], [2.25, 0.25, 2.25]]
    error = torch.tensor(squares, dtype=DOUBLE)
    visible = torch.tensor([3.0, 2.0, 3.0], dtype=DOUBLE)
    torch.testing.assert_close(model.sigma.square(), error.sum(dim=0) / visible)
    expected = 0.5 * (error / model.sigma.square()).sum(dim=1)
    torch.testing.assert_close(model(Y), expected)
    model.learn_sigma([torch.zeros(1, 3, dtype=DOUBLE)], least=0.25)
    torch.testing.assert_close(model.sigma, torch.full((3,), 0.25, dtype=DOUBLE))
