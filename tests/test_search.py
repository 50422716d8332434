"""Sweeps of trainings, and searches for hyperparameters."""

from pathlib import Path

import pandas as pd
import pytest
from omegaconf import OmegaConf

from fixtures.command_line import TINY, Outcome, run
from iqbench.reporting.training_table import TABLE_FILE
from iqbench.training.outcome import OUTCOME_FILE
from iqbench.training.outcome import Outcome as TrainingOutcome

pytestmark = pytest.mark.filterwarnings("ignore:The ``declarative_base")  # Optuna 2 calls SQLAlchemy 2

SHORT = ("trainer=cpu", "trainer.max_epochs=1", "examples.workers=0", "degradation=blur", "logger=none")
SEARCH = ("-m", "hparams_search=siamese_optuna", "hydra.sweeper.n_trials=3")


@pytest.fixture
def common(folder: Path, tmp_path: Path) -> tuple[str, ...]:
    return (*TINY, *SHORT, "data=folder", f"data.root={folder}", f"out={tmp_path / 'out'}")


def outcomes(root: Path) -> dict[str, TrainingOutcome]:
    return {
        file.parent.name: TrainingOutcome.model_validate_json(file.read_bytes())
        for file in sorted(root.glob(f"*/{OUTCOME_FILE}"))
    }


def best_parameters(root: Path) -> dict[str, object]:
    return OmegaConf.to_container(OmegaConf.load(root / "optimization_results.yaml"))  # type: ignore[return-value]


def test_a_search_optimises_the_metric_that_the_trainings_return(common: tuple[str, ...], tmp_path: Path) -> None:
    outcome = run("train", *SEARCH, *common)
    assert outcome.exit_code == 0, outcome.err
    trials = outcomes(tmp_path / "out")
    assert [trial.metric for trial in trials.values()] == ["val/accuracy"] * 3
    best = best_parameters(tmp_path / "out")
    assert best["best_value"] == max(trial.value for trial in trials.values())  # type: ignore[type-var]
    assert set(best["best_params"]) == {  # type: ignore[call-overload]
        "model.optimizer.lr", "model.optimizer.backbone_lr", "model.dropout", "model.head_width",
    }  # fmt: skip
    assert f"best val/accuracy: {best['best_value']:.4g}" in outcome.out
    table = pd.read_csv(tmp_path / "out" / TABLE_FILE)
    assert set(best["best_params"]) <= set(table.columns)  # type: ignore[call-overload]
    assert table["value"].is_monotonic_decreasing
    assert outcome.err.count("optimized_metric:") == 1  # the config tree is printed once


@pytest.mark.slow
def test_a_trial_that_fails_does_not_end_the_search_but_is_no_success(common: tuple[str, ...], tmp_path: Path) -> None:
    space = "model.optimizer.lr=choice(1e30,0.001)"
    outcome = run("train", *SEARCH, *common, "examples.batch_size=1", space, "hydra.sweeper.n_trials=4")
    assert outcome.exit_code == 1
    assert "the training diverged" in outcome.err
    assert "Traceback" not in outcome.err
    assert 0 < len(outcomes(tmp_path / "out")) < 4
    assert best_parameters(tmp_path / "out")["best_params"]["model.optimizer.lr"] == 0.001  # type: ignore[index]
    failed = 4 - len(outcomes(tmp_path / "out"))
    assert outcome.last_line.startswith(f"{failed} jobs failed: ")


def test_a_search_in_which_all_trials_fail_ends_in_one_line(common: tuple[str, ...]) -> None:
    outcome = run("train", *SEARCH, *common, "optimized_metric=val/nothing", "hydra.sweeper.n_trials=1")
    assert outcome.exit_code == 1
    assert "optimized_metric=val/nothing: not logged" in outcome.err
    assert outcome.last_line == "iqbench.train: all trials of the search failed, for the reasons above"
    assert "Traceback" not in outcome.err


def test_a_search_without_optuna_names_the_extra(monkeypatch: pytest.MonkeyPatch, common: tuple[str, ...]) -> None:
    outcome: Outcome = run("train", "-m", "hydra/launcher=ray", *common)
    assert outcome.exit_code == 2
    assert "hydra/launcher=ray: the plugin is not installed: pip install 'iqbench[ray]'" in outcome.last_line


@pytest.mark.slow
def test_a_sweep_of_trainings_names_the_best_job(common: tuple[str, ...], tmp_path: Path) -> None:
    outcome = run("train", "-m", "model=siamese,ava", *common)
    assert outcome.exit_code == 0, outcome.err
    trained = outcomes(tmp_path / "out")
    assert list(trained) == ["0_siamese", "1_ava"]
    best = min(trained, key=lambda job: trained[job].value or 0.0)
    assert f"best val/loss: {trained[best].value:.4g}, job {best} of 2" in outcome.out
    assert outcome.out.count("python -m iqbench.") == 1  # of the best job only
    assert "python -m" not in outcome.err


@pytest.mark.slow
def test_a_job_of_a_sweep_that_fails_leaves_the_others_and_sets_the_exit_code(
    common: tuple[str, ...], tmp_path: Path
) -> None:
    outcome = run("train", "-m", "model=iqa,siamese", *common[2:])
    assert outcome.exit_code == 2
    assert "0_iqa: model=iqa: follows rules" in outcome.err
    assert list(outcomes(tmp_path / "out")) == ["1_siamese"]
    assert outcome.last_line == "1 jobs failed: 0_iqa"


def test_a_single_training_warns_of_a_metric_that_is_not_logged(common: tuple[str, ...], tmp_path: Path) -> None:
    outcome = run("train", *common, "optimized_metric=val/nothing")
    assert outcome.exit_code == 0, outcome.err
    assert "optimized_metric=val/nothing: not logged" in outcome.err
    content = TrainingOutcome.model_validate_json((tmp_path / "out" / OUTCOME_FILE).read_bytes())
    assert content.value is None
    assert content.checkpoint == str(tmp_path / "out" / "checkpoints" / "best.ckpt")
