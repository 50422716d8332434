"""What becomes of runs that are interrupted, and of sweeps whose jobs fail, are interrupted, or are not theirs."""

import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pandas as pd
import pytest

from fixtures.command_line import Outcome, run
from fixtures.killed_runs import EXPORTS
from iqbench.benchmark.together import run_together
from iqbench.io import lock
from iqbench.job import Job
from iqbench.results.schema import FILE_NAME
from iqbench.sweep import Status

JUDGE = """
import os
import signal
import torch
from iqbench.interfaces import Scorer

ends = {}  # by number of pictures that were prepared


class Ending(Scorer):
    def __init__(self, lean):
        self.lean, self.prepared = lean, 0
        self.signalled = int(os.environ.get("TERM_AFTER", -1))

    def prepare(self, photo):
        self.prepared += 1
        if self.lean and self.prepared == self.signalled:
            os.kill(os.getpid(), signal.SIGTERM)
        if self.lean and self.prepared in ends:
            raise ends[self.prepared]
        return torch.tensor([photo.std() + self.lean], dtype=torch.float64)

    def encode(self, inputs):
        return inputs
"""
JOBS = ["0_steady_blur", "1_ending_blur", "2_contrast_blur"]
TWO_PHOTOS = 2 + 2 * 7
"""Pictures that the rehearsal and two photos with four levels of blur and two controls are."""


@pytest.fixture
def common(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
    """A model ``steady``, and one called ``ending`` that ends as `ends` says."""
    (tmp_path / "ending_judge.py").write_text(JUDGE)
    (tmp_path / "mine" / "model").mkdir(parents=True)
    for name, lean in (("steady", 0), ("ending", 1)):
        (tmp_path / "mine" / "model" / f"{name}.yaml").write_text(f"_target_: ending_judge.Ending\nlean: {lean}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    photos = ("data=folder", f"data.root={folder}", "degradation=blur", "engine.workers=0", "gallery=0")
    return ("--config-dir", tmp_path / "mine", *photos)


@pytest.fixture
def ends(common: tuple[object, ...]) -> dict[int, BaseException]:
    import ending_judge

    ending_judge.ends.clear()
    return ending_judge.ends


def models(root: Path) -> list[str]:
    rows = pd.read_csv(root / "unified_results.csv")
    assert not rows.duplicated(["model_name", "degraded"]).any()
    return sorted(set(rows["model_name"]))


def summary(root: Path) -> dict[str, object]:
    return json.loads((root / "summary.json").read_text())


def whole(root: Path) -> bool:
    return run("verify", root).exit_code == 0


@pytest.mark.slow
def test_an_interrupted_run_is_exported_and_goes_on_to_the_bytes_of_one_that_was_not(
    common: tuple[object, ...], ends: dict[int, BaseException], tmp_path: Path
) -> None:
    assert run("bench", *common, "model=ending", f"out={tmp_path / 'whole'}").exit_code == 0
    ends[TWO_PHOTOS + 1] = KeyboardInterrupt()
    outcome = run("bench", *common, "model=ending", f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 130
    assert outcome.last_line.startswith("iqbench.bench: interrupted; ")
    assert all((tmp_path / "out" / name).exists() for name in EXPORTS)
    assert summary(tmp_path / "out")["complete"] is False
    assert 0 < len(pd.read_csv(tmp_path / "out" / "manifest.csv")) < 3
    ends.clear()
    assert run("bench", *common, "model=ending", f"out={tmp_path / 'out'}").exit_code == 0
    for name in EXPORTS:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


@pytest.mark.slow
def test_a_run_that_is_told_to_end_exports_what_it_has(common: tuple[object, ...], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "iqbench.bench", *map(str, common), "model=ending", f"out={tmp_path / 'out'}"]
    surroundings = {**os.environ, "TERM_AFTER": str(TWO_PHOTOS + 1), "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(command, env=surroundings, capture_output=True, text=True)
    assert ended.returncode == 143, ended.stderr
    assert "Traceback" not in ended.stderr
    assert summary(tmp_path / "out")["complete"] is False
    assert 0 < len(pd.read_csv(tmp_path / "out" / "manifest.csv")) < 3


KILLED = """
import os, sys
from pathlib import Path
from fixtures.command_line import run

move = Path.replace

def moved_or_killed(source, target):
    if Path(target).name == "summary.json":
        os.kill(os.getpid(), 9)
    move(source, target)

Path.replace = moved_or_killed
run("bench", *sys.argv[1:])
"""


@pytest.mark.slow
def test_a_run_that_is_killed_while_it_exports_has_only_whole_files_and_goes_on(
    common: tuple[object, ...], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = (*common, "model=contrast", f"out={out}")
    surroundings = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    ended = subprocess.run([sys.executable, "-c", KILLED, *map(str, command)], env=surroundings)
    assert ended.returncode == -9
    assert not (out / "summary.json").exists()
    run("bench", *command)
    assert whole(out)


@pytest.mark.slow
@pytest.mark.parametrize(("end", "code"), [(KeyboardInterrupt(), 130), (SystemExit(143), 143)])
def test_an_interrupted_sweep_merges_what_there_is_and_goes_on(
    common: tuple[object, ...], ends: dict[int, BaseException], tmp_path: Path, end: BaseException, code: int
) -> None:
    root, command = tmp_path / "sweep", ("-m", *common, "model=steady,ending,contrast")
    ends[TWO_PHOTOS + 1] = end
    outcome = run("bench", *command, f"out={root}")
    assert outcome.exit_code == code
    assert models(root) == ["contrast", "ending", "steady"]  # each photo is judged by all of them
    assert all(0 < len(pd.read_csv(root / job / "manifest.csv")) < 3 for job in JOBS)
    assert summary(root)["complete"] is False
    assert summary(root)["failed_jobs"] == [{"job": job, "exit_code": code, "error": "interrupted"} for job in JOBS]
    assert "Traceback" not in outcome.err
    assert run("report", root).exit_code == 0
    assert summary(root)["complete"] is False
    ends.clear()
    assert run("bench", *command, f"out={root}").exit_code == 0
    assert models(root) == ["contrast", "ending", "steady"]
    assert summary(root)["complete"] is True
    assert whole(root)


@pytest.mark.slow
def test_a_sweep_that_is_interrupted_between_two_jobs_is_not_complete(
    common: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = mock.Mock(side_effect=[mock.DEFAULT, KeyboardInterrupt], wraps=run_together)  # jobs of one kind of damage
    monkeypatch.setattr("iqbench.benchmark.together.run_together", begun)
    command = ("-m", *common, "model=steady,ending", "degradation=blur,jpeg", f"out={tmp_path / 'sweep'}")
    assert run("bench", *command).exit_code == 130
    assert models(tmp_path / "sweep") == ["ending", "steady"]
    assert set(pd.read_csv(tmp_path / "sweep" / "unified_results.csv")["degradation_type"]) == {"blur", "control"}
    assert summary(tmp_path / "sweep")["complete"] is False


@pytest.mark.slow
def test_a_sweep_that_is_interrupted_before_its_first_photo_is_no_success(
    common: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = mock.Mock(side_effect=[mock.DEFAULT, KeyboardInterrupt], wraps=Job.current)
    command = ("-m", *common, "model=steady,ending", f"out={tmp_path / 'sweep'}")
    with monkeypatch.context() as interrupted:
        interrupted.setattr("iqbench.job.Job.current", begun)
        assert run("bench", *command).exit_code == 130
    assert run("bench", *command).exit_code == 0
    assert models(tmp_path / "sweep") == ["ending", "steady"]


@pytest.mark.slow
def test_another_sweep_in_the_same_root_leaves_the_jobs_of_the_first_alone_and_says_so(
    common: tuple[object, ...], tmp_path: Path
) -> None:
    root = tmp_path / "sweep"
    assert run("bench", "-m", *common, "model=steady,contrast", f"out={root}").exit_code == 0
    (root / "7_gone").mkdir()
    Status(root / "7_gone", sweep="another", exit_code=2, error="it was so").write()
    outcome = run("bench", "-m", *common, "model=sharpness,contrast", f"out={root}")
    assert outcome.exit_code == 0, outcome.err
    assert models(root) == ["contrast", "sharpness"]
    assert summary(root)["complete"] is True
    assert f"{root}: not merged, since they are not of the last sweep: 0_steady_blur\n" in outcome.err
    assert (root / "0_steady_blur" / FILE_NAME).exists()
    assert whole(root)


@pytest.mark.slow
def test_a_job_that_is_refused_does_not_bring_in_the_results_that_were_there(
    common: tuple[object, ...], tmp_path: Path
) -> None:
    root = tmp_path / "sweep"
    assert run("bench", *common, "model=contrast", "protocol=legacy", f"out={root / '1_contrast_blur'}").exit_code == 0
    outcome = run("bench", "-m", *common, "model=steady,contrast", f"out={root}")
    assert outcome.exit_code == 2
    assert "holds a run that differs in protocol" in outcome.err
    assert models(root) == ["steady"]
    assert [job["job"] for job in summary(root)["failed_jobs"]] == ["1_contrast_blur"]
    assert "not merged, since they are not of the last sweep: 1_contrast_blur" in outcome.err
    assert whole(root)


@pytest.mark.slow
def test_a_run_above_others_exports_its_own_rows_alone(common: tuple[object, ...], tmp_path: Path) -> None:
    root = tmp_path / "results"
    assert run("bench", *common, "model=contrast", "protocol=legacy", f"out={root / 'earlier'}").exit_code == 0
    outcome = run("bench", *common, "model=steady", f"out={root}")
    assert outcome.exit_code == 0, outcome.err
    assert models(root) == ["steady"]
    assert whole(root)
    assert whole(root / "earlier")


@pytest.mark.slow
def test_a_job_of_which_nothing_is_known_is_said_to_have_failed(common: tuple[object, ...], tmp_path: Path) -> None:
    root = tmp_path / "sweep"
    for number, content in enumerate(("", '{"job": "8_', "\0"), start=7):
        (root / f"{number}_iqa_blur").mkdir(parents=True)
        (root / f"{number}_iqa_blur" / "status.json").write_text(content)
    outcome = run("bench", "-m", *common, "model=steady,contrast", f"out={root}")
    assert outcome.exit_code == 1
    assert "Traceback" not in outcome.err
    assert outcome.err.count("status.json: cannot be read") == 3
    assert models(root) == ["contrast", "steady"]
    assert [job["job"] for job in summary(root)["failed_jobs"]] == ["7_iqa_blur", "8_iqa_blur", "9_iqa_blur"]


@pytest.mark.slow
def test_another_programs_status_is_none_of_a_sweeps_business(common: tuple[object, ...], tmp_path: Path) -> None:
    root = tmp_path / "sweep"
    for name, content in {"a": '{"state": "fine"}', "b": "[]", "c": '{"job": 1, "exit_code": "2"}'}.items():
        (root / name).mkdir(parents=True)
        (root / name / "status.json").write_text(content)
    assert run("bench", "-m", *common, "model=steady,contrast", f"out={root}").exit_code == 0
    assert summary(root)["complete"] is True


def test_a_status_that_cannot_be_written_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Status(tmp_path, None).write()
    original_text = (tmp_path / "status.json").read_text()
    monkeypatch.setattr("os.fsync", mock.Mock(side_effect=OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        Status(tmp_path, None, 0, "").write()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("status.json", original_text)]


def test_a_bug_in_one_job_leaves_the_others_merged(
    common: tuple[object, ...], ends: dict[int, BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from iqbench.benchmark.run import run_plan

    results = mock.Mock(side_effect=[AttributeError("a bug"), mock.DEFAULT], wraps=run_plan)
    monkeypatch.setattr("iqbench.benchmark.run.run_plan", results)
    outcome = run("bench", "-m", *common, "model=steady,ending", f"out={tmp_path / 'sweep'}")
    assert outcome.exit_code == 1
    assert "AttributeError: a bug" in outcome.err
    assert models(tmp_path / "sweep") == ["ending"]
    assert [job["error"] for job in summary(tmp_path / "sweep")["failed_jobs"]] == ["AttributeError: a bug"]


@pytest.mark.slow
def test_a_sweep_that_cannot_be_merged_is_no_success(
    common: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iqbench.reporting.table.print_table", mock.Mock(side_effect=RuntimeError("a bug")))
    outcome = run("bench", "-m", *common, "model=steady,ending", f"out={tmp_path / 'sweep'}")
    assert outcome.exit_code == 1
    assert "the jobs could not be merged" in outcome.err


@pytest.mark.parametrize("sweep", [(), ("-m",)])
def test_a_folder_that_another_run_is_writing_into_is_refused(
    common: tuple[object, ...], tmp_path: Path, sweep: tuple[str, ...]
) -> None:
    (tmp_path / "out").mkdir()
    with lock(tmp_path / "out"):
        outcome = run("bench", *sweep, *common, "model=steady", f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 5
    assert outcome.err == (
        f"iqbench.bench: {tmp_path / 'out'}: another run is writing here; wait for it or choose another out=\n"
    )
    assert run("bench", *sweep, *common, "model=steady", f"out={tmp_path / 'out'}").exit_code == 0


def test_a_sweep_is_refused_where_a_single_run_is(common: tuple[object, ...], tmp_path: Path) -> None:
    assert run("bench", *common, "model=steady", f"out={tmp_path / 'out'}").exit_code == 0
    outcome = run("bench", "-m", *common, "model=steady,contrast", f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 2
    assert "holds a single run, not a sweep" in outcome.last_line
    assert not list((tmp_path / "out").glob("0_*"))


@pytest.mark.slow
def test_a_sweep_without_any_results_leaves_the_exports_of_before(common: tuple[object, ...], tmp_path: Path) -> None:
    root = tmp_path / "sweep"
    command: tuple[object, ...] = ("-m", *common, "model=steady,contrast", f"out={root}")
    assert run("bench", *command).exit_code == 0
    original_bytes = (root / "summary.json").read_bytes()
    outcome: Outcome = run("bench", *command, "protocol=legacy")
    assert outcome.exit_code == 2
    assert f"{root}: no job has results" in outcome.err
    assert (root / "summary.json").read_bytes() == original_bytes
    for program in ("report", "verify"):
        assert run(program, root).last_line == f"iqbench.{program}: {root}: no job has results"


WANDERING = """
import os
from iqbench.models.rules import Rules


class Wandering(Rules):
    def __init__(self, place: str, seed: int = 0) -> None:
        super().__init__({"contrast": 1.0}, clipped=False)
        os.chdir(place)
"""


@pytest.mark.slow
def test_a_model_that_changes_the_folder_changes_no_path(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "wandering_model.py").write_text(WANDERING)
    (tmp_path / "conf" / "model" / "wandering.yaml").write_text(
        f"_target_: wandering_model.Wandering\nplace: {tmp_path / 'elsewhere'}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    settings = ("degradation=blur,jpeg", "engine.workers=0", "data=folder", f"data.root={folder.name}", "out=sweep")
    outcome = run("bench", "-m", "--config-dir", "conf", "model=wandering", *settings)
    assert outcome.exit_code == 0, outcome.err
    assert (tmp_path / "sweep" / "report.html").is_file()
    assert len(list((tmp_path / "sweep").glob("*_wandering_*/results.sqlite"))) == 2
    assert not list((tmp_path / "elsewhere").iterdir())
    assert run("verify", "sweep").exit_code == 0
