"""A custom degradation costs one file and its YAML, whatever its parameters are called."""

import sys
from pathlib import Path

import pytest
from PIL import Image

from fixtures.command_line import Outcome, run
from fixtures.killed_runs import EXPORTS
from fixtures.photos import noisy_gradient
from iqbench.results.reader import read_store
from iqbench.results.schema import FILE_NAME

GRAIN = """
from functools import partial

import numpy as np

from iqbench.degradations.ladder import Degradation, Ladder, Level


def grain(photo, std, seed):
    random = np.random.default_rng(seed).normal(0, std, photo.shape)
    return np.clip(np.rint(photo + random), 0, 255).astype(np.uint8)


def grain_ladder(std, seed):
    levels = [Level(str(s), partial(grain, std=s, seed=seed), s) for s in sorted(std)]
    return Degradation("technical", [Ladder("", levels, "grey levels")])
"""
YAML = "grain:\n  _target_: grain_damage.grain_ladder\n  std: [5, 10]\n  seed: 0\n"


@pytest.fixture
def common(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
    """Return the arguments of a benchmark with grain of 5 and 10 grey levels."""
    (tmp_path / "grain_damage.py").write_text(GRAIN)
    (tmp_path / "mine" / "degradation").mkdir(parents=True)
    (tmp_path / "mine" / "degradation" / "grain.yaml").write_text(YAML)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "grain_damage", raising=False)
    (tmp_path / "photos").mkdir()
    for number in range(3):
        Image.fromarray(noisy_gradient(60, 80, seed=number)).save(tmp_path / "photos" / f"{number}.png")
    settings = ("--config-dir", tmp_path / "mine", "model=contrast", "degradation=grain", "engine.workers=0")
    return ("bench", *settings, "data=folder", f"data.root={tmp_path / 'photos'}")


def bench(common: tuple[object, ...], out: Path, *settings: str) -> Outcome:
    return run(*common, *settings, f"out={out}")


@pytest.mark.slow
def test_a_level_is_added_to_a_run_that_is_resumed(common: tuple[object, ...], tmp_path: Path) -> None:
    assert bench(common, tmp_path / "grown").exit_code == 0
    outcome = bench(common, tmp_path / "grown", "degradation.grain.std=[5,10,20]")
    assert outcome.exit_code == 0, outcome.err
    assert bench(common, tmp_path / "whole", "degradation.grain.std=[5,10,20]").exit_code == 0
    for name in EXPORTS:
        assert (tmp_path / "grown" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    keys = read_store(tmp_path / "grown" / FILE_NAME).variants["key"].tolist()
    assert keys[:3] == ["grain/5", "grain/10", "grain/20"]


def test_a_run_whose_fixed_parameter_changes_is_not_resumed(common: tuple[object, ...], tmp_path: Path) -> None:
    assert bench(common, tmp_path / "run").exit_code == 0
    outcome = bench(common, tmp_path / "run", "degradation.grain.seed=1")
    assert outcome.exit_code == 2
    assert "holds a run that differs in degradation.grain.seed (0, not 1); nothing was written" in outcome.last_line


@pytest.mark.slow
def test_runs_of_different_levels_merge_and_those_of_another_seed_do_not(
    common: tuple[object, ...], tmp_path: Path
) -> None:
    for out, settings in (("a", "std=[5,10]"), ("b", "std=[10,20]"), ("c", "seed=1")):
        assert bench(common, tmp_path / out, f"degradation.grain.{settings}").exit_code == 0
    assert run("report", tmp_path / "a", tmp_path / "b", "--out", tmp_path / "both").exit_code == 0
    table = (tmp_path / "both" / "unified_results.csv").read_text()
    assert all(f"#grain/{level}," in table for level in (5, 10, 20))
    outcome = run("report", tmp_path / "a", tmp_path / "c", "--out", tmp_path / "refused")
    assert outcome.exit_code == 2
    assert "differ in degradation.grain.seed" in outcome.last_line


@pytest.mark.slow
def test_runs_of_different_levels_are_gated_and_those_of_another_seed_are_not(
    common: tuple[object, ...], tmp_path: Path
) -> None:
    for out, settings in (("a", "std=[5,10]"), ("b", "std=[10,20]"), ("c", "seed=1")):
        assert bench(common, tmp_path / out, f"degradation.grain.{settings}").exit_code == 0
    assert run("check", tmp_path / "b", "--baseline", tmp_path / "a").exit_code == 0
    outcome = run("check", tmp_path / "c", "--baseline", tmp_path / "a")
    assert outcome.exit_code == 2
    assert "differ in degradation.grain.seed (1, not 0)" in outcome.last_line


@pytest.mark.slow
def test_runs_that_make_other_pictures_by_the_same_settings_are_not_mixed(
    common: tuple[object, ...], tmp_path: Path
) -> None:
    """A module that the degradation imports changes: neither a setting nor the degradation's own file does."""
    (tmp_path / "grain_damage.py").write_text(
        "import grain_factor\n" + GRAIN.replace("(0, std,", "(0, std * grain_factor.FACTOR,")
    )
    (tmp_path / "grain_factor.py").write_text("FACTOR = 1\n")
    assert bench(common, tmp_path / "a").exit_code == 0
    import grain_factor

    grain_factor.FACTOR = 2
    outcome = bench(common, tmp_path / "a")
    assert outcome.exit_code == 2
    assert "differs in degradation.grain: grain/10 makes another picture; nothing was written" in outcome.last_line
    assert bench(common, tmp_path / "b").exit_code == 0
    outcome = run("report", tmp_path / "a", tmp_path / "b", "--out", tmp_path / "both")
    assert "differ in degradation.grain: grain/10 makes another picture" in outcome.last_line
    outcome = run("check", tmp_path / "b", "--baseline", tmp_path / "a")
    assert (outcome.exit_code, "grain/10 makes another picture" in outcome.last_line) == (2, True)


@pytest.mark.slow
def test_shards_merge(common: tuple[object, ...], tmp_path: Path) -> None:
    assert bench(common, tmp_path / "whole").exit_code == 0
    for shard in range(2):
        assert bench(common, tmp_path / str(shard), f"shard={shard}", "shards=2").exit_code == 0
    assert run("report", tmp_path / "0", tmp_path / "1", "--out", tmp_path / "both").exit_code == 0
    for name in EXPORTS:
        assert (tmp_path / "both" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
