import json

import numpy as np
import pandas as pd
import pytest

from fixtures.verdict_tables import frame, noisy, row
from iqbench.benchmark.summarize import summarize
from iqbench.errors import UsageError


def test_accuracies_are_the_ones_counted_by_hand():
    rows = [row("a", "./1.png", "blur", "1.0", 2), row("a", "./1.png", "blur", "2.0", -1, 2)]
    rows += [row("a", "./2.png", "blur", "1.0", 1), row("a", "./2.png", "blur", "2.0", 0, 2)]
    rows += [row("a", "./1.png", "crop_edge", "right_20pct", -1), row("a", "./2.png", "crop_edge", "right_20pct", -1)]
    model = summarize(frame(rows), seed=0, resamples=50)["models"]["a"]
    assert model["overall"]["accuracy"] == pytest.approx(2.5 / 6)
    assert model["macro"]["accuracy"] == pytest.approx((2.5 / 4 + 0) / 2)
    assert model["groups"]["technical"]["accuracy"] == pytest.approx(2.5 / 4)
    assert model["groups"]["compositional"] == {"accuracy": 0.0, "interval": [0.0, 0.0], "pairs": 2}
    blur = model["by_degradation"]["blur"]
    assert (blur["accuracy"], blur["total_pairs"], blur["ties"], blur["tie_rate"]) == (0.625, 4, 1, 0.25)
    assert [(s["severity"], s["level"], s["accuracy"], s["avg_margin"]) for s in model["severity"]["blur"]] == [
        (1, "1.0", 1.0, 1.5),
        (2, "2.0", 0.25, -0.5),
    ]
    assert model["by_level"]["blur"] == {"1.0": {"accuracy": 1.0, "pairs": 2}, "2.0": {"accuracy": 0.25, "pairs": 2}}


def test_the_interval_is_that_of_a_slow_bootstrap_that_copies_whole_photos():
    rows = noisy(["a", "b"], 9, seed=1)
    rows = rows[~((rows["original"] == "./3.png") & (rows["degradation_type"] == "jpeg"))]
    summary = summarize(rows, seed=5, resamples=80)
    photos = sorted(rows["original"].unique())
    random = np.random.default_rng(5)
    slow = {"overall": [], "blur": [], "macro": [], "difference": []}
    for _ in range(80):
        drawn = pd.concat([rows[rows["original"] == photos[i]] for i in random.integers(9, size=9)])
        a, b = drawn[drawn["model_name"] == "a"], drawn[drawn["model_name"] == "b"]
        slow["overall"].append(a["correct"].mean())
        slow["blur"].append(a[a["degradation_type"] == "blur"]["correct"].mean())
        slow["macro"].append(a.groupby("degradation_type")["correct"].mean().mean())
        slow["difference"].append(a["correct"].mean() - b["correct"].mean())
    expected = {key: np.percentile(values, [2.5, 97.5]) for key, values in slow.items()}
    model = summary["models"]["a"]
    assert model["overall"]["interval"] == pytest.approx(expected["overall"])
    assert model["by_degradation"]["blur"]["interval"] == pytest.approx(expected["blur"])
    assert model["macro"]["interval"] == pytest.approx(expected["macro"])
    assert summary["pairwise"][0]["interval"] == pytest.approx(expected["difference"], abs=1e-12)


def test_a_single_photo_has_no_interval_and_says_why():
    summary = summarize(noisy(["a", "b"], 1, seed=0), seed=0, resamples=10)
    overall = summary["models"]["a"]["overall"]
    assert overall["interval"] is None
    assert overall["interval_reason"] == "an interval needs at least two photos"
    assert summary["pairwise"][0]["p_holm"] is None
    assert summary["pairwise"][0]["verdict"] == "too close to call"
    json.dumps(summary, allow_nan=False)


def test_control_rows_enter_nothing_but_the_controls():
    rows = noisy(["a", "b"], 4, seed=0)
    extra = [row(m, f"./{i}.png", "control", "identity", 0) for m in "ab" for i in range(4)]
    extra += [row(m, f"./{i}.png", "control", "reencode", 1 - 2 * (i == 0)) for m in "ab" for i in range(4)]
    without, controlled = summarize(rows, 0, 30), summarize(pd.concat([rows, frame(extra)]), 0, 30)
    controls = controlled["models"]["a"]["controls"]
    assert controls["identity"] == {"pairs": 4, "ties": 4, "failed": 0, "all_tie": True}
    assert controls["reencode"] == {"accuracy": 0.75, "pairs": 4, "failed": 0}
    assert controlled["counts"]["controls"] == {"planned": 16, "ok": 16, "failed": 0}
    for summary in (without, controlled):
        summary["counts"].pop("rows"), summary["counts"].pop("controls")
        for model in summary["models"].values():
            model.pop("controls")
    assert without == controlled


def test_an_identity_control_that_does_not_tie_is_told():
    extra = [row("a", f"./{i}.png", "control", "identity", i) for i in range(3)]
    summary = summarize(pd.concat([noisy(["a"], 3, seed=0), frame(extra)]), 0, 10)
    assert summary["models"]["a"]["controls"]["identity"]["ties"] == 1
    assert summary["models"]["a"]["controls"]["identity"]["all_tie"] is False


def test_failed_rows_are_counted_and_enter_no_accuracy():
    rows = [row("a", f"./{i}.png", "blur", "1.0", 1) for i in range(3)]
    rows += [row("a", "./3.png", "blur", "1.0", 0, status="decode"), row("a", "./0.png", "jpeg", "80", 0, status="oom")]
    rows += [row("b", f"./{i}.png", "blur", "1.0", -1) for i in range(4)]
    summary = summarize(frame(rows), seed=0, resamples=20)
    model = summary["models"]["a"]
    assert (model["overall"]["accuracy"], model["overall"]["total_pairs"], model["overall"]["failed"]) == (1.0, 3, 2)
    assert model["failures"] == {"decode": 1, "oom": 1}
    assert model["by_degradation"]["jpeg"]["accuracy"] is None
    assert model["by_degradation"]["jpeg"]["accuracy_reason"] == "no pair judged"
    assert summary["counts"]["pairs"] == {"planned": 9, "ok": 7, "failed": 2}
    assert summary["pairwise"][0]["pairs"] == 3  # the pair that only b judged is not compared
    json.dumps(summary, allow_nan=False)


def test_a_run_in_which_everything_failed_still_has_a_summary():
    rows = frame([row(m, f"./{i}.png", "blur", "1.0", 0, status="decode") for m in "ab" for i in range(2)])
    summary = summarize(rows, seed=0, resamples=10)
    assert summary["models"]["a"]["overall"]["accuracy"] is None
    assert (summary["photos"], summary["photos_judged"]) == (2, 0)
    assert summary["pairwise"][0]["verdict"] == "too close to call"
    json.dumps(summary, allow_nan=False)


def test_calibration_of_a_margin_is_the_one_worked_out_by_hand():
    margin = np.log(0.75 / 0.25)  # P(original better) = 0.75 or, for the one wrong pair of four, 0.25
    rows = frame([row("a", f"./{i}.png", "blur", "1.0", margin if i else -margin) for i in range(4)])
    calibration = summarize(rows, 0, 10)["models"]["a"]["calibration"]
    assert calibration["brier"] == pytest.approx((3 * 0.25**2 + 0.75**2) / 4)
    assert calibration["ece"] == pytest.approx(0.0)  # says 0.75, right 3 times of 4
    assert "uncalibrated" in calibration["of"]
    sure = summarize(rows.assign(margin=rows["margin"] * 100), 0, 10)["models"]["a"]["calibration"]
    assert sure["ece"] == pytest.approx(0.25)


def test_score_drop_and_order_consistency_are_means_over_the_judged_pairs():
    scores = {"score_original": 0.8, "score_degraded": 0.5}
    rows = [row("a", f"./{i}.png", "blur", "1.0", 1, order_consistent=bool(i), **scores) for i in range(4)]
    overall = summarize(frame(rows), 0, 10)["models"]["a"]["overall"]
    assert overall["avg_score_drop"] == pytest.approx(0.3)
    assert (overall["order_consistency"], overall["avg_confidence"], overall["avg_legacy_confidence"]) == (
        0.75,
        0.75,
        0.5,
    )
    scoreless = summarize(noisy(["a"], 2, seed=0), 0, 10)["models"]["a"]["overall"]
    assert (scoreless["avg_score_drop"], scoreless["avg_score_drop_reason"]) == (None, "the model has no score")


def test_two_models_of_one_name_are_refused():
    rows = noisy(["a", "b"], 2, seed=0)
    with pytest.raises(UsageError, match="two models are called 'a'"):
        summarize(rows.assign(model_name="a"), 0, 10)
    with pytest.raises(UsageError, match="twice"):
        summarize(rows.assign(model_name="a", model_fingerprint="x"), 0, 10)


def test_the_same_rows_give_the_same_bytes_and_their_order_changes_no_interval():
    rows = noisy(["a", "b"], 10, seed=6)
    first, again = (json.dumps(summarize(rows, 3, 100)) for _ in range(2))
    assert first == again
    shuffled = summarize(rows.sample(frac=1.0, random_state=0), 3, 100)
    for name, model in json.loads(first)["models"].items():
        assert shuffled["models"][name]["overall"]["interval"] == model["overall"]["interval"]
