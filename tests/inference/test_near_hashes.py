"""Near hashes: the same pairs as comparing every two."""

import numpy as np
import pytest

from iqbench.inference.near_hashes import near_pairs


def all_near(hashes: np.ndarray, max_distance: int) -> list[list[int]]:
    bits = np.unpackbits(hashes, axis=1)
    distances = (bits[:, None] != bits).sum(axis=2)
    first, second = np.nonzero(np.triu(distances <= max_distance, k=1))
    return np.stack([first, second], axis=1).tolist()


@pytest.mark.parametrize("max_distance", [1, 3, 12, 20])
def test_they_are_those_of_comparing_every_two(max_distance: int) -> None:
    random = np.random.default_rng(max_distance)
    bits = np.repeat(random.integers(0, 2, (12, 128)), 10, axis=0)
    for row in bits:  # up to 12 bits differ from the others of its ten, so up to 24 between two
        row[random.choice(128, size=random.integers(0, 13), replace=False)] ^= 1
    hashes = np.unique(np.packbits(bits.astype(np.uint8), axis=1), axis=0)
    expected = all_near(hashes, max_distance)
    assert near_pairs(hashes, max_distance).tolist() == expected
    assert len(expected) > 10 * (max_distance > 1)


@pytest.mark.parametrize("max_distance", [1, 5, 12])
def test_the_limit_itself_is_near_wherever_the_bits_are(max_distance: int) -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        bits = np.tile(random.integers(0, 2, 128), (3, 1))
        bits[1, random.choice(128, size=max_distance, replace=False)] ^= 1
        bits[2, random.choice(128, size=max_distance + 1, replace=False)] ^= 1
        hashes = np.packbits(bits.astype(np.uint8), axis=1)
        pairs = near_pairs(hashes, max_distance).tolist()
        assert [0, 1] in pairs
        assert [0, 2] not in pairs


def test_no_hash_and_one_hash_have_no_pair() -> None:
    for count in (0, 1):
        assert near_pairs(np.zeros((count, 16), dtype=np.uint8), 12).shape == (0, 2)
