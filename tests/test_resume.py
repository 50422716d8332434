"""A training that was killed goes on as if nothing had happened."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from fixtures.command_line import TINY, run
from iqbench.models.siamese import Siamese

RECIPE = (
    "model=siamese",
    *TINY,
    "trainer.accelerator=cpu",
    "trainer.max_epochs=2",
    "degradation=blur",
    "examples.batch_size=2",
    "callbacks.steps.every_n_train_steps=3",
)


def command(folder: Path, out: Path) -> list[str]:
    options = (*RECIPE, "data=folder", f"data.root={folder}", f"out={out}")
    return [sys.executable, "-m", "iqbench.train", *options]


def content(out: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = torch.load(out / "checkpoints" / "last.ckpt", weights_only=True)
    return loaded


def stopped(folder: Path, out: Path, how: signal.Signals, step: int) -> int:
    """Start a training of its own, stop it as soon as a checkpoint is that far, and return how it ended."""
    process = subprocess.Popen(command(folder, out), stderr=subprocess.PIPE, text=True)
    path = out / "checkpoints" / "last.ckpt"
    try:
        while process.poll() is None:
            if path.is_file() and content(out)["global_step"] >= step:
                process.send_signal(how)
                break
            time.sleep(0.02)  # polls another process; nothing depends on how long it takes
        process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode


@pytest.fixture
def many(tmp_path: Path) -> Path:
    from PIL import Image

    from fixtures.photos import noisy_gradient

    root = tmp_path / "many"
    root.mkdir()
    for at in range(12):
        Image.fromarray(noisy_gradient(300, 400, seed=at)).save(root / f"{at}.png")
    return root


@pytest.mark.slow
@pytest.mark.parametrize(("how", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143)])
def test_a_training_that_was_stopped_in_mid_epoch_ends_bit_equal(
    many: Path, tmp_path: Path, how: signal.Signals, code: int
) -> None:
    assert run("train", *command(many, tmp_path / "whole")[3:]).exit_code == 0
    complete_run = content(tmp_path / "whole")
    steps = complete_run["global_step"]
    assert stopped(many, tmp_path / "killed", how, step=steps // 4) == code
    halfway = content(tmp_path / "killed")
    assert 0 < halfway["global_step"] < steps
    resumed_outcome = run("train", *command(many, tmp_path / "killed")[3:])
    assert resumed_outcome.exit_code == 0, resumed_outcome.err
    assert "resuming from" in resumed_outcome.err
    resumed = content(tmp_path / "killed")
    assert resumed["global_step"] == steps
    for name, value in complete_run["state_dict"].items():
        assert torch.equal(resumed["state_dict"][name], value), name
    best = [torch.load(tmp_path / run / "checkpoints" / "best.ckpt", weights_only=True) for run in ("whole", "killed")]
    assert best[0]["epoch"] == best[1]["epoch"]
    assert all(torch.equal(best[1]["state_dict"][name], value) for name, value in best[0]["state_dict"].items())


@pytest.mark.slow
def test_the_same_folder_with_another_recipe_is_refused_and_names_the_difference(folder: Path, tmp_path: Path) -> None:
    arguments = (*RECIPE, "trainer.max_epochs=1", "data=folder", f"data.root={folder}", f"out={tmp_path / 'out'}")
    assert run("train", *arguments).exit_code == 0
    outcome = run("train", *arguments, "examples.batch_size=4")
    assert outcome.exit_code == 2
    assert "was trained with examples.batch_size=2, not 4" in outcome.last_line
    modified_ns = (tmp_path / "out" / "checkpoints" / "last.ckpt").stat().st_mtime_ns
    assert run("train", *arguments, "examples.workers=0").exit_code == 0  # changes nothing that is learned
    assert run("train", *arguments, "data.cluster=photo").exit_code == 0
    assert (tmp_path / "out" / "checkpoints" / "last.ckpt").stat().st_mtime_ns >= modified_ns


def test_ctrl_c_ends_a_training_with_130_and_the_same_command_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Siamese, batch: Any, index: int) -> torch.Tensor:
        if self.global_step == 3:
            raise KeyboardInterrupt
        return step(self, batch, index)

    arguments = (*RECIPE, "examples.workers=0", "data=folder", f"data.root={folder}", f"out={tmp_path}")
    original_handler, step = signal.getsignal(signal.SIGINT), Siamese.training_step
    with monkeypatch.context() as patched:
        patched.setattr(Siamese, "training_step", interrupted)
        outcome = run("train", *arguments)
    signal.signal(signal.SIGINT, original_handler)  # Lightning leaves it ignored, for a process that ends
    assert outcome.exit_code == 130
    assert outcome.last_line == "iqbench.train: interrupted; the same command resumes it"
    assert content(tmp_path)["global_step"] == 3
    resumed_outcome = run("train", *arguments)
    assert resumed_outcome.exit_code == 0, resumed_outcome.err
    assert "resuming from" in resumed_outcome.err


def test_a_recipe_in_a_checkpoint_is_data_and_never_built(folder: Path, tmp_path: Path) -> None:
    arguments = (*RECIPE, "trainer.max_epochs=1", "examples.workers=0", "data=folder", f"data.root={folder}")
    assert run("train", *arguments, f"out={tmp_path / 'out'}").exit_code == 0
    last, canary = tmp_path / "out" / "checkpoints" / "last.ckpt", tmp_path / "canary"
    evil = content(tmp_path / "out")
    call = {"_target_": "pathlib.Path.touch", "_args_": [{"_target_": "pathlib.Path", "_args_": [str(canary)]}]}
    evil["iqbench"]["recipe"]["data"] = call
    evil["iqbench"]["trained_on"]["what"] = call
    evil["hyper_parameters"]["schedule"] = call
    torch.save(evil, last)
    outcome = run("train", *arguments, f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 2
    assert "was trained with data._args_=" in outcome.last_line
    run("train", *arguments, f"ckpt_path={last}", f"out={tmp_path / 'other'}")
    assert not canary.exists()
