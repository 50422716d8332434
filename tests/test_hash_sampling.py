import hashlib

import numpy as np
import pytest

from iqbench.hash_sampling import hash_order, hash_split

KEYS = [str(number) for number in range(200)]


def test_lots_are_drawn_by_hash() -> None:
    expected = sorted(KEYS, key=lambda key: hashlib.sha256(f"7:{key}".encode()).hexdigest())
    assert [KEYS[place] for place in hash_order(KEYS, seed=7)] == expected


def test_the_lots_of_numbers_are_those_of_their_digits() -> None:
    assert hash_order(range(200), seed=1).tolist() == hash_order(KEYS, seed=1).tolist()


def test_the_order_of_the_keys_decides_nothing() -> None:
    one = {KEYS[place] for place in np.flatnonzero(hash_split(KEYS, 0.2, seed=3))}
    other = {KEYS[::-1][place] for place in np.flatnonzero(hash_split(KEYS[::-1], 0.2, seed=3))}
    assert one == other
    assert len(one) == 40


def test_another_seed_holds_out_others() -> None:
    assert (hash_split(KEYS, 0.2, seed=1) != hash_split(KEYS, 0.2, seed=2)).any()


def test_a_larger_share_contains_the_smaller_one() -> None:
    assert (hash_split(KEYS, 0.4, seed=1) >= hash_split(KEYS, 0.1, seed=1)).all()


@pytest.mark.parametrize(
    ("count", "share", "held"), [(0, 0.5, 0), (1, 0.9, 0), (2, 0.01, 1), (2, 0.99, 1), (10, 0.5, 5)]
)
def test_both_sides_get_something_where_they_can(count: int, share: float, held: int) -> None:
    assert hash_split(range(count), share, seed=0).sum() == held
