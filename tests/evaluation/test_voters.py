"""How far people agree with each other, on pairs and on photos."""

import numpy as np
import pandas as pd
import pytest

from fixtures.predictions import flipped, pair_answers, vote_answers
from iqbench.evaluation.agreement import pair_agreement
from iqbench.evaluation.voters import vote_ceiling, with_orders
from iqbench.metrics.voters import orders_agree
from iqbench.statistics.bootstrap import BootstrapConfig

CONFIG = BootstrapConfig(0, 50)


def listed(rows):
    """Return answers about a list of winners: rows of (first, second, preference, weight)."""
    pairs = pd.DataFrame(rows, columns=["first", "second", "preference", "weight"])
    return pairs.assign(series=pairs["first"], margin=1.0, status="ok")


def ceilings(counts, config=CONFIG):
    """Return the reliability and the ceiling of photos with these counts of votes."""
    table = pd.DataFrame(np.asarray(counts), columns=[f"t{rating}" for rating in range(1, 11)])
    table = table.assign(photo=[f"{at:05}" for at in range(len(table))], status="ok")
    return vote_ceiling(table, config)


def test_shares_of_people_are_taken_for_those_of_many_voters():
    pairs = pair_answers(20)
    agreement = pair_agreement(pairs, CONFIG)
    p, weight = pairs["preference"], pairs["weight"]
    assert agreement.votes_per_pair == "many"
    assert agreement.one_voter_agreement.value == pytest.approx(np.average(p**2 + (1 - p) ** 2, weights=weight))
    assert agreement.best_voter_agreement.value == pytest.approx(np.average(np.maximum(p, 1 - p), weights=weight))
    assert agreement.one_voter_agreement.interval is not None


def test_a_list_of_winners_with_votes_for_both_photos_counts_votes():
    # a over b: 2 of 3 votes (agree 1/3); c over d: 4 of 4 (agree 1); e over f: one vote (unknown)
    rows = [("a", "b", 1.0, 2.0), ("a", "b", 0.0, 1.0), ("c", "d", 1.0, 4.0), ("e", "f", 1.0, 1.0)]
    agreement = pair_agreement(listed(rows), CONFIG)
    assert agreement.votes_per_pair == "counted"
    assert agreement.one_voter_agreement.value == pytest.approx((3 * (1 / 3) + 4 * 1) / 7)
    assert agreement.best_voter_agreement.value == pytest.approx((3 * (2 / 3) + 4 * 1 + 1) / 8)
    assert agreement.voter_agreement.value == pytest.approx(7 / 8)  # for the first: at the ceiling
    turned = pair_agreement(flipped(listed(rows)), CONFIG)
    assert turned.one_voter_agreement.value == pytest.approx(agreement.one_voter_agreement.value)
    assert turned.best_voter_agreement.value == pytest.approx(agreement.best_voter_agreement.value)


def test_rows_of_one_pair_in_both_orders_are_votes_about_the_same_pair():
    same = pair_agreement(listed([("a", "b", 1.0, 2.0), ("a", "b", 0.0, 1.0)]), CONFIG)
    swapped = pair_agreement(listed([("a", "b", 1.0, 2.0), ("b", "a", 1.0, 1.0)]), CONFIG)
    assert same.one_voter_agreement.value == pytest.approx(1 / 3)
    assert swapped.one_voter_agreement.value == pytest.approx(1 / 3)
    assert swapped.best_voter_agreement.value == pytest.approx(2 / 3)


@pytest.mark.parametrize("weights", [(1.0, 1.0), (3.0, 2.0)])
def test_a_list_of_winners_alone_does_not_tell_how_far_people_agree(weights):
    agreement = pair_agreement(listed([("a", "b", 1.0, weights[0]), ("c", "d", 1.0, weights[1])]), CONFIG)
    assert (agreement.votes_per_pair, agreement.one_voter_agreement.value) == ("unknown", None)
    assert agreement.one_voter_agreement.reason == "the labels do not tell how far people agree"


def test_weights_that_are_no_whole_numbers_are_no_votes():
    agreement = pair_agreement(listed([("a", "b", 1.0, 2.5), ("a", "b", 0.0, 1.0)]), CONFIG)
    assert (agreement.votes_per_pair, agreement.one_voter_agreement.value) == ("unknown", None)
    assert agreement.best_voter_agreement.value == pytest.approx(2.5 / 3.5)


def test_pairs_made_from_votes_know_their_voters():
    photos = vote_answers(3)
    names = photos["photo"].tolist()
    pairs = listed([(names[0], names[1], 0.7, 1.0), (names[1], names[2], 0.4, 1.0)])
    agreement = pair_agreement(with_orders(pairs, photos), CONFIG)
    counts = photos[[f"t{rating}" for rating in range(1, 11)]].to_numpy(int)
    assert agreement.votes_per_pair == "counted"
    assert agreement.one_voter_agreement.value == pytest.approx(orders_agree(counts[:2], counts[1:]).mean())
    assert agreement.best_voter_agreement.value == pytest.approx(0.65)


def test_the_ceiling_is_the_root_of_the_reliability_and_has_an_interval():
    photos = vote_answers(200)
    found = vote_ceiling(photos, CONFIG)
    reliability, ceiling = found["reliability"], found["ceiling"]
    assert ceiling.value == pytest.approx(reliability.value**0.5)
    assert 0.9 < reliability.value < ceiling.value < 1
    assert reliability.interval[0] < reliability.value < reliability.interval[1]
    assert (ceiling.n, ceiling.resamples) == (200, 50)
    assert vote_ceiling(photos.sample(frac=1.0, random_state=1), CONFIG) == found


def test_the_ceiling_of_voters_who_never_differ_is_1():
    found = ceilings(20 * np.eye(10, dtype=int))
    assert (found["reliability"].value, found["ceiling"].value) == (pytest.approx(1.0), pytest.approx(1.0))


def test_a_ceiling_that_is_undefined_has_a_reason():
    one_vote = ceilings(np.eye(10, dtype=int))
    assert one_vote["ceiling"].reason == "fewer than two photos have at least two votes"
    same = ceilings(np.tile(20 * np.eye(10, dtype=int)[4], (6, 1)))
    assert same["ceiling"].reason == "the mean votes of half of the voters are all the same"
    opposed = np.zeros((4, 10), dtype=int)
    opposed[:, [0, 9]] = 1  # two voters: one half always says 1 where the other says 10
    found = ceilings(opposed)
    assert found["ceiling"].value is None
    assert found["ceiling"].reason == found["ceiling"].interval_reason
