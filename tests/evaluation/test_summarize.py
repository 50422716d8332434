"""The model against the best baseline, and the order consistency of baselines."""

import pandas as pd
import pytest

from fixtures.predictions import pair_answers
from iqbench.evaluation.compare import paired_difference
from iqbench.evaluation.predict import Predictions
from iqbench.evaluation.summarize import against_baseline, baseline_agreements
from iqbench.evaluation.vote_scale import VoteScale
from iqbench.results.evaluation_summary import PairedDifference
from iqbench.statistics.bootstrap import BootstrapConfig


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch):
    monkeypatch.setattr("iqbench.evaluation.summarize.BOOTSTRAP", BootstrapConfig(0, 50))


def difference(low, high):
    return PairedDifference(
        value=(low + high) / 2, interval=(low, high), measure="accuracy", a=0.7, b=0.6, p=0.04, left_out=0
    )


def test_a_model_is_better_than_a_baseline_where_the_interval_lies_above_0_whatever_p_is():
    assert against_baseline(difference(0.01, 0.1), "sharper").verdict == "better than sharper, the best baseline"
    assert against_baseline(difference(0.01, 0.1), "sharper").shown
    assert against_baseline(difference(0.0, 0.1), "sharper").verdict == "not shown to be better than sharper"
    assert not against_baseline(difference(0.0, 0.1), "sharper").shown
    assert against_baseline(difference(-0.1, -0.01), "sharper").verdict.startswith("worse than sharper")
    assert not against_baseline(difference(-0.1, -0.01), "sharper").shown


def test_without_an_interval_nothing_is_shown():
    answers = pair_answers(1)
    unknown = paired_difference(answers, answers, BootstrapConfig(0, 20))
    assert unknown.interval is None
    assert not against_baseline(unknown, "sharper").shown


def test_a_baseline_has_no_order_consistency_of_the_model_whose_rows_it_answers():
    rows = pair_answers(6).assign(order_consistent=False)
    names = sorted({*rows["first"], *rows["second"]})
    photos = pd.DataFrame({"photo": names, "pixels": 9, "encoded_bytes": 5, "file_bytes": 5})
    photos = photos.assign(brightness=range(len(names)), sharpness=1.0)
    answers = Predictions(rows, None, photos, VoteScale("score"))
    baselines, against = baseline_agreements(answers, tie_worth=0.5)
    assert {baseline.order_consistency for baseline in baselines.values()} == {None}
    assert against.baseline in baselines
    assert against.baseline != "random"
