"""The config tree: on stderr, once, and only where it is wanted."""

import json
from pathlib import Path

import pytest

from fixtures.command_line import TINY, run

SHORT = ("degradation=blur", "data.limit=1", "engine.workers=0", "gallery=0")


def test_training_prints_the_config_and_can_be_told_not_to(folder: Path, tmp_path: Path) -> None:
    common = (*TINY, "debug=fast", "trainer=cpu", "degradation=blur", "data=folder", f"data.root={folder}")
    printed = run("train", *common, f"out={tmp_path / 'a'}")
    assert printed.exit_code == 0, printed.err
    assert printed.out == ""
    for line in ("iqbench.train", "head_width: 256", "optimized_metric", "seed: 0"):
        assert line in printed.err
    silent = run("train", *common, "print_config=false", f"out={tmp_path / 'b'}")
    assert "head_width" not in silent.err


@pytest.mark.parametrize("is_printed", [False, True])
def test_a_benchmark_prints_its_table_alone_on_stdout(tmp_path: Path, is_printed: bool) -> None:
    outcome = run("bench", "model=contrast", *SHORT, f"print_config={str(is_printed).lower()}", f"out={tmp_path}")
    assert outcome.exit_code == 0, outcome.err
    assert "engine" not in outcome.out
    assert ("max_failures: 0" in outcome.err) is is_printed


@pytest.mark.slow
def test_shards_that_print_and_lie_elsewhere_are_one_run(tmp_path: Path) -> None:
    common = ("model=contrast", "degradation=blur", "data.limit=2", "engine.workers=0", "gallery=0", "shards=2")
    for shard, extra in enumerate(("print_config=true", f"paths.results={tmp_path / 'elsewhere'}")):
        outcome = run("bench", *common, f"shard={shard}", extra, f"out={tmp_path / 'out' / str(shard)}")
        assert outcome.exit_code == 0, outcome.err
    assert run("report", tmp_path / "out").exit_code == 0
    assert len(json.loads((tmp_path / "out" / "summary.json").read_text())["runs"]) == 1


@pytest.mark.slow
def test_a_sweep_prints_the_config_of_its_first_job(tmp_path: Path) -> None:
    outcome = run("bench", "-m", "model=contrast,sharpness", *SHORT, "print_config=true", f"out={tmp_path}")
    assert outcome.exit_code == 0, outcome.err
    assert outcome.err.count("max_failures: 0") == 1
