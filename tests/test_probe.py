"""Simple classifiers on features."""

import copy

import numpy as np
import pytest
import torch

from thalweg.core import InputError
from thalweg.probe import Labelled, fine_tune, linear_probe, neighbour_probe, some_of_each


def parts(noise, sizes=(60, 300, 300), names=("a", "b", "c")):
    """Three classes along a line in the first of six features, the others larger noise."""
    random = np.random.default_rng(0)
    for n in sizes:
        kind = random.integers(0, 3, n)
        items = random.normal(size=(n, 6)) * [noise, 9, 9, 9, 9, 9]
        items[:, 0] += kind
        yield Labelled(items, np.array(names)[kind])


def test_what_can_be_told_is_told_and_what_cannot_is_not():
    apart, mixed = list(parts(0.05)), list(parts(1e6))
    assert linear_probe(*apart) > 0.95
    assert neighbour_probe(*apart) > 0.6
    chance = 5 * np.sqrt(2 / 9 / 300)
    assert abs(linear_probe(*mixed) - 1 / 3) < chance
    assert abs(neighbour_probe(*mixed) - 1 / 3) < chance


def test_a_network_is_tuned_and_the_encoder_stays_as_it_was():
    torch.manual_seed(0)
    encoder = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh())
    before = copy.deepcopy(encoder.state_dict())
    scaled = [Labelled(part.items / [1, 9, 9, 9, 9, 9], part.labels) for part in parts(0.05)]
    assert fine_tune(encoder, *scaled, n_steps=300) > 0.9
    for name, value in encoder.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    assert fine_tune(encoder, *scaled, n_steps=20) == fine_tune(encoder, *scaled, n_steps=20)


def test_the_test_part_chooses_nothing():
    train, validation, test = parts(0.5)
    half = Labelled(test.items[:150], test.labels[:150])
    rest = Labelled(test.items[150:], test.labels[150:])
    for probe in (linear_probe, neighbour_probe):
        both = (probe(train, validation, half) + probe(train, validation, rest)) / 2
        assert both == pytest.approx(probe(train, validation, test))


def test_parts_that_do_not_fit_are_named():
    train, validation, test = parts(0.5)
    for bad, message in (
        ((Labelled(train.items[:5], train.labels), validation, test), "train: items of shape"),
        (
            (train, Labelled(validation.items[:, :2], validation.labels), test),
            "2 columns; expected",
        ),
        ((train, validation, Labelled(test.items * np.nan, test.labels)), "test: an item is not"),
        ((Labelled(train.items, ["a"] * 60), validation, test), "one class alone"),
    ):
        with pytest.raises(InputError, match=message):
            linear_probe(*bad)


def test_some_of_each_class():
    labels = np.array([0] * 5 + [1] * 9)
    chosen = some_of_each(labels, 5, 0)
    assert sorted(labels[chosen]) == [0] * 5 + [1] * 5
    assert len(set(chosen)) == 10
    with pytest.raises(InputError, match="class 0 has 5 items; expected at least 6"):
        some_of_each(labels, 6, 0)
