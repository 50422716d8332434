import json
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.optimize import curve_fit

from fixtures.predictions import flipped, pair_answers, tangled_answers, vote_answers
from iqbench.errors import UsageError
from iqbench.evaluation.agreement import pair_agreement, score_agreement, vote_agreement
from iqbench.evaluation.measures import PAIR_MEASURES, VOTE_MEASURES, PairMean, VoteMeasure
from iqbench.evaluation.vote_scale import VoteScale
from iqbench.metrics import votes as vote_metrics
from iqbench.metrics.logistic import fit_logistic
from iqbench.metrics.pairs import (
    accuracy_by_agreement,
    agreements,
    constant_accuracy,
    cross_entropy,
    hits,
    pair_accuracy,
    voter_agreement,
)
from iqbench.metrics.series import kendall_in_series, standings, top_1, tops
from iqbench.metrics.votes import binary_accuracy, binary_constant_accuracy, emd, rmse
from iqbench.results.agreement_summary import CappedEstimate
from iqbench.statistics.bootstrap import BootstrapConfig
from iqbench.statistics.estimate import expanded_tail
from iqbench.statistics.proportions import cluster_interval, cluster_intervals
from iqbench.statistics.resampled_measures import PairBootstrap, copied_draws

MEANS = ("accuracy", "voter_agreement", "best_voter_agreement", "cross_entropy", "tie_rate", "constant_accuracy")
INSIDE = ("top_1", "kendall_in_series")
VOTES = ("srcc", "plcc", "krcc", "rmse", "emd", "binary_accuracy", "binary_constant_accuracy")


def of_pairs(answers, seed=0, resamples=20, tie_worth=0.5):
    return pair_agreement(answers, BootstrapConfig(seed, resamples), tie_worth)


def of_votes(answers, seed=0, resamples=20, predicts="shares"):
    return vote_agreement(answers, BootstrapConfig(seed, resamples), VoteScale(predicts))


def alike(result, other):
    """Return whether two results are the same but for rounding."""
    if isinstance(result, dict):
        return result.keys() == other.keys() and all(alike(result[key], other[key]) for key in result)
    if isinstance(result, (list, tuple)):
        return len(result) == len(other) and all(map(alike, result, other))
    return result == (pytest.approx(other) if isinstance(other, float) else other)


def arrays(pairs):
    photos = pd.Index(sorted({*pairs["first"], *pairs["second"]}))
    margin, preference, weight = (pairs[name].to_numpy(float) for name in ("margin", "preference", "weight"))
    first, second = photos.get_indexer(pairs["first"]), photos.get_indexer(pairs["second"])
    return margin, preference, weight, (first, second, margin, preference, pairs["series"].to_numpy())


def test_the_values_about_pairs_are_those_of_the_metrics():
    pairs = pair_answers(40)
    margin, preference, weight, inside = arrays(pairs)
    agreement = of_pairs(pairs, 0, 50)
    assert agreement.accuracy.value == pytest.approx(pair_accuracy(margin, preference, weight))
    assert agreement.voter_agreement.value == pytest.approx(voter_agreement(margin, preference, weight))
    assert agreement.cross_entropy.value == pytest.approx(cross_entropy(margin, preference, weight))
    assert agreement.constant_accuracy.value == pytest.approx(constant_accuracy(preference, weight))
    assert agreement.top_1.value == pytest.approx(top_1(*inside))
    tau = kendall_in_series(*inside)
    kendall = agreement.kendall_in_series
    assert (kendall.value, kendall.n, kendall.undefined_series) == (
        pytest.approx(tau.value),
        tau.series,
        tau.undefined,
    )
    oracle = voter_agreement(preference - 0.5, preference, weight)
    assert agreement.best_voter_agreement.value == pytest.approx(oracle)
    assert agreement.tie_rate.value == pytest.approx(np.average(margin == 0, weights=weight))
    for level, expected in zip(
        agreement.accuracy_by_agreement, accuracy_by_agreement(margin, preference, weight), strict=True
    ):
        assert (level.low, level.high, level.n) == (expected.low, expected.high, expected.pairs)
        assert level.value == pytest.approx(expected.accuracy)


def test_the_values_about_votes_are_those_of_the_metrics():
    photos = vote_answers(60)
    agreement = of_votes(photos, 0, 50)
    predicted, true = photos["predicted"].to_numpy(), photos["true"].to_numpy()
    for name in ("srcc", "plcc", "krcc", "rmse", "binary_accuracy"):
        assert agreement.measures[name].value == pytest.approx(getattr(vote_metrics, name)(predicted, true))
    shares = [photos[[f"{side}{rating}" for rating in range(1, 11)]].to_numpy(float) for side in "pt"]
    shares = [votes / votes.sum(axis=1, keepdims=True) for votes in shares]
    assert agreement.emd.value == pytest.approx(emd(*shares))
    assert agreement.binary_constant_accuracy.value == binary_constant_accuracy(true)
    assert {agreement.measures[name].n for name in VOTES} == {60}


def test_accuracies_are_the_ones_counted_by_hand():
    rows = [("a", "b", 1, 0.55, 1.0, 2.0), ("c", "d", 2, 0.9, 1.0, -1.0), ("e", "f", 3, 0.2, 2.0, 0.0)]
    rows += [("g", "h", 4, 0.5, 1.0, 3.0), ("i", "j", 5, 0.25, 1.0, np.nan)]
    pairs = pd.DataFrame(rows, columns=["first", "second", "series", "preference", "weight", "margin"])
    agreement = of_pairs(pairs.assign(status=["ok", "ok", "ok", "ok", "decode"]), 0, 20)
    assert agreement.counts.model_dump() == {
        "pairs": 5,
        "without_winner": 1,
        "series": 5,
        "photos": 10,
        "judged": 4,
        "judged_without_winner": 1,
        "unanswered": 0,
        "ties": 1,
        "incomplete_series": 1,
        "failures": {"decode": 1},
    }
    assert agreement.bootstrap.model_dump() == {
        "unit": "series",
        "units": 4,
        "confidence": 0.95,
        "resamples": 20,
        "seed": 0,
    }
    assert (agreement.accuracy.value, agreement.accuracy.n) == ((1 + 0 + 2 * 0.5) / 4, 3)
    assert agreement.voter_agreement.value == pytest.approx((0.55 + 0.1 + 2 * 0.5 + 0.5) / 5)
    assert agreement.best_voter_agreement.value == pytest.approx((0.55 + 0.9 + 2 * 0.8 + 0.5) / 5)
    assert agreement.constant_accuracy.value == 0.5
    assert [level.n for level in agreement.accuracy_by_agreement] == [1, 0, 0, 2]
    assert [level.value for level in agreement.accuracy_by_agreement] == [1.0, None, None, pytest.approx(1 / 3)]
    assert agreement.accuracy_by_agreement[1].reason == "no pair with a winner was judged"
    assert agreement.top_1.value == (1 + 0 + 0.5 + 1) / 4
    assert agreement.top_1.chance == (0.5 + 0.5 + 0.5 + 1) / 4
    assert (agreement.kendall_in_series.value, agreement.kendall_in_series.undefined_series) == (0.0, 2)


def test_proportions_of_independent_series_have_the_intervals_of_their_sums():
    pairs = pair_answers(15).assign(order_consistent=lambda rows: rows["margin"] > -0.5)
    agreement = of_pairs(pairs, 4, 60)
    margin, preference, weight, inside = arrays(pairs)
    table = pd.DataFrame({"right": hits(margin, preference), "first": hits(np.ones(len(pairs)), preference)})
    table["agree"], table["ties"] = agreements(margin, preference), (margin == 0).astype(float)
    assert agreement.constant_accuracy.value == np.average(table["first"].dropna(), weights=weight[preference != 0.5])
    names = {"right": "accuracy", "first": "constant_accuracy", "agree": "voter_agreement", "ties": "tie_rate"}
    for column, name in names.items():
        known = table[column].notna().to_numpy()
        parts = [table[column][known] * weight[known], pd.Series(weight[known], table.index[known]), known[known]]
        by_series = [
            pd.Series(np.asarray(part, float)).groupby(pairs["series"].to_numpy()[known]).sum() for part in parts
        ]
        low, high = cluster_intervals(*(part.to_numpy()[:, None] for part in by_series))[0]
        low = max(low, 0.5) if name == "constant_accuracy" else low
        assert agreement.measures[name].interval == pytest.approx((low, high))
    tops_of_series = tops(standings(*inside))
    assert agreement.top_1.interval == pytest.approx(cluster_interval(tops_of_series, np.ones(15)))
    consistent = pairs.groupby("series")["order_consistent"].agg(["sum", "count"]).to_numpy(float)
    assert agreement.order_consistency.interval == pytest.approx(cluster_interval(*consistent.T))
    assert agreement.order_consistency.n == len(pairs)


def test_other_intervals_are_those_of_copied_series():
    pairs = pair_answers(15)
    agreement = of_pairs(pairs, 4, 60)
    names, random = sorted(pairs["series"].astype(str).unique()), np.random.default_rng(4)
    slow = []
    for _ in range(60):
        chosen = [names[at] for at in random.integers(15, size=15)]
        margin, preference, weight, _ = arrays(
            pd.concat([pairs[pairs["series"].astype(str) == name] for name in chosen])
        )
        slow.append(cross_entropy(margin, preference, weight))
    tail = 100 * expanded_tail(15)
    assert agreement.cross_entropy.interval == pytest.approx(tuple(np.percentile(slow, [tail, 100 - tail])))


def test_proportions_of_pairs_that_share_photos_cover_two_intervals():
    pairs = tangled_answers(30, 200)
    agreement = of_pairs(pairs, 0, 100)
    bootstrap = PairBootstrap(pairs.sort_values(["series", "first", "second", "preference"]), BootstrapConfig(0, 100))
    value, (low, high) = agreement.accuracy.value, agreement.accuracy.interval
    assert (bootstrap.unit, bootstrap.units) == ("photo", 30)
    jeffreys = stats.beta.ppf([0.025, 0.975], 15 * value + 0.5, 15 * (1 - value) + 0.5)
    assert low <= jeffreys[0] < value < jeffreys[1] <= high
    sure = of_pairs(pairs.assign(margin=pairs["preference"] - 0.5), 0, 100).accuracy
    assert (sure.value, sure.interval) == (1.0, (pytest.approx(stats.beta.ppf(0.025, 15.5, 0.5)), 1.0))


def test_all_right_is_not_certain():
    pairs = pair_answers(40).assign(margin=lambda rows: rows["preference"] - 0.5, order_consistent=True)
    agreement = of_pairs(pairs, 0, 100)
    for estimate in (agreement.accuracy, agreement.top_1, agreement.order_consistency):
        assert estimate.value == 1.0
        assert 0.7 < estimate.interval[0] < 0.99
        assert estimate.interval[1] == 1.0
    assert agreement.best_voter_agreement.interval[1] < 1.0
    photos = vote_answers(40)
    sure = of_votes(photos.assign(**{f"p{rating}": photos[f"t{rating}"] for rating in range(1, 11)})).binary_accuracy
    assert (sure.value, sure.interval[1]) == (1.0, 1.0)
    assert 0.9 < sure.interval[0] < 0.95  # 37 independent photos after Student's t: Jeffreys gives 0.934


def test_a_pair_that_the_model_owes_an_answer_is_a_tie_and_other_failures_are_left_out():
    pairs = pair_answers(40, ties=0.0)
    owed, lost = pairs.index[:9], pairs.index[9:12]
    holes = pairs.copy()
    holes.loc[owed, ["margin", "status"]] = [np.nan, "model_error"]
    holes.loc[owed[0], "status"] = "ok"  # NaN all the same
    holes.loc[lost, ["margin", "status"]] = [np.nan, "corrupt"]
    agreement = of_pairs(holes, 0, 20)
    tied = of_pairs(pairs.drop(lost).assign(margin=lambda rows: rows["margin"].where(~rows.index.isin(owed), 0.0)))
    for name in ("accuracy", "voter_agreement", "cross_entropy", "constant_accuracy", "best_voter_agreement"):
        assert alike(agreement.measures[name].model_dump(), tied.measures[name].model_dump())
    assert (agreement.counts.unanswered, agreement.counts.judged) == (9, len(pairs) - 12)
    assert agreement.tie_rate.value == 0.0
    assert agreement.tie_rate.n == len(pairs) - 12
    assert of_pairs(holes, 0, 20, tie_worth=0.0).accuracy.value < agreement.accuracy.value


def test_intervals_of_correlations_and_errors_are_those_of_copied_photos():
    photos = vote_answers(25)
    agreement = of_votes(photos, 4, 60)
    slow, random = {name: [] for name in ("srcc", "plcc", "krcc", "rmse")}, np.random.default_rng(4)
    for _ in range(60):
        drawn = photos.iloc[random.integers(25, size=25)]
        for name, values in slow.items():
            values.append(getattr(vote_metrics, name)(drawn["predicted"].to_numpy(), drawn["true"].to_numpy()))
    tail = 100 * expanded_tail(25)
    for name, values in slow.items():
        estimate, (low, high) = agreement.measures[name], np.percentile(values, [tail, 100 - tail])
        if name == "rmse":
            assert estimate.interval == pytest.approx((low, high))
            continue
        reaches = (
            (low - estimate.interval[0]) / (estimate.value + 1),
            (estimate.interval[1] - high) / (1 - estimate.value),
        )
        assert reaches[0] == pytest.approx(reaches[1])
        assert 0 < reaches[0] < (1 - 0.025 ** (1 / 25)) * 0.5 / (0.5 + 2)  # these photos deviate by much more than 2
    assert agreement.krcc.resamples == 60


def test_a_perfect_order_is_not_certain_and_an_error_of_0_has_no_bound() -> None:
    photos = vote_answers(12)
    of_means = photos[["photo", "true", "predicted", "status"]]
    perfect = of_votes(of_means.assign(predicted=photos["true"]), 4, 60, predicts="mean")
    reach = 1 - 0.025 ** (1 / 12)
    for name in ("srcc", "plcc", "krcc"):
        assert perfect.measures[name].interval == (pytest.approx(1 - 2 * reach), 1.0)
    assert (perfect.rmse.value, perfect.rmse.interval) == (0.0, None)
    assert perfect.rmse.interval_reason == "all photos agree, and nothing limits what others could add"


@pytest.mark.parametrize("pairs", [pair_answers(30), tangled_answers(20, 90)], ids=["series", "tangled"])
def test_the_order_of_rows_changes_nothing_at_all_and_that_of_photos_nothing_but_rounding(pairs):
    pairs.loc[[3, 8], ["margin", "status"]] = [np.nan, "decode"]
    agreement = of_pairs(pairs, 1, 100)
    for seed in range(3):
        assert of_pairs(pairs.sample(frac=1, random_state=seed), 1, 100) == agreement
    assert alike(of_pairs(flipped(pairs), 1, 100).model_dump(), agreement.model_dump())


def test_the_order_of_photos_with_votes_changes_nothing_at_all():
    photos = vote_answers(50)
    agreement = of_votes(photos, 1, 100)
    assert of_votes(photos.sample(frac=1, random_state=0), 1, 100) == agreement


def test_the_seed_decides_the_intervals_and_nothing_else():
    pairs, photos = pair_answers(30), vote_answers(50)
    for measure, table, name in ((of_pairs, pairs, "cross_entropy"), (of_votes, photos, "srcc")):
        agreement, repeat, other = (measure(table, seed, 100) for seed in (1, 1, 2))
        assert agreement == repeat
        assert agreement.measures[name].value == other.measures[name].value
        assert agreement.measures[name].interval != other.measures[name].interval


def test_series_may_be_named_by_numbers_or_by_words():
    pairs = pair_answers(30)
    assert of_pairs(pairs.assign(series=pairs["series"].astype(str)), 0, 50) == of_pairs(pairs, 0, 50)


def test_failed_answers_enter_nothing_but_the_counts():
    pairs, photos = pair_answers(30), vote_answers(40)
    lost = pairs["series"].isin([2, 7])
    holes = pairs.assign(margin=pairs["margin"].mask(lost), status=pairs["status"].mask(lost, "out_of_memory"))
    agreement, less = of_pairs(holes, 0, 50), of_pairs(pairs[~lost], 0, 50)
    assert {name: agreement.measures[name] for name in (*MEANS, *INSIDE)} == {
        name: less.measures[name] for name in (*MEANS, *INSIDE)
    }
    assert agreement.counts.failures == {"out_of_memory": int(lost.sum())}
    lost = photos["photo"].isin(photos["photo"][5:9])
    holes = photos.assign(predicted=photos["predicted"].mask(lost), status=photos["status"].mask(lost, "decode"))
    agreement, less = of_votes(holes, 0, 50), of_votes(photos[~lost], 0, 50)
    assert {name: agreement.measures[name] for name in VOTES} == {name: less.measures[name] for name in VOTES}
    assert agreement.counts.model_dump() == {"photos": 40, "judged": 36, "unanswered": 0, "failures": {"decode": 4}}


def test_a_series_with_a_failed_pair_is_not_ranked():
    pairs = pair_answers(30)
    at = pairs.index[pairs["series"] == pairs["series"].value_counts().index[0]][0]
    holes = pairs.assign(margin=pairs["margin"].mask(pairs.index == at))
    holes["status"] = pairs["status"].mask(pairs.index == at, "decode")
    agreement = of_pairs(holes, 0, 50)
    complete_series = pairs[pairs["series"] != pairs["series"][at]]
    assert agreement.top_1.value == pytest.approx(top_1(*arrays(complete_series)[3]))
    assert (agreement.top_1.n, agreement.counts.incomplete_series) == (29, 1)
    assert agreement.accuracy.n == (pairs["preference"].drop(at) != 0.5).sum()


def test_an_answer_that_says_ok_but_is_no_number_has_failed():
    pairs, photos = pair_answers(30), vote_answers(40)
    pairs.loc[[1, 2], "margin"] = [np.inf, np.nan]
    photos.loc[3, "predicted"], photos.loc[4, "p7"] = np.nan, np.nan
    assert of_pairs(pairs, 0, 20).counts.failures == {"nonfinite": 2}
    assert of_votes(photos, 0, 20).counts.failures == {"nonfinite": 2}


def test_pairs_that_hang_together_are_resampled_by_photo_and_have_no_series_to_compare():
    agreement = of_pairs(tangled_answers(30, 200), 0, 100)
    assert (agreement.bootstrap.unit, agreement.bootstrap.units) == ("photo", 30)
    low, high = agreement.accuracy.interval
    assert low < agreement.accuracy.value < high
    assert (agreement.top_1.n, agreement.top_1.interval) == (1, None)
    assert agreement.top_1.interval_reason == "an interval needs at least two series"


def test_series_that_share_photos_are_not_ranked():
    pairs = tangled_answers(30, 200).assign(series=lambda rows: rows["first"])
    agreement = of_pairs(pairs, 0, 100)
    assert agreement.bootstrap.unit == "photo"
    for name in INSIDE:
        assert agreement.measures[name].value is None
        assert agreement.measures[name].reason == "a photo is in more than one series, so nothing is ranked inside them"


def test_a_model_that_predicts_no_votes_has_no_errors_of_them_unless_its_score_is_a_mean_vote():
    photos = vote_answers(40, votes=False)
    scorer, regressor = of_votes(photos, 0, 20), of_votes(photos, 0, 20, predicts="mean")
    for name in ("rmse", "emd", "binary_accuracy"):
        assert (scorer.measures[name].value, scorer.measures[name].reason) == (None, "the model does not predict votes")
    assert scorer.srcc == regressor.srcc
    predicted, true = photos["predicted"].to_numpy(), photos["true"].to_numpy()
    assert regressor.rmse.value == pytest.approx(rmse(predicted, true))
    assert regressor.binary_accuracy.value == pytest.approx(binary_accuracy(predicted, true))
    assert regressor.emd.value is None


@pytest.mark.parametrize("lost", ["all", "all but one"])
def test_where_nothing_or_one_answer_is_left_everything_undefined_is_none_with_a_reason(lost):
    pairs, photos = pair_answers(30), vote_answers(40)
    for table, names in ((pairs, ["margin"]), (photos, ["predicted"])):
        rows = table.index[1 if lost == "all but one" else 0 :]
        table.loc[rows, names], table.loc[rows, "status"] = np.nan, "decode"
    agreements = [of_pairs(pairs, 0, 20), of_votes(photos, 0, 20)]
    measures = [agreements[0].measures[name] for name in (*MEANS, *INSIDE)] + [
        agreements[1].measures[name] for name in VOTES
    ]
    for measure in measures + agreements[0].accuracy_by_agreement:
        assert measure.interval is None
        assert bool(measure.reason) == (measure.value is None)
        assert measure.interval_reason
        assert measure.value is None or lost == "all but one"
    for answer in (*agreements, of_pairs(pairs[:0], 0, 20), of_votes(photos[:0], 0, 20)):
        json.dumps(answer.model_dump(mode="json"), allow_nan=False)


def test_constant_scores_have_no_correlation_and_ties_throughout_no_order():
    photos = vote_answers(40, votes=False).assign(predicted=0.1)
    agreement = of_votes(photos, 0, 20)
    for name in ("srcc", "plcc", "krcc"):
        assert (agreement.measures[name].value, agreement.measures[name].n) == (None, 40)
        assert agreement.measures[name].reason.startswith("the scores or the votes are all the same")
    tied = of_pairs(pair_answers(30).assign(margin=0.0), 0, 20)
    assert (tied.accuracy.value, tied.tie_rate.value) == (0.5, 1.0)
    assert tied.top_1.value == pytest.approx(tied.top_1.chance)
    assert (tied.kendall_in_series.value, tied.kendall_in_series.undefined_series) == (None, 30)


def test_a_pair_that_weighs_nothing_is_not_counted():
    pairs = pair_answers(30)
    pairs.loc[:9, "weight"] = 0.0
    agreement, less = of_pairs(pairs, 0, 20), of_pairs(pairs[10:], 0, 20)
    for name in MEANS:
        assert (agreement.measures[name].value, agreement.measures[name].n) == (
            pytest.approx(less.measures[name].value),
            less.measures[name].n,
        )


def test_one_series_with_an_order_has_a_correlation_but_no_interval():
    pairs = pair_answers(30)
    agreement = of_pairs(pairs.assign(margin=pairs["margin"].where(pairs["series"] == 3, 0.0)), 0, 20)
    assert (agreement.kendall_in_series.n, agreement.kendall_in_series.interval) == (1, None)
    assert agreement.kendall_in_series.interval_reason == "an interval needs at least two series"
    assert agreement.top_1.interval is not None


def test_where_no_series_was_judged_in_full_both_rankings_say_so():
    pairs = pair_answers(30)
    pairs = pairs[pairs.groupby("series")["first"].transform("size") > 1]
    pairs.loc[~pairs.duplicated("series"), ["margin", "status"]] = [np.nan, "decode"]
    agreement = of_pairs(pairs, 0, 20)
    assert agreement.accuracy.value is not None
    assert [agreement.measures[name].reason for name in INSIDE] == ["no series was judged in full"] * 2


def test_where_most_photos_are_bad_the_constant_answer_says_bad():
    photos = vote_answers(60, votes=False)
    photos["true"] -= 2
    accuracy = of_votes(photos, 0, 50).binary_constant_accuracy
    assert accuracy.value == binary_constant_accuracy(photos["true"].to_numpy()) > 0.8
    assert accuracy.interval[0] > 0.6


def test_labels_that_cannot_be_are_refused():
    pairs, photos = pair_answers(5), vote_answers(5)
    with pytest.raises(ValueError, match="preference"):
        of_pairs(pairs.assign(preference=np.nan), 0, 20)
    with pytest.raises(ValueError, match="weight"):
        of_pairs(pairs.assign(weight=-1.0), 0, 20)
    with pytest.raises(ValueError, match="mean vote"):
        of_votes(photos.assign(true=np.nan), 0, 20)
    with pytest.raises(UsageError, match=r"\./00000.jpg: has two rows"):
        of_votes(pd.concat([photos, photos[:1]]), 0, 20)


def test_a_tie_is_worth_what_the_protocol_gives_it_and_only_in_the_accuracy():
    pairs = pair_answers(30).assign(margin=0.0)
    for worth in (0.0, 0.5, 1.0):
        agreement = of_pairs(pairs, tie_worth=worth)
        assert agreement.accuracy.value == worth
        assert {level.value for level in agreement.accuracy_by_agreement} <= {worth, None}
        assert agreement.constant_accuracy == of_pairs(pairs).constant_accuracy
        assert agreement.voter_agreement == of_pairs(pairs).voter_agreement


def test_a_measure_that_is_added_to_the_definitions_is_in_the_summary_and_in_its_json(monkeypatch):
    definition = PairMean(lambda margin, preference: np.abs(margin), unit="number")
    monkeypatch.setitem(PAIR_MEASURES, "mean_margin", definition)
    monkeypatch.setitem(VOTE_MEASURES, "spread", VoteMeasure(partial(copied_draws, spread), kind=CappedEstimate))
    pairs, photos = pair_answers(30), vote_answers(40)
    of_both = of_pairs(pairs), of_votes(photos)
    expected = np.average(pairs["margin"].abs(), weights=pairs["weight"])
    assert of_both[0].measures["mean_margin"].value == pytest.approx(expected)
    assert of_both[1].measures["spread"].value == pytest.approx(np.ptp(photos["predicted"]))
    for agreement in of_both:
        read = type(agreement).model_validate_json(agreement.model_dump_json())
        assert read.measures == agreement.measures


def spread(predicted, true):
    return float(np.ptp(predicted)) if len(predicted) else None


# Mean opinions


def opinion_answers(photos, seed=0, noise=0.5, references=0):
    """Photos with mean opinions from 1 to 100, whose model follows them on a bent scale."""
    random = np.random.default_rng(seed)
    quality = random.normal(size=photos)
    table = pd.DataFrame({"photo": [f"./{at:05}.jpg" for at in range(photos)], "status": "ok"})
    table["true"] = 1 + 99 / (1 + np.exp(-2 * quality)) + 5 * random.normal(size=photos)
    table["predicted"] = quality + noise * random.normal(size=photos)
    return table.assign(photo_cluster=[f"{at % references}" for at in range(photos)]) if references else table


def of_scores(answers, seed=0, resamples=200):
    return score_agreement(answers, BootstrapConfig(seed, resamples), VoteScale("score"))


def test_the_values_about_mean_opinions_are_those_of_scipy():
    photos = opinion_answers(80)
    agreement = of_scores(photos)
    predicted, true = photos["predicted"].to_numpy(), photos["true"].to_numpy()
    for name, measure in (("srcc", stats.spearmanr), ("plcc", stats.pearsonr), ("krcc", stats.kendalltau)):
        assert agreement.measures[name].value == pytest.approx(measure(predicted, true).statistic)
        assert agreement.measures[name].n == 80

    def form(x, high, low, centre, width):
        return (high - low) / (1 + np.exp(-(x - centre) / width)) + low

    fitted = form(predicted, *curve_fit(form, predicted, true, (100, 1, 0, 0.5))[0])
    assert agreement.plcc_logistic.value == pytest.approx(stats.pearsonr(fitted, true).statistic, abs=1e-4)
    assert agreement.rmse_logistic.value == pytest.approx(np.sqrt(np.mean((fitted - true) ** 2)), rel=1e-3)
    assert agreement.plcc_logistic.value > agreement.plcc.value
    for estimate in agreement.measures.values():
        low, high = estimate.interval
        assert low < estimate.value < high


def test_a_model_that_is_a_logistic_of_the_truth_gets_1_after_the_logistic():
    photos = opinion_answers(60, noise=0)
    photos["true"] = 3 + 2 / (1 + np.exp(-photos["predicted"]))
    agreement = of_scores(photos)
    assert agreement.plcc.value < 0.999
    assert agreement.plcc_logistic.value == pytest.approx(1, abs=1e-6)
    assert agreement.rmse_logistic.value == pytest.approx(0, abs=1e-3)


def test_a_model_whose_scores_fall_with_quality_is_not_praised_after_the_logistic():
    photos = opinion_answers(60)
    wrong = of_scores(photos.assign(predicted=-photos["predicted"]))
    assert wrong.plcc_logistic.value == pytest.approx(-of_scores(photos).plcc_logistic.value, abs=1e-6)
    assert wrong.plcc_logistic.interval[1] < 0


def test_scores_or_opinions_that_are_all_the_same_have_a_reason():
    photos = opinion_answers(20)
    for column in ("predicted", "true"):
        agreement = of_scores(photos.assign(**{column: 1.0}))
        for name in ("plcc_logistic", "rmse_logistic"):
            estimate = agreement.measures[name]
            assert estimate.value is None
            assert estimate.reason == "the scores or the opinions are all the same, or there are fewer than five"
            assert estimate.interval is None


def test_photos_of_one_reference_are_resampled_together():
    alone, together = of_scores(opinion_answers(100)), of_scores(opinion_answers(100, references=10))
    assert (alone.bootstrap.units, together.bootstrap.units) == (100, 10)
    assert alone.plcc_logistic.value == together.plcc_logistic.value
    assert alone.plcc_logistic.interval != together.plcc_logistic.interval


@pytest.mark.slow
@pytest.mark.parametrize(("noise", "photos"), [(0.3, 15), (0.3, 60)])
def test_the_interval_after_the_logistic_holds_the_truth(noise, photos):
    many = opinion_answers(20_000, seed=10**6, noise=noise)
    curve = fit_logistic(many["predicted"].to_numpy(), many["true"].to_numpy())
    truth = np.corrcoef(curve(many["predicted"].to_numpy()), many["true"])[0, 1]
    hits = 0
    for seed in range(40):
        draws = of_scores(opinion_answers(photos, seed, noise), resamples=200).plcc_logistic
        low, high = draws.interval
        hits += low <= truth <= high
    assert hits >= 34
