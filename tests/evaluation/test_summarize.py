"""The model against the best baseline, and the order consistency of baselines."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fixtures.predictions import pair_answers
from iqbench.evaluation.compare import compare
from iqbench.evaluation.predict import Predictions
from iqbench.evaluation.summarize import against_baseline, baseline_agreements
from iqbench.evaluation.vote_scale import VoteScale
from iqbench.results.agreement_summary import PairedDifference
from iqbench.statistics.bootstrap import BootstrapConfig


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch):
    monkeypatch.setattr("iqbench.evaluation.summarize.BOOTSTRAP", BootstrapConfig(0, 50))


def difference(low, high, p):
    return PairedDifference(
        value=(low + high) / 2, interval=(low, high), measure="accuracy", a=0.7, b=0.6, p=p, left_out=0
    )


def test_a_model_is_better_than_a_baseline_where_p_is_below_5_percent_and_the_interval_above_0():
    better = against_baseline(difference(0.01, 0.1, 0.02), "sharper", 0.02)
    assert (better.verdict, better.shown) == ("better than sharper, the best baseline", True)
    for unknown in (difference(0.0, 0.1, 0.05), difference(0.01, 0.1, 0.05), difference(0.0, 0.1, 0.04)):
        against = against_baseline(unknown, "sharper", unknown.p)
        assert (against.verdict, against.shown) == ("not shown to be better than sharper", False)
    worse = against_baseline(difference(-0.1, -0.01, 0.02), "sharper", 0.04)
    assert (worse.verdict, worse.shown) == ("worse than sharper, a baseline", False)


def test_a_model_of_many_or_behind_the_luckiest_of_many_baselines_needs_a_corrected_p():
    for gap in (difference(0.01, 0.1, 0.02), difference(-0.1, -0.01, 0.02)):
        against = against_baseline(gap, "sharper", 0.06)
        assert (against.verdict, against.shown) == ("not shown to be better than sharper", False)
        assert (against.p, against.p_corrected) == (0.02, 0.06)


def test_without_an_interval_nothing_is_shown():
    answers = pair_answers(1)
    (unknown,) = compare({"a": answers, "b": answers}, BootstrapConfig(0, 20))
    assert unknown.interval is None
    assert not against_baseline(unknown, "sharper", unknown.p).shown


def answers_of(rows):
    """The answers of a model about pairs, with photos of different brightness."""
    names = sorted({*rows["first"], *rows["second"]})
    photos = pd.DataFrame({"photo": names, "pixels": 9, "encoded_bytes": 5, "file_bytes": 5})
    photos = photos.assign(brightness=range(len(names)), sharpness=1.0)
    return Predictions(rows, None, photos, VoteScale("score"), "look")


def test_baselines_answer_the_pairs_that_the_model_owes_and_no_others():
    rows = pair_answers(12, ties=0.0).assign(weight=1.0)
    brighter = rows.assign(preference=(rows["first"] > rows["second"]).astype(float))  # brightness follows the names
    brighter.loc[:9, ["margin", "status"]] = [np.nan, "model_error"]
    brighter.loc[10:12, ["margin", "status"]] = [np.nan, "corrupt"]
    brighter["margin"] = brighter["margin"].where(brighter["margin"].isna(), brighter["preference"] - 0.5)
    baselines, against = baseline_agreements(answers_of(brighter), tie_worth=0.5)
    count = len(rows) - 3
    assert (baselines["brighter"].accuracy.value, baselines["brighter"].accuracy.n) == (1.0, count)
    assert (against.unanswered, against.left_out, against.n) == (10, 3, count)
    assert (against.a, against.b) == (1 - 5 / count, 1.0)


def test_a_baseline_without_a_value_is_no_candidate():
    answers = answers_of(pair_answers(6))
    answers.photos["brightness"] = np.nan
    baselines, _ = baseline_agreements(answers, tie_worth=0.5)
    assert baselines["brighter"].accuracy.value is None
    assert set(baselines["brighter"].counts.failures) == {"no_value"}


def test_a_baseline_has_no_order_consistency_of_the_model_whose_rows_it_answers():
    rows = pair_answers(6).assign(order_consistent=False)
    baselines, against = baseline_agreements(answers_of(rows), tie_worth=0.5)
    assert {baseline.order_consistency.value for baseline in baselines.values()} == {None}
    assert against.baseline in baselines
    assert against.baseline != "random"


def coin(series, random):
    """A model that tosses coins, about photos whose statistics are drawn at random: it equals all baselines."""
    rows = pair_answers(series, int(random.integers(2**31)), ties=0.0).assign(weight=1.0, preference=1.0)
    rows = rows.assign(margin=random.normal(size=len(rows)), preference=random.choice([0.0, 1.0], len(rows)))
    answers = answers_of(rows)
    count = len(answers.photos)
    statistics = ("pixels", "encoded_bytes", "file_bytes", "brightness", "sharpness")
    drawn = {name: random.permutation(count).astype(float) for name in statistics}
    return replace(answers, photos=answers.photos.assign(**drawn))


def test_p_of_a_model_behind_is_corrected_for_all_baselines():
    answers = coin(12, np.random.default_rng(3))
    _, against = baseline_agreements(answers, 0.5)
    assert against.value < 0
    assert against.p < against.p_corrected
    # a model that is ahead has no luck to be corrected for
    ahead = replace(answers, rows=answers.rows.assign(margin=answers.rows["preference"] - 0.5))
    _, against = baseline_agreements(ahead, 0.5)
    assert against.p == against.p_corrected < 0.05
    assert against.shown


@pytest.mark.slow
def test_a_coin_is_called_worse_than_a_baseline_in_at_most_5_percent_of_sets():
    worse = 0
    for seed in range(60):
        _, against = baseline_agreements(coin(12, np.random.default_rng(seed)), 0.5)
        worse += against.verdict.startswith("worse")
    assert worse <= 8  # the 99.5 % point of a binomial of 60 and 5 %; it was 13 %
