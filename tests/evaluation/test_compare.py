from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fixtures.predictions import flipped, pair_answers, tangled_answers, vote_answers
from iqbench.errors import UsageError
from iqbench.evaluation.agreement import pair_agreement, vote_agreement
from iqbench.evaluation.compare import compare
from iqbench.evaluation.vote_scale import VoteScale
from iqbench.metrics.votes import srcc
from iqbench.statistics.bootstrap import BootstrapConfig
from iqbench.statistics.bootstrap_test import BootstrapTest
from iqbench.statistics.sign_flips import SignFlips, standard_errors


def difference(a, b, seed=0, resamples=100, tie_worth=0.5):
    (comparison,) = compare({"a": a, "b": b}, BootstrapConfig(seed, resamples), tie_worth)
    return comparison


def srcc_of(photos):
    return vote_agreement(photos, BootstrapConfig(0, 100), VoteScale("score")).srcc.value


def second_model(answers, column, seed=9):
    noise = np.random.default_rng(seed).normal(size=len(answers))
    return answers.assign(**{column: answers[column] + noise})


def series_of_pairs(series, random):
    """Series of four photos, so six pairs each."""
    rows = [(f"{at:02}-{i}", f"{at:02}-{j}", at) for at in range(series) for i, j in combinations(range(4), 2)]
    pairs = pd.DataFrame(rows, columns=["first", "second", "series"])
    return pairs.assign(preference=random.choice([0.1, 0.9], len(pairs)), weight=1.0, status="ok")


def right_in(pairs, share, random):
    """Answers that are right in a share of pairs; some series are easy."""
    easy = np.repeat(random.normal(0, 0.1, pairs["series"].nunique()), 6)
    right = random.random(len(pairs)) < share + easy
    return pairs.assign(margin=np.where(right, 1.0, -1.0) * np.sign(pairs["preference"] - 0.5))


SETS = pytest.mark.parametrize(
    ("a", "column"),
    [(pair_answers(30), "margin"), (tangled_answers(20, 90), "margin"), (vote_answers(40), "predicted")],
    ids=["series", "tangled", "votes"],
)


def test_the_difference_is_that_of_the_two_measures():
    a, photos = pair_answers(40), vote_answers(50)
    b, others = second_model(a, "margin"), second_model(photos, "predicted")
    comparison = difference(a, b, 0, 100)
    value_a, value_b = (pair_agreement(table, BootstrapConfig(0, 100)).accuracy.value for table in (a, b))
    assert (comparison.measure, comparison.method) == ("accuracy", "sign flips")
    assert (comparison.a, comparison.b) == pytest.approx((value_a, value_b))
    assert comparison.value == pytest.approx(value_a - value_b)
    assert comparison.n == (a["preference"] != 0.5).sum()
    comparison = difference(photos, others, 0, 100)
    value_a, value_b = map(srcc_of, (photos, others))
    assert (comparison.measure, comparison.method) == ("srcc", "bootstrap")
    assert (comparison.a, comparison.b, comparison.n) == (value_a, value_b, 50)
    assert comparison.value == pytest.approx(value_a - value_b)


def test_series_are_flipped_with_their_weights():
    a = pair_answers(15, ties=0.0)
    b = second_model(a, "margin")
    right_a, right_b = ((np.sign(table["margin"]) == np.sign(table["preference"] - 0.5)) for table in (a, b))
    gaps = pd.DataFrame({"sum": (right_a * 1.0 - right_b) * a["weight"], "weight": a["weight"]})
    sums, weights = gaps.groupby(a["series"].astype(str)).sum().to_numpy().T[:, :, None]
    comparison, flips = difference(a, b, seed=4), SignFlips(15, seed=4)
    alone, corrected = flips.test(sums)
    assert (comparison.p, comparison.p_corrected) == (alone[0], corrected[0])
    assert comparison.interval == pytest.approx(tuple(flips.intervals(sums, weights)[0]))
    steps = stats.t.isf(stats.norm.sf(flips.family_quantile(sums)), 14) + stats.t.ppf(0.8, 14)
    assert comparison.least_difference == pytest.approx(steps * standard_errors(sums, weights)[0])
    settings = comparison.resampling
    assert (settings.unit, settings.units, settings.resamples, settings.seed) == ("series", 15, 10_000, 4)


def test_both_models_are_resampled_with_the_same_photos():
    a, random, slow, weights = vote_answers(25), np.random.default_rng(4), [], []
    b = second_model(a, "predicted")
    for _ in range(60):
        at = random.integers(25, size=25)
        value_a, value_b = (srcc(t["predicted"].to_numpy()[at], t["true"].to_numpy()[at]) for t in (a, b))
        slow.append(value_a - value_b)
        weights.append(np.bincount(at, minlength=25))
    comparison = difference(a, b, 4, 60)
    test = BootstrapTest(np.array([comparison.value, *slow])[:, None], np.array([25]))
    influence = (np.array(slow) - np.mean(slow)) @ np.array(weights) / 60
    reach = (1 - 0.025 ** (1 / 25)) * 0.5 / (0.5 + 25 * np.abs(influence).sum() / 2)  # a difference is from -2 to 2
    assert comparison.interval == pytest.approx(tuple(test.intervals(2.0, np.array([reach]))[0]))
    assert comparison.p == pytest.approx(test.test()[0][0])
    assert comparison.least_difference == pytest.approx(test.least_difference()[0])


@SETS
def test_a_model_does_not_differ_from_itself_and_the_order_of_models_turns_the_sign(a, column):
    same = difference(a, a, 0, 100)
    assert (same.value, same.p) == (0.0, 1.0)
    assert same.interval[0] == pytest.approx(-same.interval[1])
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
    assert (flipped_gap.value, flipped_gap.p) == (pytest.approx(gap.value), gap.p)
    assert flipped_gap.interval == pytest.approx(gap.interval)


def test_a_real_difference_is_shown_and_luck_is_not():
    a = pair_answers(150, noise=0.3, ties=0.0)
    coin = a.assign(margin=np.random.default_rng(1).choice([-1.0, 1.0], len(a)))
    assert difference(a, coin, 0, 500).p < 0.01
    other = a.assign(margin=np.random.default_rng(2).choice([-1.0, 1.0], len(a)))
    assert difference(coin, other, 0, 500).p > 0.05


@SETS
def test_the_interval_excludes_0_exactly_where_p_alone_is_below_5_percent(a, column):
    shown = []
    for seed in range(40):
        noise = np.random.default_rng(seed).normal(0.0, seed / 8, len(a))
        comparison = difference(a, a.assign(**{column: a[column] + noise}), seed, 99)
        excludes = comparison.interval[0] > 0 or comparison.interval[1] < 0
        assert excludes == (comparison.p < 0.05)
        assert (comparison.ahead is not None) == excludes
        shown.append(excludes)
    assert 0 < sum(shown) < 40


def test_eight_models_are_told_apart_on_fifty_series():
    random = np.random.default_rng(0)
    pairs = series_of_pairs(50, random)
    shares = np.linspace(0.55, 0.95, 8)
    models = {f"{share:.2f}": right_in(pairs, share, random) for share in shares}
    comparisons = compare(models, BootstrapConfig(0, 2000))
    assert len(comparisons) == 28
    shown = [comparison for comparison in comparisons if comparison.better is not None]
    assert len(shown) >= 17
    assert all(comparison.better == max(comparison.models) for comparison in shown)
    for comparison in comparisons:
        assert comparison.p <= comparison.p_corrected
        assert (comparison.better is not None) == (comparison.p_corrected < 0.05)
        if abs(float(comparison.models[0]) - float(comparison.models[1])) > 0.25:
            assert comparison.better is not None
    assert {comparison.resampling for comparison in comparisons} == {comparisons[0].resampling}


def test_the_correction_is_for_all_pairs_of_models():
    random = np.random.default_rng(0)
    pairs = series_of_pairs(30, random)
    models = {name: right_in(pairs, share, random) for name, share in zip("abcd", (0.6, 0.75, 0.75, 0.8), strict=True)}
    together = compare(models, BootstrapConfig(0, 100))
    for comparison in together:
        alone = difference(*(models[name] for name in comparison.models))
        assert (comparison.p, comparison.interval) == (pytest.approx(alone.p), pytest.approx(alone.interval))
        assert comparison.p_corrected >= alone.p_corrected == alone.p


def test_the_judges_to_compare_can_be_chosen_and_are_the_family():
    random = np.random.default_rng(0)
    pairs = series_of_pairs(30, random)
    models = {name: right_in(pairs, share, random) for name, share in zip("abc", (0.6, 0.75, 0.8), strict=True)}
    (chosen,) = compare(models, BootstrapConfig(0, 100), pairs=[("c", "a")])
    alone = difference(models["c"], models["a"])
    assert chosen.models == ("c", "a")
    assert (chosen.value, chosen.p, chosen.p_corrected) == (alone.value, alone.p, alone.p)


@pytest.mark.slow
def test_of_equal_models_at_most_5_percent_of_sets_call_any_two_different():
    sets = 100
    wrong = {"series": 0, "votes": 0}
    for seed in range(sets):
        random = np.random.default_rng(seed)
        pairs = series_of_pairs(12, random)
        models = {name: right_in(pairs, 0.7, random) for name in "abcd"}
        wrong["series"] += any(gap.better for gap in compare(models, BootstrapConfig(seed, 100)))
        photos = pd.DataFrame({"photo": [f"{at:02}" for at in range(60)], "status": "ok"})
        photos["true"] = random.normal(size=60)
        models = {name: photos.assign(predicted=photos["true"] + random.normal(size=60)) for name in "abcd"}
        wrong["votes"] += any(gap.better for gap in compare(models, BootstrapConfig(seed, 99)))
    assert max(wrong.values()) <= 0.05 * sets + 5  # more than two standard errors


def test_a_model_that_refuses_difficult_pairs_does_not_gain():
    random = np.random.default_rng(0)
    pairs = series_of_pairs(50, random)
    honest = right_in(pairs, 0.7, random)
    lazy = honest.assign(margin=honest["margin"].mask(random.random(300) < 0.47))  # NaN on 47 % of the pairs
    comparison, owed = difference(lazy, honest), int(lazy["margin"].isna().sum())
    assert (comparison.unanswered, comparison.left_out, comparison.n) == (owed, 0, 300)
    assert comparison.a == pytest.approx(((lazy["margin"] * (lazy["preference"] - 0.5) > 0).sum() + owed / 2) / 300)
    assert comparison.ahead == "b"
    certain = honest.assign(margin=honest["preference"] - 0.5)
    picky = certain.assign(margin=lazy["margin"] * 0 + certain["margin"])  # right wherever it answers
    comparison = difference(picky, certain)
    assert (comparison.a, comparison.ahead) == (1 - owed / 600, "b")
    assert pair_agreement(picky, BootstrapConfig(0, 20)).accuracy.value == comparison.a
    assert difference(picky, certain, tie_worth=0.0).a == 1 - owed / 300


def test_a_pair_that_is_owed_is_a_tie_and_what_failed_otherwise_counts_for_neither():
    a = pair_answers(30)
    b = second_model(a, "margin")
    lost, owed = a.index[2], a.index[5]
    holes, others, tied = a.copy(), b.copy(), b.copy()
    holes.loc[lost, ["margin", "status"]] = [np.nan, "decode"]
    others.loc[owed, "margin"], tied.loc[owed, "margin"] = np.nan, 0.0
    comparison, less = difference(holes, others, 0, 50), difference(a.drop(lost), tied.drop(lost), 0, 50)
    assert (comparison.left_out, less.left_out) == (1, 0)
    assert (comparison.unanswered, less.unanswered) == (1, 0)
    assert comparison.model_copy(update={"left_out": 0, "unanswered": 0}) == less


def test_photos_that_a_model_owes_a_score_have_its_average_one_and_it_gains_nothing_by_refusing_the_difficult():
    a = vote_answers(40)
    b = second_model(a, "predicted")
    misses = (b["predicted"].rank() - b["true"].rank()).abs().to_numpy()
    difficult = np.argsort(misses)[-19:]  # 47 %
    holes = b.copy()
    holes.loc[difficult, ["predicted", "status"]] = [np.nan, "nonfinite"]
    comparison = difference(a, holes, 0, 50)
    assert (comparison.left_out, comparison.n, comparison.unanswered) == (0, 40, 19)
    average = holes.assign(predicted=holes["predicted"].fillna(holes["predicted"].mean()))
    assert comparison.b == pytest.approx(srcc(average["predicted"].to_numpy(), a["true"].to_numpy()))
    chosen = np.setdiff1d(np.arange(40), difficult)
    left = srcc(b["predicted"].to_numpy()[chosen], b["true"].to_numpy()[chosen])
    assert comparison.b < left - 0.05  # which it had when these photos were left out


def test_photos_that_cannot_be_read_are_left_out():
    a = vote_answers(30)
    b = second_model(a, "predicted")
    holes = b.copy()
    holes.loc[:3, ["predicted", "status"]] = [np.nan, "corrupt"]
    comparison, less = difference(a, holes, 0, 50), difference(a[4:], b[4:], 0, 50)
    assert (comparison.left_out, comparison.n, comparison.unanswered) == (4, 26, 0)
    assert comparison.model_copy(update={"left_out": 0}) == less


def test_a_pair_that_was_labelled_several_times_is_compared_once_for_each():
    a = tangled_answers(12, 200)
    assert a.duplicated(["first", "second"]).any()
    b = second_model(a, "margin")
    assert difference(a, b, 0, 50).n == 200


def test_all_right_against_all_wrong_is_not_certain():
    for a in (series_of_pairs(30, np.random.default_rng(0)), tangled_answers(20, 90)):
        right, wrong = (a.assign(margin=sign * (a["preference"] - 0.5)) for sign in (1, -1))
        comparison = difference(right, wrong)
        assert (comparison.value, comparison.interval[1]) == (1.0, 1.0)
        assert 0 < comparison.interval[0] < 0.8
        assert comparison.p < 0.05
        same = difference(right, right)
        assert -0.4 < same.interval[0] < -0.05


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
    assert comparison.p_reason == comparison.interval_reason == comparison.p_corrected_reason
    photos = vote_answers(10)
    comparison = difference(photos, photos.assign(predicted=1.0), 0, 20)
    assert (comparison.value, comparison.b, comparison.p) == (None, None, None)
    assert comparison.a == pytest.approx(vote_agreement(photos, BootstrapConfig(0, 20), VoteScale("score")).srcc.value)


def test_a_model_without_a_value_is_not_in_the_family():
    photos = vote_answers(40)
    models = {"a": photos, "blank": photos.assign(predicted=1.0), "b": second_model(photos, "predicted")}
    comparisons = {comparison.models: comparison for comparison in compare(models, BootstrapConfig(0, 100))}
    expected = difference(models["a"], models["b"])
    assert comparisons["a", "b"].p_corrected == expected.p_corrected
    assert comparisons["a", "blank"].p_corrected is None


def test_a_tie_is_worth_what_the_protocol_gives_it():
    a = pair_answers(30)
    tied = a.assign(margin=0.0)
    assert [difference(a, tied, tie_worth=worth).b for worth in (0.0, 0.5, 1.0)] == [0.0, 0.5, 1.0]
