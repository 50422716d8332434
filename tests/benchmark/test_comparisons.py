import pandas as pd

from fixtures.verdict_tables import frame, noisy, row
from iqbench.benchmark.summarize import summarize


def test_the_perfect_choice_per_type_of_the_published_table_is_94_7():
    types = {"jpeg": 250, "crop_edge": 200, "crop_aspect": 200, "crop_center": 100}
    types |= {"crop_corner": 200, "blur": 200, "exposure": 200}
    published = {
        "siamese": [100.0, 96.5, 94.5, 94.0, 85.5, 84.5, 74.0],
        "ava": [95.2, 67.0, 73.0, 68.0, 76.0, 92.5, 91.0],
        "rules": [89.6, 55.5, 45.0, 38.0, 51.5, 100.0, 78.5],
    }
    rows = []
    for name, shares in published.items():
        for (kind, pairs), share in zip(types.items(), shares, strict=True):
            right = round(pairs * share / 100)
            rows += [row(name, f"./{i % 50}.png", kind, str(i // 50), 1 if i < right else -1) for i in range(pairs)]
    summary = summarize(frame(rows), seed=0, resamples=20)
    overall = [round(100 * model["overall"]["accuracy"], 1) for model in summary["models"].values()]
    assert overall == [89.9, 81.9, 68.4]
    assert round(100 * summary["best_per_type"]["accuracy"], 1) == 94.7
    assert summary["best_per_type"]["choice"]["blur"] == "rules"
    assert summary["best_per_type"]["choice"]["exposure"] == "ava"


def test_models_are_compared_on_the_same_resampled_photos():
    rows = noisy(["a"], 12, seed=2)
    summary = summarize(pd.concat([rows, rows.assign(model_name="twin")]), seed=0, resamples=100)
    assert summary["models"]["a"]["overall"] == summary["models"]["twin"]["overall"]
    (twins,) = summary["pairwise"]
    assert (twins["difference"], twins["interval"], twins["p"]) == (0.0, [0.0, 0.0], 1.0)
    assert (twins["better"], twins["verdict"]) == (None, "too close to call")
    assert {one["verdict"] for one in summary["by_degradation_winner"].values()} == {"no difference shown"}


def test_a_clearly_better_model_is_named_whichever_comes_first():
    for names, lift in ((["a", "b"], 3.0), (["b", "a"], -3.0)):
        summary = summarize(noisy(names, 40, seed=4, lift=lift), seed=0, resamples=500)
        (one,) = summary["pairwise"]
        assert (one["better"], one["verdict"]) == ("b", "b better")
        assert {winner["best"] for winner in summary["by_degradation_winner"].values()} == {"b"}


def test_equal_models_are_rarely_told_apart():
    found = [summarize(noisy(["a", "b", "c"], 25, seed), 0, 200)["pairwise"] for seed in range(15)]
    assert sum(any(one["better"] for one in pairwise) for pairwise in found) <= 3


def test_a_handful_of_photos_shows_nothing_however_clear_it_looks():
    rows = [row(name, f"./{at}.png", "blur", "1.0", sign) for at in range(5) for name, sign in (("a", 1), ("b", -1))]
    (one,) = summarize(frame(rows), seed=0, resamples=2000)["pairwise"]
    assert (one["difference"], one["interval"], one["p"]) == (1.0, [1.0, 1.0], 0.0625)
    assert one["verdict"] == "too close to call"


def test_together_is_where_at_least_one_is_right_and_averaged_is_their_mean_odds():
    chances = {"a": [0.9, 0.9, 0.4, 0.2], "b": [0.8, 0.05, 0.7, 0.1]}
    rows = frame(
        [
            row(name, f"./{at}.png", "blur", "1", chance - 0.5, probability=chance)
            for name, own in chances.items()
            for at, chance in enumerate(own)
        ]
    )
    summary = summarize(rows, seed=0, resamples=50)
    (one,) = summary["agreement"]
    assert one["either_right"]["share"] == 0.75
    assert one["averaged"]["share"] == 0.5  # logit 0.9 + logit 0.05 < 0, logit 0.4 + logit 0.7 > 0
    assert one["averaged"]["pairs"] == 4
    assert summary["nobody_right"]["overall"]["share"] == 0.25
    assert summary["nobody_right"]["by_degradation"]["blur"]["pairs"] == 4


def test_without_calibration_there_is_no_average():
    rows = frame([row(name, "./0.png", "blur", "1", 1.0) for name in "ab"])
    (one,) = summarize(rows, seed=0, resamples=50)["agreement"]
    assert one["averaged"]["share"] is None
    assert "calibration needs" in one["averaged"]["share_reason"]


def test_a_type_has_one_curve_over_all_its_ladders():
    steps = [("brighter", "1", 1, 1.0), ("brighter", "2", 2, 1.0), ("darker", "-1", 1, -1.0), ("darker", "-2", 2, 1.0)]
    rows = frame(
        [
            row("a", f"./{at}.png", "exposure", level, margin, severity, ladder=f"exposure/{side}")
            for at in range(3)
            for side, level, severity, margin in steps
        ]
    )
    curve = summarize(rows, seed=0, resamples=50)["models"]["a"]["by_severity"]["exposure"]
    assert [(one["severity"], one["levels"], one["accuracy"], one["pairs"]) for one in curve] == [
        (1, ["-1", "1"], 0.5, 6),
        (2, ["-2", "2"], 1.0, 6),
    ]
