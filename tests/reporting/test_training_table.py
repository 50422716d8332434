"""The table of a sweep of trainings."""

import io
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from fixtures.command_line import run
from iqbench.errors import UsageError
from iqbench.reporting.training_table import TABLE_FILE, export, is_for, show
from iqbench.results.summary import FailedJob
from iqbench.training.outcome import OUTCOME_FILE, Outcome


def training(
    root: Path, job: str, overrides: list[str], value: float | None, metric: str = "val/loss", **metrics: float
) -> Path:
    """Write the files of a training that has ended; without a value, of one that failed."""
    folder = root / job
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "overrides.yaml").write_text("".join(f"- {override}\n" for override in overrides))
    if value is not None:
        values = {name.replace("__", "/"): number for name, number in metrics.items()}
        Outcome(
            checkpoint=f"/x/{job}/best.ckpt",
            metric=metric,
            value=value,
            epoch=2,
            metrics=values,
            next_commands=[f"python -m iqbench.bench model.checkpoint=/x/{job}/best.ckpt"],
        ).write(folder)
    return folder


def printed(sweep: object) -> str:
    console = Console(file=io.StringIO(), width=120)
    show(sweep, console)  # type: ignore[arg-type]
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    fixed = ["data=folder", "trainer.max_epochs=3"]
    training(tmp_path, "0_siamese", [*fixed, "model.optimizer.lr=1e-4"], 0.7, best__val__loss=0.7, final__val__loss=0.9)
    training(tmp_path, "1_siamese", [*fixed, "model.optimizer.lr=1e-3"], 0.5, best__val__loss=0.5, final__val__loss=0.6)
    training(tmp_path, "2_siamese", [*fixed, "model.optimizer.lr=1e30"], None)
    training(tmp_path, "10_siamese", [*fixed, "model.optimizer.lr=1e-2", "+x=1"], 0.6, best__val__loss=0.6)
    return tmp_path


FAILED = [FailedJob(job="2_siamese", exit_code=1, error="the training diverged, said [it]")]


def test_the_best_job_is_first_the_failed_one_last_and_only_swept_settings_are_columns(root: Path) -> None:
    sweep = export(root, FAILED, [root / job for job in ("0_siamese", "1_siamese", "10_siamese")])
    table = pd.read_csv(root / TABLE_FILE)
    assert table["job"].tolist() == ["1_siamese", "10_siamese", "0_siamese", "2_siamese"]
    assert table["model.optimizer.lr"].tolist() == [1e-3, 1e-2, 1e-4, 1e30]
    assert {"x", "model.optimizer.lr"} == {*sweep.settings}
    assert table["best/val/loss"].tolist()[:3] == [0.5, 0.6, 0.7]
    assert table["final/val/loss"].tolist()[::2] == [0.6, 0.9]
    assert table["epoch"].tolist()[:3] == [2, 2, 2]
    assert table["status"].tolist() == ["ok", "ok", "ok", "failed"]
    assert table["error"].tolist()[3] == "the training diverged, said [it]"
    assert sweep.best is not None
    assert sweep.best.checkpoint == "/x/1_siamese/best.ckpt"


def test_the_terminal_shows_the_table_the_failure_and_the_commands_of_the_best_job(root: Path) -> None:
    lines = printed(export(root, FAILED, [root / job for job in ("0_siamese", "1_siamese", "10_siamese")])).splitlines()
    assert lines[0].startswith("4 trainings, best val/loss first")
    rows = [line.split()[0] for line in lines if "_siamese" in line]
    assert rows[:5] == ["1_siamese", "10_siamese", "0_siamese", "2_siamese", "2_siamese"]
    assert "2_siamese failed: the training diverged, said [it]" in lines
    assert lines[-3:] == [
        "best val/loss: 0.5, job 1_siamese of 4",
        "best checkpoint: /x/1_siamese/best.ckpt",
        "python -m iqbench.bench model.checkpoint=/x/1_siamese/best.ckpt",
    ]


@pytest.mark.parametrize(("metric", "best"), [("val/srcc", "b"), ("val/accuracy", "b"), ("val/rmse", "a")])
def test_a_metric_that_grows_is_best_where_it_is_highest(tmp_path: Path, metric: str, best: str) -> None:
    places = [training(tmp_path, "a", ["seed=1"], 0.2, metric), training(tmp_path, "b", ["seed=2"], 0.4, metric)]
    assert export(tmp_path, [], places).table["job"][0] == best


def test_jobs_with_other_metrics_are_said_to_be_incomparable(tmp_path: Path) -> None:
    places = [
        training(tmp_path, "a", ["model=siamese"], 0.2, best__val__loss=0.2, best__val__accuracy=0.5),
        training(tmp_path, "b", ["model=ava"], 0.4, best__val__loss=0.4, best__val__srcc=0.5),
    ]
    assert "some jobs have other metrics than others: their val/loss cannot be compared" in printed(
        export(tmp_path, [], places)
    )


def test_a_sweep_in_which_every_job_failed_has_a_table_of_failures(root: Path) -> None:
    text = printed(export(root, FAILED, []))
    assert "2_siamese failed: the training diverged" in text
    assert "best checkpoint" not in text


def test_report_makes_the_table_again(root: Path) -> None:
    outcome = run("report", root)
    assert outcome.exit_code == 0, outcome.err
    assert "best val/loss: 0.5, job 1_siamese of 3" in outcome.out
    assert pd.read_csv(root / TABLE_FILE)["job"].tolist() == ["1_siamese", "10_siamese", "0_siamese"]


def test_a_folder_with_a_benchmark_is_reported_as_one(root: Path) -> None:
    assert is_for(root)
    (root / "0_siamese" / "results.sqlite").touch()
    assert not is_for(root)


def test_a_damaged_outcome_is_named(root: Path) -> None:
    (root / "1_siamese" / OUTCOME_FILE).write_text("{")
    with pytest.raises(UsageError, match=r"1_siamese.outcome\.json: cannot be read"):
        export(root, [], [root])
