from pathlib import Path

import numpy as np
import pytest

from iqbench.interfaces import PhotoFile
from iqbench.labels import PairTable, VoteTable, pairs_from_votes, probability_of_higher_vote


def files(count: int) -> tuple[PhotoFile, ...]:
    return tuple(PhotoFile(f"./{at:03}.jpg", Path(f"{at:03}.jpg")) for at in range(count))


def some_votes(count: int = 40) -> VoteTable:
    return VoteTable(files(count), np.random.default_rng(0).integers(0, 30, (count, 10)) + 1)


def test_rows_keep_their_photos() -> None:
    photos = files(4)
    table = PairTable(
        photos, np.array([0, 2, 1]), np.array([3, 1, 0]), np.array([0.1, 0.2, 0.3]), np.ones(3), np.arange(3)
    )
    subset = table.where(np.array([True, False, True]))
    assert [photo.name for photo in subset.photos] == ["./000.jpg", "./001.jpg", "./003.jpg"]
    named = [(subset.photos[a].name, subset.photos[b].name) for a, b in zip(subset.first, subset.second, strict=True)]
    assert named == [("./000.jpg", "./003.jpg"), ("./001.jpg", "./000.jpg")]
    assert subset.preference.tolist() == [0.1, 0.3]
    assert subset.series.tolist() == [0, 2]


def test_without_a_photo_its_pairs_are_gone_too() -> None:
    table = PairTable(files(3), np.array([0, 1]), np.array([1, 2]), np.ones(2), np.ones(2), np.arange(2))
    assert len(table.without(["./000.jpg"])) == 1
    assert len(table.without(["./001.jpg"])) == 0
    assert len(table.without([])) == 2
    assert [photo.name for photo in some_votes(3).without(["./001.jpg"]).photos] == ["./000.jpg", "./002.jpg"]


def test_means_and_shares_are_worked_out_by_hand() -> None:
    counts = np.array([[1, 0, 0, 0, 0, 0, 0, 0, 0, 3], [0, 2, 0, 0, 0, 0, 0, 0, 0, 0]])
    votes = VoteTable(files(2), counts)
    assert votes.means.tolist() == [7.75, 2.0]
    assert votes.shares[0, [0, 9]].tolist() == [0.25, 0.75]


def test_the_probability_of_a_higher_vote_is_that_of_all_pairs_of_votes() -> None:
    counts = np.random.default_rng(1).integers(0, 4, (2, 10))
    first, second = ([rating for rating, n in enumerate(row) for _ in range(n)] for row in counts)
    slow = np.mean([(a > b) + 0.5 * (a == b) for a in first for b in second])
    shares = counts / counts.sum(axis=1, keepdims=True)
    assert probability_of_higher_vote(shares[:1], shares[1:])[0] == pytest.approx(slow)
    assert probability_of_higher_vote(shares[1:], shares[:1])[0] == pytest.approx(1 - slow)


def test_pairs_of_votes_prefer_the_higher_mean_and_have_a_random_order() -> None:
    votes = some_votes()
    pairs = pairs_from_votes(votes, pairs_per_photo=4, min_difference=0.3, seed=0)
    by_name = dict(zip([photo.name for photo in votes.photos], votes.means, strict=True))
    means = np.array([by_name[photo.name] for photo in pairs.photos])
    difference = means[pairs.first] - means[pairs.second]
    assert (np.abs(difference) >= 0.3).all()
    assert np.corrcoef(difference, pairs.preference)[0, 1] > 0.95
    assert 0.3 < (difference > 0).mean() < 0.7
    assert (pairs.first != pairs.second).all()
    assert len({frozenset(pair) for pair in zip(pairs.first, pairs.second, strict=True)}) == len(pairs)


def test_pairs_of_votes_depend_on_the_seed_alone() -> None:
    def partners(seed: int) -> list[int]:
        return pairs_from_votes(some_votes(), 2, 0.0, seed).second.tolist()

    assert partners(0) == partners(0)
    assert partners(0) != partners(1)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_photos_make_no_pairs(count: int) -> None:
    assert len(pairs_from_votes(VoteTable(files(count), np.ones((count, 10), int)), 4, 0.5, 0)) == 0
