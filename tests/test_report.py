"""Merging results again."""

import re
from pathlib import Path

import pytest

from cli import TINY, run


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    outcome = run("report", tmp_path)
    assert outcome.exit_code == 2
    assert "no results here" in outcome.last_line
    assert run("report", tmp_path / "missing").exit_code == 2


@pytest.mark.parametrize(
    ("change", "difference"),
    [("protocol=legacy", "judged by different protocols"), ("degradation.exposure.light=linear", "exposure.light")],
)
def test_runs_that_do_not_belong_together_are_not_mixed(
    folder: Path, tmp_path: Path, change: str, difference: str
) -> None:
    common = ("model=contrast", "data=folder", f"data.root={folder}", "degradation=exposure")
    run("bench", *common, f"out={tmp_path / 'both' / 'a'}")
    run("bench", *common, change, f"out={tmp_path / 'both' / 'b'}")
    outcome = run("report", tmp_path / "both")
    assert outcome.exit_code == 2
    assert difference in outcome.last_line


def test_two_models_of_one_name_are_told_apart_by_their_fingerprints(folder: Path, tmp_path: Path) -> None:
    for seed, width in enumerate((8, 16)):
        outcome = run(
            "bench",
            "model=siamese",
            *TINY,
            "model.checkpoint=untrained",
            f"model.head_width={width}",
            "degradation=blur",
            "data=folder",
            f"data.root={folder}",
            "engine.workers=0",
            f"out={tmp_path / 'both' / str(seed)}",
        )
        assert outcome.exit_code == 0, outcome.err
    outcome = run("report", tmp_path / "both")
    assert outcome.exit_code == 0, outcome.err
    assert len(set(re.findall(r"siamese@[0-9a-f]{8}", outcome.out))) == 2
