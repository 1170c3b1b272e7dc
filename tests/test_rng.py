"""One seed in, all generators of a call out: the same each time, and apart from each other."""

import numpy as np
import pytest
import torch

from wdist.errors import InputError
from wdist.rng import Rng, as_rng

SEEDS = {
    "int": lambda: 12,
    "NumPy int": lambda: np.uint8(12),
    "large": lambda: 2**100,
    "NumPy generator": lambda: np.random.default_rng(12),
    "torch generator": lambda: torch.Generator().manual_seed(12),
}


def numbers(rng):
    """What a call would see: NumPy's draws, torch's, and those of a child."""
    child = rng.spawn()
    drawn = [rng.numpy.random(3), torch.rand(3, generator=rng.torch()), child.numpy.random(3)]
    return np.concatenate([*drawn, torch.rand(3, generator=child.torch())])


@pytest.mark.parametrize("seed", SEEDS.values(), ids=SEEDS)
def test_the_same_seed_gives_the_same_numbers(seed):
    first, again = numbers(as_rng(seed())), numbers(as_rng(seed()))
    np.testing.assert_array_equal(first, again)
    assert len(set(first.tolist())) == 12  # and each generator its own


def test_an_int_is_an_int_whatever_its_type():
    np.testing.assert_array_equal(numbers(as_rng(12)), numbers(as_rng(np.int16(12))))
    assert not np.array_equal(numbers(as_rng(12)), numbers(as_rng(13)))
    assert not np.array_equal(numbers(as_rng(0)), numbers(as_rng(2**100)))


@pytest.mark.parametrize("make", [np.random.default_rng, lambda k: torch.Generator().manual_seed(k)])
def test_a_generator_is_advanced_as_by_any_draw(make):
    generator = make(5)
    first, second = as_rng(generator), as_rng(generator)
    assert not np.array_equal(numbers(first), numbers(second))
    np.testing.assert_array_equal(numbers(as_rng(make(5))), numbers(as_rng(make(5))))


def test_none_is_fresh_each_time():
    assert not np.array_equal(numbers(as_rng(None)), numbers(as_rng(None)))


def test_an_rng_is_itself():
    rng = as_rng(1)
    assert isinstance(rng, Rng)
    assert as_rng(rng) is rng


def test_a_draw_in_one_place_leaves_the_others_as_they_were():
    quiet, busy = as_rng(3), as_rng(3)
    child = busy.spawn()
    child.numpy.random(100)
    torch.rand(100, generator=child.torch())
    child.spawn().numpy.random(100)
    quiet.spawn()
    np.testing.assert_array_equal(numbers(quiet), numbers(busy))


def test_the_torch_generator_is_on_the_device_asked_for_and_fresh():
    rng = as_rng(3)
    first, second = rng.torch(), rng.torch("cpu")
    assert first.device == torch.device("cpu")
    assert first.initial_seed() != second.initial_seed()
    assert 0 <= first.initial_seed() < 2**63


def test_the_global_generators_are_left_alone():
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    state, keys = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    for seed in (3, None, np.random.default_rng(0), torch.Generator()):
        numbers(as_rng(seed))
    assert torch.equal(torch.get_rng_state(), state)
    assert np.random.get_state()[1].tolist() == keys  # noqa: NPY002


@pytest.mark.parametrize(
    "seed", [-1, np.int64(-1), 1.0, "1", True, [1], np.array(1), torch.tensor(1), object], ids=repr
)
def test_anything_else_is_refused(seed):
    with pytest.raises(
        InputError, match=r"seed is .*; pass a non-negative int, None, a numpy.random.Generator or a"
    ):
        as_rng(seed)
