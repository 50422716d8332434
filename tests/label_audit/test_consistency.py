from itertools import combinations

import numpy as np
import pytest

from fixtures.label_tables import pair_table
from iqbench.label_audit import consistency
from iqbench.label_audit.consistency import Triads, contradicted, repeated, triads


def names(table, pairs):
    return ["".join(table.photos[at].name for at in pair) for pair in pairs]


def test_a_pair_listed_twice_with_one_winner_is_a_repeat_whichever_photo_is_first():
    table = pair_table("a>b", "b<a", "a>c", "b=c", "c=b")
    assert names(table, repeated(table)) == ["ab", "bc"]
    assert not len(contradicted(table))


def test_a_pair_with_either_photo_as_the_winner_is_a_contradiction_and_a_tie_is_none():
    table = pair_table("a>b", "b>a", "a>c", "a=c", "c>d")
    assert names(table, contradicted(table)) == ["ab"]
    assert not len(repeated(table))


def test_an_intransitive_triad_among_four_photos_is_one_of_four():
    table = pair_table("a>b", "b>c", "c>a", "a>d", "b>d", "c>d")
    assert triads(table) == Triads(intransitive=1, decided=4, example=(0, 1, 2))


def test_a_triad_with_a_tie_or_without_a_pair_is_not_decided():
    assert triads(pair_table("a>b", "b>c", "c=a")) == Triads(0, 0, None)
    assert triads(pair_table("a>b", "b>c", "c>d", "d>a")) == Triads(0, 0, None)


def test_a_triad_whose_pairs_are_in_different_series_is_none():
    assert triads(pair_table("1: a>b", "1: b>c", "2: c>a")) == Triads(0, 0, None)
    assert triads(pair_table("7: a>b", "7: b>c", "9: x>y", "7: c>a")) == Triads(1, 1, (0, 1, 2))


def test_rows_about_one_pair_are_taken_together():
    assert triads(pair_table("a>b", "b>c", "c>a", "a>c")).decided == 0  # c and a cancel out
    assert triads(pair_table("a>b", "b>c", "c>a", "a>c", "a>c")) == Triads(0, 1, None)


def test_no_pairs_have_no_faults():
    table = pair_table("a>b").where(np.zeros(1, dtype=bool))
    assert triads(table) == Triads(0, 0, None)
    assert not len(repeated(table))
    assert not len(contradicted(table))


@pytest.mark.parametrize("seed", range(5))
def test_triads_agree_with_counting_all_of_them_one_by_one(seed):
    random = np.random.default_rng(seed)
    rows = [
        f"{series}: {series}{first}{random.choice(['>', '<', '='], p=[0.4, 0.4, 0.2])}{series}{second}"
        for series in range(3)
        for first, second in combinations("abcdef", 2)
        if random.random() < 0.9
    ]
    table = pair_table(*rows)
    beats = {
        (first, second) if preference == 1 else (second, first)
        for first, second, preference in zip(
            table.first.tolist(), table.second.tolist(), table.preference.tolist(), strict=True
        )
        if preference != 0.5
    }
    intransitive = decided = 0
    for a, b, c in combinations(range(len(table.photos)), 3):
        decided += all((x, y) in beats or (y, x) in beats for x, y in ((a, b), (b, c), (a, c)))
        intransitive += {(a, b), (b, c), (c, a)} <= beats or {(b, a), (c, b), (a, c)} <= beats
    audit = triads(table)
    assert (audit.intransitive, audit.decided) == (intransitive, decided)
    assert intransitive > 0
    first, second, third = audit.example
    assert {(first, second), (second, third), (third, first)} <= beats


def test_triads_of_too_many_connected_pairs_are_not_counted(monkeypatch):
    table = pair_table("a>b", "b>c", "c>a")
    monkeypatch.setattr(consistency, "MAX_PATHS", 11)  # three photos with two pairs each: 12 paths
    assert triads(table) is None
    monkeypatch.setattr(consistency, "MAX_PATHS", 12)
    assert triads(table).intransitive == 1
