"""Plan a benchmark: the photos that a difference needs."""

from pathlib import Path

import numpy as np
import pytest

from fixtures.command_line import run
from fixtures.verdict_tables import noisy, sample_of
from iqbench.benchmark.comparisons import Comparisons


def bench(folder: Path, out: Path, *settings: object) -> None:
    common = ("data=folder", f"data.root={folder}", "degradation=blur", "engine.workers=0", f"out={out}")
    outcome = run("bench", *settings, *common)
    assert outcome.exit_code == 0, outcome.err


def comparisons(models: str, photos: int, seed: int, lift: float = 0.0) -> Comparisons:
    sample = sample_of(noisy(list(models), photos, seed, lift))
    return Comparisons(sample.asked, sample.models, sample.types, sample.bootstrap, sample.flips)


@pytest.mark.slow
def test_a_sweep_is_planned_from_by_type_and_over_all_pairs(folder: Path, tmp_path: Path) -> None:
    bench(folder, tmp_path / "out", "-m", "model=contrast,sharpness")
    outcome = run("plan", tmp_path / "out")
    assert outcome.exit_code == 2
    assert "photos are too few to plan from; benchmark 6 or more first" in outcome.last_line


def test_a_folder_without_results_and_senseless_numbers_are_refused(tmp_path: Path) -> None:
    assert "no results here" in run("plan", tmp_path).last_line
    assert "--difference 0: must be above 0" in run("plan", tmp_path, "--difference", "0").last_line
    assert "--photos 1: must be 2 or more" in run("plan", tmp_path, "--photos", "1").last_line


@pytest.mark.slow
def test_the_number_of_photos_for_a_difference_shows_it_in_most_benchmarks() -> None:
    power = comparisons("ab", 30, seed=0).power()
    needed = power.clusters_for(0.15)
    assert needed is not None
    shown = []
    for seed in range(60):
        (difference,) = comparisons("ab", needed, 100 + seed, lift=0.55).pairwise()  # about 15 points
        shown.append((-difference.value, difference.shown))
    values, found = map(np.array, zip(*shown, strict=True))
    assert values.mean() == pytest.approx(0.15, abs=0.03)
    assert found.mean() >= 0.6


def test_one_model_is_planned_with_another_like_it_and_more_models_need_more_photos() -> None:
    one, two = comparisons("a", 40, seed=1).power(), comparisons("ab", 40, seed=1).power()
    assert one.least_difference(40) >= two.least_difference(40)  # models that agree on photos need fewer of them
    five = comparisons("abcde", 40, seed=1).power()
    assert five.least_difference(40) > 1.1 * two.least_difference(40)
