"""Keys of Lightning's Trainer: each works, or one line says which key to use instead."""

from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import Checkpoint, ProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from omegaconf import DictConfig

from fixtures.command_line import TINY, run
from iqbench import config
from iqbench.errors import UsageError
from iqbench.training.trainer import make_trainer

SHORT = (
    "model=siamese",
    *TINY,
    "model.size=32",
    "trainer=cpu",
    "trainer.max_epochs=1",
    "examples.workers=0",
    "degradation=blur",
    "print_config=false",
)


def composed(folder: Path, *overrides: str) -> DictConfig:
    node = config.compose("train", ["trainer=cpu", "callbacks=[checkpoints,progress]", *overrides])
    text = config.OmegaConf.to_yaml(DictConfig({key: node[key] for key in ("trainer", "callbacks", "logger")}))
    return config.OmegaConf.create(text.replace("${hydra:runtime.output_dir}", str(folder)))  # type: ignore[return-value]


def trainer(folder: Path, *overrides: str) -> lightning.Trainer:
    return make_trainer(composed(folder, *overrides), folder)


def has(made: lightning.Trainer, kind: type) -> bool:
    return any(isinstance(callback, kind) for callback in made.callbacks)  # type: ignore[attr-defined]


@pytest.mark.parametrize("override", ["+trainer.logger=false", "logger=none"])
def test_a_trainer_can_be_without_a_logger(tmp_path: Path, override: str) -> None:
    assert trainer(tmp_path, override).loggers == []


@pytest.mark.parametrize("override", ["+trainer.logger=true", "+trainer.logger=null", "+trainer.callbacks=[]"])
def test_values_that_change_nothing_are_taken(tmp_path: Path, override: str) -> None:
    made = trainer(tmp_path, override)
    assert [type(logger) for logger in made.loggers] == [TensorBoardLogger]
    assert has(made, Checkpoint)


def test_the_progress_bar_can_be_switched_off_and_on(tmp_path: Path) -> None:
    assert has(trainer(tmp_path), ProgressBar)
    assert not has(trainer(tmp_path, "+trainer.enable_progress_bar=false"), ProgressBar)
    assert not has(trainer(tmp_path, "callbacks=[checkpoints]"), ProgressBar)
    assert has(trainer(tmp_path, "callbacks=[checkpoints]", "+trainer.enable_progress_bar=true"), ProgressBar)


@pytest.mark.parametrize("override", ["+trainer.enable_checkpointing=false", "callbacks=[progress]"])
def test_a_trainer_can_be_without_checkpoints(tmp_path: Path, override: str) -> None:
    assert not has(trainer(tmp_path, override), Checkpoint)


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("+trainer.callbacks=[x]", r"trainer\.callbacks=.*not used here; choose callbacks by name, such as callbacks="),
        ("+trainer.default_root_dir=/x", r"trainer\.default_root_dir=/x: not used here; out= is the folder"),
        ("+trainer.overfit_batches=0.5", r"trainer\.overfit_batches=0\.5: not used here; use examples\.overfit=N"),
        ("trainer.use_distributed_sampler=true", r"trainer\.use_distributed_sampler=True: not used here; the data"),
        ("+trainer.barebones=true", r"trainer\.barebones=True: not used here; "),
        ("+trainer.logger=csv", r"trainer\.logger=csv: choose loggers by name, such as logger=\[tensorboard,csv\]"),
        ("trainer.precision=64-true", r"trainer\.precision=64-true: the models compute in 32-true, bf16-mixed"),
        ("trainer.precision=64", r"trainer\.precision=64: the models compute in 32-true, bf16-mixed"),
        ("+trainer.max_time=soon", r"trainer: .*not a valid duration"),
        ("+trainer.loger=false", r"trainer\.loger: lightning\.Trainer has no such setting\. Did you mean 'logger'"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_with_the_key_to_use(tmp_path: Path, override: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as error:
        trainer(tmp_path, override)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("accelerator", ["gpu", "cuda", "mps"])
def test_an_accelerator_that_is_missing_is_named(
    tmp_path: Path, accelerator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("lightning.pytorch.accelerators.CUDAAccelerator.is_available", lambda: False)
    monkeypatch.setattr("lightning.pytorch.accelerators.MPSAccelerator.is_available", lambda: False)
    with pytest.raises(UsageError, match=rf"trainer\.accelerator={accelerator}: this machine has none.*trainer=cpu"):
        trainer(tmp_path, f"trainer.accelerator={accelerator}")


def test_a_profile_is_written_into_the_folder(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = (*SHORT, "data=folder", f"data.root={folder}", f"out={out}", "callbacks=[checkpoints]", "logger=none")
    outcome = run("train", *arguments, "+trainer.profiler=simple")
    assert outcome.exit_code == 0, outcome.err
    assert f"trainer.profiler=simple: written to {out / 'fit-profile.txt'} at the end" in outcome.err
    assert "run_training_batch" in (out / "fit-profile.txt").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "exit_code", "line"),
    [
        (["+trainer.max_steps=1"], 0, "last checkpoint (nothing was validated, so that no epoch is the best): "),
        (["trainer.limit_val_batches=0"], 0, "last checkpoint (nothing was validated, so that no epoch is the best): "),
        (["+trainer.check_val_every_n_epoch=2"], 0, "last checkpoint (nothing was validated"),
        (["~callbacks.best"], 0, "last checkpoint (callbacks.best is left out"),
        (["+trainer.enable_checkpointing=false"], 0, "no checkpoint was kept: callbacks=[checkpoints,...] keeps them"),
        (["callbacks=[telemetry]"], 0, "no checkpoint was kept: callbacks=[checkpoints,...] keeps them"),
        (["trainer.limit_train_batches=0"], 2, "no checkpoint was written, since no step was taken"),
        (["+trainer.val_check_interval=1000"], 2, "iqbench.train: trainer: `val_check_interval` (1000) must be less"),
        (["+trainer.val_check_interval=1"], 0, "best checkpoint: "),
        (["+trainer.detect_anomaly=true", "+trainer.deterministic=true"], 0, "best checkpoint: "),
        (["trainer.num_sanity_val_steps=2", "+trainer.max_time=00:00:05:00"], 0, "best checkpoint: "),
        (["~callbacks.last", "~callbacks.final_metrics", "~callbacks.timing"], 0, "best checkpoint: "),
    ],
    ids=str,
)
def test_a_training_says_which_checkpoint_it_kept(
    folder: Path, tmp_path: Path, options: list[str], exit_code: int, line: str
) -> None:
    outcome = run("train", *SHORT, "data=folder", f"data.root={folder}", f"out={tmp_path / 'out'}", *options)
    assert outcome.exit_code == exit_code, outcome.err
    assert line in outcome.err
    assert "Traceback" not in outcome.err
    printed: Any = "python -m iqbench.bench" in outcome.err
    assert printed == (exit_code == 0 and "no checkpoint" not in line)
