import hashlib

import numpy as np
import pytest

from iqbench.hash_sampling import hash_coin, hash_order, hash_split

KEYS = [str(number) for number in range(200)]


def test_keys_are_ordered_by_their_hash() -> None:
    expected = sorted(KEYS, key=lambda key: hashlib.sha256(f"7:{key}".encode()).hexdigest())
    assert [KEYS[index] for index in hash_order(KEYS, seed=7)] == expected


def test_numbers_are_ordered_as_their_digits_are() -> None:
    assert hash_order(range(200), seed=1).tolist() == hash_order(KEYS, seed=1).tolist()


def test_the_order_of_the_keys_decides_nothing() -> None:
    held_out = {KEYS[index] for index in np.flatnonzero(hash_split(KEYS, 0.2, seed=3))}
    reversed_keys = {KEYS[::-1][index] for index in np.flatnonzero(hash_split(KEYS[::-1], 0.2, seed=3))}
    assert held_out == reversed_keys
    assert len(held_out) == 40


def test_another_seed_holds_out_others() -> None:
    assert (hash_split(KEYS, 0.2, seed=1) != hash_split(KEYS, 0.2, seed=2)).any()


def test_a_larger_share_contains_the_smaller_one() -> None:
    assert (hash_split(KEYS, 0.4, seed=1) >= hash_split(KEYS, 0.1, seed=1)).all()


@pytest.mark.parametrize(
    ("count", "share", "held"), [(0, 0.5, 0), (1, 0.9, 0), (2, 0.01, 1), (2, 0.99, 1), (10, 0.5, 5)]
)
def test_both_sides_get_something_where_they_can(count: int, share: float, held: int) -> None:
    assert hash_split(range(count), share, seed=0).sum() == held


def test_a_coin_is_the_parity_of_the_first_byte_of_the_hash() -> None:
    for key in KEYS:
        expected = hashlib.sha256(f"3\0{key}\0other".encode()).digest()[0] % 2 == 0
        assert hash_coin(key, "other", seed=3) is expected


def test_a_coin_is_fair_and_depends_on_seed_and_keys() -> None:
    tosses = [hash_coin(key, seed=1) for key in KEYS]
    assert 70 < sum(tosses) < 130
    assert tosses != [hash_coin(key, seed=2) for key in KEYS]
