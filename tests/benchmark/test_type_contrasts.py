"""The strongest type of a model against its weakest: shown where it is real, and rarely where it is luck."""

import numpy as np
import pandas as pd
import pytest

from fixtures.slow_statistics import step_down_p
from fixtures.verdict_tables import frame, noisy, row, sample_of, standard_suite, summary_of_table
from iqbench.benchmark.type_contrasts import type_contrasts
from iqbench.results.model_summary import TypeContrast


def contrasts(table: pd.DataFrame) -> dict[str, TypeContrast]:
    return type_contrasts(sample_of(table, resamples=1))


def test_p_is_corrected_for_every_two_types_of_all_models_as_in_a_literal_loop() -> None:
    rows = noisy(["a", "b"], 8, seed=0, lift=1.0)
    cells = rows.pivot_table("correct", "original", ["model_name", "degradation_type"])
    keys = [
        (name, *kinds) for name in "ab" for kinds in (("blur", "crop_edge"), ("blur", "jpeg"), ("crop_edge", "jpeg"))
    ]
    columns = [(cells[name, first] - cells[name, second]).tolist() for name, first, second in keys]
    corrected = dict(zip(keys, step_down_p(columns), strict=True))
    for name, contrast in contrasts(rows).items():
        accuracy = rows[rows["model_name"] == name].groupby("degradation_type")["correct"].mean()
        first, second = sorted((contrast.strongest, contrast.weakest))
        assert (accuracy[contrast.strongest], accuracy[contrast.weakest]) == (accuracy.max(), accuracy.min())
        assert contrast.p_corrected == pytest.approx(corrected[name, first, second])


def test_a_type_that_a_model_is_blind_to_is_its_weakest() -> None:
    table = standard_suite(np.ones((8, 27)))
    blind = table["correct"].mask(table["degradation_type"] == "exposure", 0.0)
    (contrast,) = contrasts(table.assign(correct=blind)).values()
    assert (contrast.weakest, contrast.shown, contrast.p_corrected) == ("exposure", True, 2 / 2**8)


def test_one_type_has_no_contrast_and_one_photo_no_test() -> None:
    rows = [row("a", f"./{at}.png", "blur", "1", 1) for at in range(7)]
    model = summary_of_table(frame(rows)).models["a"]
    assert (model.type_contrast, model.type_contrast_reason) == (None, "fewer than two types were judged")
    (contrast,) = contrasts(frame([row("a", "./0.png", "blur", "1", 1), row("a", "./0.png", "jpeg", "1", -1)])).values()
    assert (contrast.strongest, contrast.p_corrected, contrast.shown) == ("blur", None, False)
    assert contrast.p_corrected_reason == "no two photos have pairs of both types"


@pytest.mark.slow
@pytest.mark.parametrize("photos", [8, 30])
def test_models_that_see_all_types_alike_have_no_weakest_one_in_95_percent_of_benchmarks(photos: int) -> None:
    random, runs, claims = np.random.default_rng(0), 100, 0
    names = [f"m{at}" for at in range(6)]
    table = pd.concat([standard_suite(np.ones((photos, 27)), name) for name in names], ignore_index=True)
    for _ in range(runs):
        correct = (random.random(len(table)) < 0.9).astype(float)
        claims += any(contrast.shown for contrast in contrasts(table.assign(correct=correct)).values())
    assert claims <= 11  # the 99.5 % point of a binomial of 100 and 5 %


@pytest.mark.slow
def test_a_type_that_models_see_30_points_worse_is_their_weakest_in_80_percent_of_benchmarks_of_50_photos() -> None:
    random, runs = np.random.default_rng(0), 40
    table = pd.concat([standard_suite(np.ones((50, 27)), name) for name in "abc"], ignore_index=True)
    accuracy = np.where(table["degradation_type"] == "exposure", 0.6, 0.9)
    found = 0
    for _ in range(runs):
        correct = (random.random(len(table)) < accuracy).astype(float)
        of_models = contrasts(table.assign(correct=correct)).values()
        found += sum(contrast.shown and contrast.weakest == "exposure" for contrast in of_models)
    assert found >= 0.8 * 3 * runs
