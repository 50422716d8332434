import json

import numpy as np
import pandas as pd
import pytest

from fixtures.verdict_tables import frame, noisy, row
from iqbench.benchmark.baselines import against_nulls, null_rows
from iqbench.benchmark.diagnostics import evidence, probabilities, visibility
from iqbench.protocol import Protocol
from iqbench.statistics.bootstrap import Bootstrap

FAIR = Protocol("standard", "both", 0.5, 1e-5)
LEVELS = [("blur", "1"), ("jpeg", "1"), ("crop_edge", "1")]


def judged(margin, photos=30, name="a", **facts):
    """Rows of a model whose margin is a function of photo and type; facts of the variants by type."""
    rows = []
    for at in range(photos):
        for kind, level in LEVELS:
            more = {f"variant_{fact}": by_type.get(kind, 100.0) for fact, by_type in facts.items()}
            rows.append(row(name, f"./{at:02}.png", kind, level, margin(at, kind), **more))
    return frame(rows)


def nulls_of(rows):
    boot = Bootstrap(sorted(rows["original"].unique()), 0, 200)
    return against_nulls(rows, null_rows(rows, FAIR, 0), boot, sorted(rows["degradation_type"].unique()))


def test_a_judge_of_file_sizes_chooses_like_the_null_model_and_does_not_beat_it():
    sizes = {"blur": 60.0, "jpeg": 40.0, "crop_edge": 80.0}
    found = nulls_of(judged(lambda at, kind: 1.0, bytes=sizes))
    assert found["chooses_like"]["larger file"] == {"share": 1.0, "suspect": True}
    assert found["overall"]["null"] == "larger file"
    assert found["overall"]["difference"] == 0.0
    assert found["overall"]["beaten"] is False


def test_a_model_beats_the_best_null_model_where_their_paired_difference_is_shown():
    found = nulls_of(judged(lambda at, kind: 1.0 if kind != "jpeg" or at % 2 else -1.0, pixels={"crop_edge": 50.0}))
    assert found["by_degradation"]["blur"]["beaten"] is True  # the nulls tie there
    assert found["by_degradation"]["jpeg"]["beaten"] is False
    assert found["by_degradation"]["crop_edge"] == found["by_degradation"]["crop_edge"] | {
        "null": "more pixels",
        "beaten": False,
        "difference": 0.0,
    }


def test_a_model_that_is_right_where_the_null_model_has_no_opinion_is_no_suspect():
    found = nulls_of(judged(lambda at, kind: 1.0, pixels={"crop_edge": 50.0}))
    share = found["chooses_like"]["more pixels"]["share"]
    crops = sum(kind == "crop_edge" for kind, _ in LEVELS) / len(LEVELS)
    assert found["chooses_like"]["more pixels"] == {"share": share, "suspect": False}
    assert share == crops
    counting = nulls_of(judged(lambda at, kind: float(kind == "crop_edge"), pixels={"crop_edge": 50.0}))
    assert counting["chooses_like"]["more pixels"] == {"share": 1.0, "suspect": True}


def test_a_null_model_that_hardly_ever_chooses_says_nothing_of_a_model_that_chooses_like_it():
    rows = judged(lambda at, kind: 1.0)
    rows.loc[0, "variant_sharpness"] = 50.0
    assert "sharper" not in nulls_of(rows)["chooses_like"]


def test_a_change_below_that_of_a_reencoding_is_invisible_and_told_apart():
    rows = frame(
        [
            row("a", f"./{at}.png", "blur", "1", 1 if at < 6 else -1, input_change=0.1 if at >= 5 else 3.0)
            for at in range(10)
        ]
    )
    controls = frame([row("a", f"./{at}.png", "control", "reencode", 0, input_change=0.5) for at in range(10)])
    boot = Bootstrap(sorted(rows["original"]), 0, 50)
    found = visibility(rows, controls, ["blur"], boot)["blur"]
    assert (found["visible"], found["input_change_max"]) == (0.5, 2.0)
    assert found["input_change"] == pytest.approx((5 * 3.0 + 5 * 0.1) / 10)
    assert found["accuracy_where_visible"]["accuracy"] == 1.0
    assert found["accuracy_where_invisible"]["accuracy"] == pytest.approx(0.2)
    unknown = visibility(rows.assign(input_change=np.nan), controls, ["blur"], boot)["blur"]
    assert (unknown["visible"], unknown["visible_reason"]) == (None, "the model's inputs have different shapes")


def test_thirds_of_the_originals_show_where_a_change_is_no_damage():
    rows = judged(lambda at, kind: -1.0 if at < 10 else 1.0)
    rows["original_brightness"] = rows["original"].str[2:4].astype(float)
    rows["probability"] = probabilities(rows)
    found = evidence(rows, rows[:0], FAIR, 0, 100)[0]["a"]["strata"]["brightness"]
    assert [found[third]["by_ladder"]["blur"]["accuracy"] for third in ("low", "middle", "high")] == [0.0, 1.0, 1.0]
    assert (found["low"]["from"], found["low"]["to"], found["low"]["photos"]) == (0.0, 9.0, 10)


def test_the_evidence_is_strict_json_and_the_order_of_the_rows_changes_no_interval():
    rows = noisy(["a", "b"], 12, seed=0)
    rows["probability"] = probabilities(rows)
    steps = rows[rows["severity"] == 2]
    first, again = (json.dumps(evidence(rows, steps, FAIR, 0, 50), allow_nan=False) for _ in range(2))
    assert first == again
    shuffled = evidence(rows.sample(frac=1.0, random_state=0), steps, FAIR, 0, 50)[0]
    for name, model in json.loads(first)[0].items():
        for part in ("against_nulls", "thresholds", "ranking_consistency"):
            assert shuffled[name][part] == model[part]


def test_a_run_in_which_everything_failed_has_evidence_without_numbers():
    rows = frame([row("a", f"./{at}.png", "blur", "1", 0, status="decode") for at in range(3)])
    rows["probability"] = probabilities(rows)
    found = evidence(rows, rows[:0], FAIR, 0, 20)[0]["a"]
    assert found["against_nulls"]["overall"]["beaten"] is None
    assert found["confidence"]["ece"] is None
    json.dumps(found, allow_nan=False)


def test_probabilities_are_for_judged_pairs_only():
    rows = pd.concat(
        [noisy(["a"], 4, seed=0), frame([row("a", "./0.png", "control", "identity", 0)])], ignore_index=True
    )
    assert probabilities(rows).isna().tolist() == [False] * 16 + [True]
