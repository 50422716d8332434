import numpy as np
import pytest
from scipy import stats

from fixtures.predictions import flipped, pair_answers, tangled_answers, vote_answers
from iqbench.errors import UsageError
from iqbench.evaluation.agreement import pair_agreement, vote_agreement
from iqbench.evaluation.compare import paired_difference
from iqbench.evaluation.vote_scale import VoteScale
from iqbench.metrics.pairs import pair_accuracy
from iqbench.metrics.votes import srcc
from iqbench.statistics.bootstrap import BootstrapConfig


def difference(a, b, seed=0, resamples=100, tie_worth=0.5):
    return paired_difference(a, b, BootstrapConfig(seed, resamples), tie_worth)


def srcc_of(photos):
    return vote_agreement(photos, BootstrapConfig(0, 100), VoteScale("score")).srcc.value


def second_model(answers, column, seed=9):
    noise = np.random.default_rng(seed).normal(size=len(answers))
    return answers.assign(**{column: answers[column] + noise})


def test_the_difference_is_that_of_the_two_measures():
    a, photos = pair_answers(40), vote_answers(50)
    b, others = second_model(a, "margin"), second_model(photos, "predicted")
    comparison = difference(a, b, 0, 100)
    value_a, value_b = (pair_agreement(table, BootstrapConfig(0, 100)).accuracy.value for table in (a, b))
    assert (comparison.measure, comparison.a, comparison.b) == ("accuracy", value_a, value_b)
    assert comparison.value == pytest.approx(value_a - value_b)
    assert comparison.n == (a["preference"] != 0.5).sum()
    comparison = difference(photos, others, 0, 100)
    value_a, value_b = map(srcc_of, (photos, others))
    assert (comparison.measure, comparison.a, comparison.b, comparison.n) == ("srcc", value_a, value_b, 50)
    assert comparison.value == pytest.approx(value_a - value_b)


def test_both_models_are_resampled_with_the_same_series():
    a = pair_answers(15)
    b, random = second_model(a, "margin"), np.random.default_rng(4)
    names, slow = sorted(a["series"].astype(str).unique()), []
    for _ in range(60):
        chosen = [names[at] for at in random.integers(15, size=15)]
        at = np.concatenate([np.flatnonzero(a["series"].astype(str) == name) for name in chosen])
        slow.append(
            [pair_accuracy(*(t.iloc[at][c].to_numpy() for c in ("margin", "preference", "weight"))) for t in (a, b)]
        )
    comparison = difference(a, b, 4, 60)
    gaps = np.subtract(*np.transpose(slow))
    assert comparison.interval == pytest.approx(np.percentile(gaps, [2.5, 97.5]))
    rarer = min((gaps <= 1e-12).sum(), (gaps >= -1e-12).sum())
    widened = 2 * stats.t(df=14).cdf(stats.norm.ppf((rarer + 1) / 61) * np.sqrt(14 / 15))
    assert comparison.p == pytest.approx(widened, abs=2 / 61)


def test_both_models_are_resampled_with_the_same_photos():
    a, random, slow = vote_answers(25), np.random.default_rng(4), []
    b = second_model(a, "predicted")
    for _ in range(60):
        at = random.integers(25, size=25)
        value_a, value_b = (srcc(t["predicted"].to_numpy()[at], t["true"].to_numpy()[at]) for t in (a, b))
        slow.append(value_a - value_b)
    assert difference(a, b, 4, 60).interval == pytest.approx(np.percentile(slow, [2.5, 97.5]))


@pytest.mark.parametrize(
    ("a", "column"),
    [(pair_answers(30), "margin"), (tangled_answers(20, 90), "margin"), (vote_answers(40), "predicted")],
    ids=["series", "tangled", "votes"],
)
def test_a_model_does_not_differ_from_itself_and_the_order_of_models_turns_the_sign(a, column):
    same = difference(a, a, 0, 100)
    assert (same.value, same.interval, same.p) == (0.0, (0.0, 0.0), 1.0)
    b = second_model(a, column)
    forward, backward = difference(a, b, 0, 100), difference(b, a, 0, 100)
    assert backward.value == -forward.value
    assert backward.interval == pytest.approx(tuple(-end for end in reversed(forward.interval)))
    assert (backward.p, backward.a) == (forward.p, forward.b)
    assert difference(a.sample(frac=1, random_state=0), b.sample(frac=1, random_state=1), 0, 100) == forward


def test_the_order_of_photos_changes_nothing():
    a = pair_answers(30)
    b = second_model(a, "margin")
    gap, flipped_gap = difference(a, b, 0, 100), difference(flipped(a), flipped(b), 0, 100)
    assert (flipped_gap.value, flipped_gap.p) == (pytest.approx(gap.value), pytest.approx(gap.p, abs=0.05))
    assert flipped_gap.interval == pytest.approx(gap.interval)


def test_a_real_difference_is_shown_and_luck_is_not():
    a = pair_answers(150, noise=0.3, ties=0.0)
    coin = a.assign(margin=np.random.default_rng(1).choice([-1.0, 1.0], len(a)))
    assert difference(a, coin, 0, 500).p < 0.01
    other = a.assign(margin=np.random.default_rng(2).choice([-1.0, 1.0], len(a)))
    assert difference(coin, other, 0, 500).p > 0.05


@pytest.mark.slow
def test_two_models_without_a_difference_are_told_apart_about_as_often_as_p_says():
    detections = 0
    for seed in range(100):
        a, random = pair_answers(30, seed, ties=0.0), np.random.default_rng(1000 + seed)
        a, b = (a.assign(margin=random.choice([-1.0, 1.0], len(a))) for _ in range(2))
        detections += difference(a, b, 0, 200).p < 0.05
    assert detections <= 12


def test_what_one_model_failed_counts_for_neither():
    a = pair_answers(30)
    b = second_model(a, "margin")
    lost = a.index[[2, 5]]
    holes = a.copy()
    holes.loc[lost[:1], ["margin", "status"]] = [np.nan, "decode"]
    others = b.copy()
    others.loc[lost[1:], "margin"] = np.nan
    comparison, less = difference(holes, others, 0, 50), difference(a.drop(lost), b.drop(lost), 0, 50)
    assert (comparison.left_out, less.left_out) == (2, 0)
    assert comparison.model_copy(update={"left_out": 0}) == less


def test_a_pair_that_was_labelled_several_times_is_compared_once_for_each():
    a = tangled_answers(12, 200)
    assert a.duplicated(["first", "second"]).any()
    b = second_model(a, "margin")
    assert difference(a, b, 0, 50).n == 200


def test_different_labels_are_refused():
    a, photos = pair_answers(10), vote_answers(10)
    with pytest.raises(UsageError, match="different labels"):
        difference(a, a.assign(preference=1 - a["preference"]), 0, 20)
    with pytest.raises(UsageError, match="different labels"):
        difference(a, a[1:], 0, 20)
    with pytest.raises(UsageError, match="different labels"):
        difference(a[1:], a, 0, 20)
    with pytest.raises(UsageError, match="different labels"):
        difference(photos, photos.assign(true=photos["true"] + 1), 0, 20)


def test_without_an_interval_there_is_no_p_and_a_reason():
    a = pair_answers(10)
    failed = a.assign(margin=np.nan, status="decode")
    comparison = difference(a, failed, 0, 20)
    assert (comparison.value, comparison.p, comparison.left_out) == (None, None, len(a))
    assert comparison.reason == comparison.p_reason == "no pair with a winner was judged"
    alone = a[a["series"] == 0].assign(preference=0.9)
    comparison = difference(alone, alone, 0, 20)
    assert (comparison.value, comparison.interval, comparison.p) == (0.0, None, None)
    assert comparison.p_reason == comparison.interval_reason
    photos = vote_answers(10)
    comparison = difference(photos, photos.assign(predicted=1.0), 0, 20)
    assert (comparison.value, comparison.b, comparison.p) == (None, None, None)
    assert comparison.a == pytest.approx(vote_agreement(photos, BootstrapConfig(0, 20), VoteScale("score")).srcc.value)


def test_a_tie_is_worth_what_the_protocol_gives_it():
    a = pair_answers(30)
    tied = a.assign(margin=0.0)
    assert [difference(a, tied, tie_worth=worth).b for worth in (0.0, 0.5, 1.0)] == [0.0, 0.5, 1.0]
