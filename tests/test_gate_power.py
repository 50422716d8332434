"""What the gate sees: a fall that is there, no fall that is not, and which falls so few photos cannot show."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fixtures.command_line import run
from fixtures.verdict_tables import frame, row
from iqbench.benchmark.regression import regressions

TYPES = ("blur", "jpeg", "exposure", "crop_edge", "crop_corner", "crop_aspect", "crop_center")


def table(photos: int, models: int, seed: int, accuracy: float = 0.85, levels: int = 4) -> pd.DataFrame:
    """Return the verdicts of some models, right by chance."""
    random = np.random.default_rng(seed)
    cells = [(kind, str(level), level) for kind in TYPES for level in range(1, levels + 1)]
    return frame(
        [
            row(f"m{model}", f"./{photo:02}.png", kind, level, 1.0 if random.random() < accuracy else -1.0, severity)
            for model in range(models)
            for photo in range(photos)
            for kind, level, severity in cells
        ]
    )


def write(folder: Path, verdicts: pd.DataFrame) -> Path:
    folder.mkdir()
    verdicts.drop(columns="prediction").to_parquet(folder / "unified_results.parquet", index=False)
    return folder


def test_a_fall_from_100_percent_to_0_fails_with_eight_photos_and_one_model(tmp_path: Path) -> None:
    before, now = (table(8, 1, seed=0, accuracy=accuracy) for accuracy in (1.0, 0.0))
    outcome = run("check", write(tmp_path / "now", now), "--baseline", write(tmp_path / "before", before))
    assert outcome.exit_code == 4
    assert all(f"m0 on {kind}" in outcome.last_line for kind in ("all", *TYPES))


@pytest.mark.slow
def test_a_fall_by_20_points_is_seen_among_20_models_on_50_photos() -> None:
    before = table(50, 20, seed=0, levels=2)
    falls = (before["model_name"] == "m7") & (np.random.default_rng(1).random(len(before)) < 0.2 / 0.85)
    now = before.assign(correct=before["correct"].mask(falls, 0.0))
    worse = {(change.model, change.type) for change in regressions(now, before) if change.verdict == "worse"}
    assert ("m7", "all") in worse
    assert {model for model, _ in worse} == {"m7"}


@pytest.mark.slow
def test_no_fall_is_seen_where_verdicts_change_by_chance_in_at_most_5_percent_of_runs() -> None:
    seen = 0
    for seed in range(40):
        changes = regressions(table(10, 2, 2 * seed, levels=1), table(10, 2, 2 * seed + 1, levels=1))
        seen += any(change.verdict != "no difference shown" for change in changes)
    assert seen <= 5  # the 99.5 % point of a binomial of 40 and 5 %


def test_a_gate_that_cannot_see_a_fall_of_the_size_asked_for_says_so_and_does_not_pass(tmp_path: Path) -> None:
    same = table(8, 1, seed=0)
    now, before = write(tmp_path / "now", same), write(tmp_path / "before", same)
    outcome = run("check", now, "--baseline", before, "--worse-than", "20")
    assert outcome.exit_code == 7
    assert "one by 20 points is not excluded for m0 on all" in outcome.last_line
    assert "8 photos can show only falls above 36.9 points" in outcome.last_line  # 1 - 0.025 ** (1 / 8)
    assert run("check", now, "--baseline", before, "--worse-than", "40").exit_code == 0
    assert run("check", now, "--baseline", before).exit_code == 0


@pytest.mark.parametrize("points", ["0", "-1", "101", "some"])
def test_a_size_that_is_no_fall_is_refused(tmp_path: Path, points: str) -> None:
    outcome = run("check", tmp_path, "--baseline", tmp_path, "--worse-than", points)
    assert outcome.exit_code == 2
    assert "--worse-than" in outcome.err


def test_each_run_of_the_gate_says_what_its_photos_can_show(tmp_path: Path) -> None:
    before, now = table(12, 2, seed=0), table(12, 2, seed=1)
    outcome = run("check", write(tmp_path / "now", now), "--baseline", write(tmp_path / "before", before))
    assert "12 photos show falls of at least this size in 80 % of cases: over all pairs" in outcome.out
    few = table(4, 1, seed=0)
    outcome = run("check", write(tmp_path / "few", few), "--baseline", write(tmp_path / "few_before", few))
    assert "4 photos cannot show a fall, however large" in outcome.out
