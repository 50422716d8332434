"""Verdicts about chance: of a coin none, of a model that sees damage all."""

import numpy as np
import pandas as pd
import pytest

from fixtures.slow_statistics import step_down_p
from fixtures.verdict_tables import STANDARD_SUITE, frame, noisy, row, sample_of, standard_suite, summary_of_table
from iqbench.benchmark.chance import ChanceTests, chance_fields
from iqbench.reporting.model_warnings import model_warnings

SIMULATIONS = 200


def claims(table: pd.DataFrame) -> tuple[bool, bool]:
    """Return whether all pairs or a type, and whether a level, could have a verdict: a p-value below 5 %."""
    chance = ChanceTests(sample_of(table, resamples=1), {})
    return min(chance.types.values()) < 0.05, min(chance.levels.values()) < 0.05


@pytest.mark.slow
def test_a_coin_has_a_verdict_in_at_most_one_benchmark_of_twenty_where_it_had_one_in_most() -> None:
    random = np.random.default_rng(0)
    table = standard_suite(np.ones((8, 27)))
    found = np.zeros(2)
    for _ in range(SIMULATIONS):
        margins = random.choice([-1.0, 1.0], size=8 * 27)
        found += claims(table.assign(margin=margins, correct=(margins > 0).astype(float)))
    assert (found / SIMULATIONS <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / SIMULATIONS)).all()


def test_a_coin_that_gives_each_photo_one_answer_has_a_verdict_as_rarely() -> None:
    random, runs, found = np.random.default_rng(1), SIMULATIONS // 4, 0
    table = standard_suite(np.ones((8, 27)))
    for _ in range(runs):
        margins = np.repeat(random.choice([-1.0, 1.0], size=8), 27)
        found += claims(table.assign(margin=margins, correct=(margins > 0).astype(float)))[0]
    assert found / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


def test_a_model_of_80_percent_is_above_chance_on_each_type_of_50_photos() -> None:
    random = np.random.default_rng(2)
    model = summary_of_table(standard_suite(np.where(random.random((50, 27)) < 0.8, 1.0, -1.0))).models["a"]
    assert {kind: cell.verdict for kind, cell in model.by_degradation.items()} == dict.fromkeys(
        STANDARD_SUITE, "above chance"
    )
    assert model.overall.verdict == "above chance"
    assert all(cell.p_chance < 0.01 for cell in model.by_degradation.values())


def test_a_model_that_is_always_wrong_is_below_chance() -> None:
    model = summary_of_table(standard_suite(-np.ones((8, 27)))).models["a"]
    assert {cell.verdict for cell in model.by_degradation.values()} == {"below chance"}
    assert {step.verdict for steps in model.severity.values() for step in steps} == {"below chance"}
    assert model.overall.p_chance == pytest.approx(2 / 2**8)


def test_levels_are_corrected_for_each_other_as_in_a_literal_loop() -> None:
    rows = noisy(["a", "b"], 8, seed=0, lift=1.0)
    tests = ChanceTests(sample_of(rows), {})
    cells = rows.assign(lead=rows["correct"] - 0.5).pivot_table(
        "lead", "original", ["model_name", "ladder", "severity"], aggfunc="sum"
    )
    assert tests.levels == pytest.approx(dict(zip(cells, step_down_p(cells.T.to_numpy().tolist()), strict=True)))


@pytest.mark.parametrize(("models", "warned"), [(1, True), (20, False)])
def test_a_coin_of_many_that_always_prefers_the_original_to_its_jpeg_is_no_detector(models: int, warned: bool) -> None:
    random = np.random.default_rng(0)
    rows = [row(f"m{model}", f"./{at}.png", "blur", "1", 1) for model in range(models) for at in range(8)]
    for model in range(models):
        margins = random.choice([-1.0, 1.0], 8) if model else np.ones(8)
        rows += [row(f"m{model}", f"./{at}.png", "control", "reencode", m) for at, m in enumerate(margins)]
    model = summary_of_table(frame(rows)).models["m0"]
    assert model.controls.reencode.value == 1.0
    assert any("may detect compression" in line for line in model_warnings(model)) is warned


def test_a_test_needs_two_photos_and_a_verdict_a_test() -> None:
    rows = [row("a", f"./{at}.png", "blur", "1", 1) for at in range(7)] + [row("a", "./0.png", "jpeg", "1", 1)]
    model = summary_of_table(frame(rows)).models["a"]
    jpeg = model.by_degradation["jpeg"]
    assert (jpeg.p_chance, jpeg.p_chance_reason, jpeg.verdict) == (None, "a test needs two photos", "not shown")
    assert model.by_degradation["blur"].verdict == "above chance"


@pytest.mark.parametrize(
    ("p", "interval", "verdict"),
    [
        (0.01, (0.6, 0.9), "above chance"),
        (0.01, (0.1, 0.4), "below chance"),
        (0.01, (0.4, 0.9), "not shown"),
        (0.2, (0.6, 0.9), "not shown"),
    ],
)
def test_a_verdict_needs_p_below_5_percent_and_an_interval_beside_50(
    p: float, interval: tuple[float, float], verdict: str
) -> None:
    assert chance_fields(p, sum(interval) / 2, interval)["verdict"] == verdict
