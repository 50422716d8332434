"""Merging results again."""

import json
import re
from pathlib import Path

import pytest

from fixtures.command_line import TINY, run


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    outcome = run("report", tmp_path)
    assert outcome.exit_code == 2
    assert "no results here" in outcome.last_line
    assert run("report", tmp_path / "missing").exit_code == 2


@pytest.mark.slow
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


@pytest.mark.slow
def test_what_differs_stands_behind_the_name_of_two_models_of_one_name(folder: Path, tmp_path: Path) -> None:
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
    names = ["siamese@head_width=16", "siamese@head_width=8"]
    assert set(re.findall(r"siamese@head_width=(?:16|8)", outcome.out)) == set(names)
    assert sorted(json.loads((tmp_path / "both" / "summary.json").read_text())["models"]) == names
    for file in ("report.html", "KEY_TAKEAWAYS.md", "unified_results.csv"):
        text = (tmp_path / "both" / file).read_text(encoding="utf-8").replace("\\", "")
        assert all(name in text for name in names), file


@pytest.mark.slow
def test_runs_from_anywhere_are_reported_together(folder: Path, tmp_path: Path) -> None:
    common = ("data=folder", f"data.root={folder}", "degradation=blur", "engine.workers=0")
    for name in ("contrast", "sharpness"):
        assert run("bench", f"model={name}", *common, f"out={tmp_path / name}").exit_code == 0
    original_report = (tmp_path / "contrast" / "report.html").read_bytes()
    folders = (tmp_path / "contrast", tmp_path / "sharpness")
    outcome = run("report", *folders, "--out", tmp_path / "new" / "both")
    assert outcome.exit_code == 0, outcome.err
    summary = json.loads((tmp_path / "new" / "both" / "summary.json").read_text())
    assert list(summary["models"]) == ["contrast", "sharpness"]
    assert len(summary["pairwise"]) == 1
    assert (tmp_path / "contrast" / "report.html").read_bytes() == original_report
    first = {path.name: path.read_bytes() for path in (tmp_path / "new" / "both").iterdir()}
    assert run("report", *folders, "--out", tmp_path / "new" / "both").exit_code == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "new" / "both").iterdir()} == first


@pytest.mark.slow
def test_a_model_that_was_run_twice_counts_once_and_is_compared_with_itself(folder: Path, tmp_path: Path) -> None:
    common = ("model=contrast", "data=folder", f"data.root={folder}", "degradation=blur", "engine.workers=0")
    for name in "ab":
        assert run("bench", *common, f"out={tmp_path / name}").exit_code == 0
    assert run("report", tmp_path / "a", tmp_path / "b", "--out", tmp_path / "c").exit_code == 0
    summary = json.loads((tmp_path / "c" / "summary.json").read_text())
    assert summary["counts"]["pairs"]["planned"] == 3 * 4
    assert summary["models"]["contrast"]["repeatability"]["other_runs"] == {
        "largest_change": 0.0,
        "pairs": 3 * (4 + 2),
        "verdicts_changed": 0,
    }


@pytest.mark.slow
def test_the_exports_of_several_runs_need_a_folder_of_their_own(folder: Path, tmp_path: Path) -> None:
    common = ("data=folder", f"data.root={folder}", "degradation=blur", "engine.workers=0")
    for name in ("contrast", "sharpness"):
        assert run("bench", f"model={name}", *common, f"out={tmp_path / name}").exit_code == 0
    folders = (tmp_path / "contrast", tmp_path / "sharpness")
    assert "--out FOLDER" in run("report", *folders).last_line
    outcome = run("report", tmp_path / "contrast", "--out", tmp_path / "sharpness")
    assert outcome.exit_code == 2
    assert "holds another run, whose exports would be lost" in outcome.last_line
    (tmp_path / "file").touch()
    outcome = run("report", *folders, "--out", tmp_path / "file" / "x")
    assert outcome.exit_code == 74
    assert "cannot be created" in outcome.last_line


@pytest.mark.slow
def test_files_for_a_paper_are_written_beside_the_exports(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("bench", "model=contrast", "data=folder", f"data.root={folder}", "degradation=exposure", f"out={out}")
    usual = {path.name for path in out.iterdir()}
    outcome = run("report", out, "--format", "latex,csv,pdf,svg")
    assert outcome.exit_code == 0, outcome.err
    files = {"leaderboard.tex", "leaderboard.csv", "accuracy.pdf", "accuracy.svg", "ladders.pdf", "ladders.svg"}
    assert {path.name for path in out.iterdir()} == usual | files
    assert all(str(out / name) in outcome.out.replace("\n", "") for name in files)
    first = {name: (out / name).read_bytes() for name in files}
    assert run("report", out, "--format", "latex,csv,pdf,svg").exit_code == 0
    assert {name: (out / name).read_bytes() for name in files} == first


def test_a_wrong_format_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    outcome = run("report", tmp_path / "missing", "--format", "latex,pfd")
    assert outcome.exit_code == 2
    assert outcome.last_line == (
        "iqbench.report: --format pfd: no such format. Did you mean 'pdf'? There are: latex, pdf, svg, csv"
    )
