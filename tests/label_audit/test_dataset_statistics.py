import numpy as np
import pytest

from fixtures.label_tables import examined, pair_table, vote_table
from iqbench.label_audit.dataset_statistics import split_statistics
from iqbench.labels import PairTable, VoteTable


def test_pairs_are_counted_by_winner_and_by_how_many_people_agree():
    table = pair_table("1: a>b", "1: a<c", "2: d=e", "2: d>f")
    preference = np.array([0.7, np.nextafter(0.4, 1), 0.5, 0.95])  # a rounding error moves no pair
    table = PairTable(table.photos, table.first, table.second, preference, table.weight, table.series)
    statistics = split_statistics(table, examined(table))
    assert statistics.model_dump() == {
        "kind": "pairs",
        "labels": 4,
        "photos": 6,
        "unusable_photos": {},
        "labels_lost": 0,
        "series": 2,
        "first_better": 2,
        "second_better": 1,
        "no_winner": 1,
        "constant_accuracy": 2 / 3,
        "agreement_at_least": {"0.6": 3, "0.7": 2, "0.8": 1},
        "sharpness": None,
    }


def test_photos_that_cannot_be_used_are_counted_by_reason_with_the_labels_they_take_along():
    table = pair_table("a>b", "a<c", "d=e")
    statistics = split_statistics(table, examined(table, lost="a e"))
    assert statistics.unusable_photos == {"corrupt": 2}
    assert statistics.labels_lost == 3


def test_votes_are_described():
    counts = np.zeros((3, 10), dtype=int)
    counts[0, [3, 5]] = 1, 1  # mean 5: not good
    counts[1, 6] = 4
    counts[2, 7] = 6
    table = VoteTable(vote_table(a=1, b=1, c=1).photos, counts)
    statistics = split_statistics(table, examined(table))
    assert statistics.mean == pytest.approx(20 / 3)
    assert statistics.sd == pytest.approx(np.std([5, 7, 8]))
    assert statistics.votes_per_photo.model_dump() == {"mean": 4.0, "least": 2, "most": 6}
    assert statistics.good == statistics.constant_accuracy == pytest.approx(2 / 3)


def test_a_split_without_votes_has_no_mean():
    statistics = split_statistics(vote_table(), examined(vote_table(a=5)))
    assert statistics.labels == 0
    assert statistics.mean is statistics.votes_per_photo is None
