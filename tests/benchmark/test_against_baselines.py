"""Models against baselines: a judge of quality is told from a copy of a baseline, whatever accuracy both have."""

import numpy as np
import pandas as pd
import pytest

from fixtures.verdict_tables import frame, on_files, row, sample_of, size_margins, standard_suite, summary_of_table
from iqbench.baselines import baseline_verdicts
from iqbench.benchmark.against_baselines import BaselineComparisons
from iqbench.reporting.model_warnings import model_warnings
from iqbench.reporting.notices import ceiling_lines
from iqbench.results.model_summary import AgainstBaselines, ModelSummary
from iqbench.results.summary import Summary

LEVELS = [("blur", "1"), ("jpeg", "1"), ("crop_edge", "1")]


def judged(margin, photos=30, name="a", **statistics):
    """Return rows of a model whose margin depends on photo and type; image statistics of the variants by type."""
    rows = []
    for at in range(photos):
        for kind, level in LEVELS:
            more = {f"variant_{key}": by_type.get(kind, 100.0) for key, by_type in statistics.items()}
            rows.append(row(name, f"./{at:02}.png", kind, level, margin(at, kind), **more))
    return frame(rows)


def baselines_of(rows: pd.DataFrame, name: str = "a") -> AgainstBaselines:
    """Return the comparison of a model with the baselines."""
    sample = sample_of(rows, resamples=200)
    comparisons = BaselineComparisons(sample, baseline_verdicts(sample.asked, sample.protocol, 0))
    return comparisons.of_model(name)


def one_model(rows: pd.DataFrame) -> tuple[Summary, ModelSummary]:
    summary = summary_of_table(rows, resamples=300)
    return summary, summary.models["a"]


def test_a_perfect_judge_is_no_copy_of_a_baseline_that_is_right_in_all_pairs_as_it_was_called() -> None:
    rows = standard_suite(np.ones((20, 27)), variant_encoded_bytes=60.0)
    summary, model = one_model(rows)
    likeness = model.against_baselines.chooses_like["larger file"]
    assert (likeness.share, likeness.errors, likeness.suspect) == (1.0, 0, False)
    assert likeness.errors_shared.reason == "larger file is never wrong here"
    assert not any("larger file" in line for line in model_warnings(model))
    gaps = model.against_baselines.by_degradation
    assert all((gap.baseline, gap.ceiling, gap.beaten) == ("larger file", True, False) for gap in gaps.values())
    (line,) = ceiling_lines(summary)
    assert line.startswith("on jpeg, crop_edge, crop_aspect, crop_center, crop_corner, blur, exposure the baseline ")
    assert line.endswith("larger file is at its ceiling: there no model can be told from it")
    corrected = model.against_baselines.corrected
    reason = "larger file errs on fewer than 5 photos, so a copy of it could not be told from a perfect judge"
    assert (corrected.value, corrected.reason) == (None, reason)


def test_a_perfect_judge_has_the_corrected_score_1_and_no_warning() -> None:
    summary, model = one_model(on_files(np.ones((20, 27))))
    corrected = model.against_baselines.corrected
    assert corrected.value == 1.0
    assert model_warnings(model) == []
    assert ceiling_lines(summary) == []
    assert all(gap.beaten for gap in model.against_baselines.by_degradation.values())


def test_a_judge_of_file_sizes_is_suspect_and_has_the_corrected_score_0_whatever_its_accuracy() -> None:
    rows = on_files(size_margins(20))
    _, model = one_model(rows)
    assert model.overall.value == pytest.approx((rows["variant_encoded_bytes"] < 100).mean())
    likeness = model.against_baselines.chooses_like["larger file"]
    assert (likeness.share, likeness.errors_shared.value, likeness.suspect) == (1.0, 1.0, True)
    assert likeness.errors == (rows["variant_encoded_bytes"] > 100).sum()
    corrected = model.against_baselines.corrected
    assert (corrected.value, corrected.baseline) == (0.0, "larger file")
    assert any("chooses like the baseline larger file in 100.0 % of pairs" in line for line in model_warnings(model))


def test_a_model_that_errs_elsewhere_is_no_copy_though_it_chooses_alike_in_most_pairs() -> None:
    rows = standard_suite(np.ones((40, 27)), variant_encoded_bytes=lambda at, *_: 150.0 if at == 0 else 60.0)
    likeness = baselines_of(rows).chooses_like["larger file"]
    assert likeness.share == pytest.approx(39 / 40)  # above the share by which copies were recognised
    assert (likeness.errors, likeness.errors_shared.value, likeness.suspect) == (27, 0.0, False)


def test_a_coin_has_a_corrected_score_of_about_0() -> None:
    margins = np.random.default_rng(0).choice([-1.0, 1.0], size=(40, 27))
    _, model = one_model(on_files(margins))
    corrected = model.against_baselines.corrected
    assert corrected.value is not None
    assert abs(corrected.value) < 0.1
    assert corrected.interval is not None
    assert corrected.interval[0] < 0 < corrected.interval[1]


def test_the_corrected_score_is_the_mean_accuracy_where_the_baseline_is_right_and_where_it_is_wrong() -> None:
    margins = np.random.default_rng(1).choice([-30.0, 30.0, 90.0], size=(20, 27)) + size_margins(20)
    rows = on_files(margins)
    right = rows["variant_encoded_bytes"] < 100
    expected = rows.loc[right, "correct"].mean() + rows.loc[~right, "correct"].mean() - 1
    assert baselines_of(rows).corrected.value == pytest.approx(expected)


def test_an_answer_that_is_owed_is_worth_a_tie_against_a_baseline_too() -> None:
    rows = on_files(np.ones((20, 27)))
    lost = rows["variant_encoded_bytes"] > 100
    for column, value in {"status": "nonfinite", "correct": np.nan, "margin": np.nan, "prediction": pd.NA}.items():
        rows[column] = rows[column].mask(lost, value)
    against = baselines_of(rows)
    assert against.corrected.value == pytest.approx(0.5)
    assert against.overall.where_baseline_errs.value == 0.5
    assert against.overall.n == 540


def test_a_judge_of_file_sizes_chooses_like_the_baseline_and_does_not_beat_it() -> None:
    sizes = {"blur": 60.0, "jpeg": 140.0, "crop_edge": 80.0}
    against = baselines_of(judged(lambda at, kind: 100 - sizes[kind], encoded_bytes=sizes))
    likeness = against.chooses_like["larger file"]
    assert (likeness.share, likeness.errors, likeness.suspect) == (1.0, 30, True)
    assert against.overall.baseline == "larger file"
    assert against.overall.value == 0.0
    assert against.overall.beaten is False
    assert against.overall.ceiling is False


def test_a_model_beats_the_best_baseline_where_their_paired_difference_is_shown() -> None:
    against = baselines_of(
        judged(lambda at, kind: 1.0 if kind != "jpeg" or at % 2 else -1.0, pixels={"crop_edge": 50.0})
    )
    assert against.by_degradation["blur"].beaten is True  # the baselines tie there
    assert against.by_degradation["jpeg"].beaten is False
    crops = against.by_degradation["crop_edge"]
    assert (crops.baseline, crops.beaten, crops.value, crops.ceiling) == ("more pixels", False, 0.0, True)
    assert against.by_degradation["jpeg"].ceiling is False


def test_a_model_that_is_right_where_the_baseline_has_no_opinion_is_no_suspect() -> None:
    against = baselines_of(judged(lambda at, kind: 1.0, pixels={"crop_edge": 50.0}))
    crops = sum(kind == "crop_edge" for kind, _ in LEVELS) / len(LEVELS)
    assert against.chooses_like["more pixels"].share == crops
    assert against.chooses_like["more pixels"].suspect is False


def test_counting_pixels_where_more_of_them_are_damage_is_suspect() -> None:
    pixels = {"blur": 100.0, "jpeg": 130.0, "crop_edge": 50.0}
    counting = baselines_of(judged(lambda at, kind: 100.0 - pixels[kind], pixels=pixels))
    likeness = counting.chooses_like["more pixels"]
    assert (likeness.share, likeness.errors, likeness.errors_shared.value, likeness.suspect) == (1.0, 30, 1.0, True)


def test_a_baseline_that_hardly_ever_chooses_says_nothing_of_a_model_that_chooses_like_it() -> None:
    rows = judged(lambda at, kind: 1.0)
    rows.loc[0, "variant_sharpness"] = 50.0
    assert "sharper" not in baselines_of(rows).chooses_like
