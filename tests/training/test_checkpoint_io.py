import errno
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from fixtures.command_line import TINY, run
from iqbench.errors import DiskError, Stopped
from iqbench.training.checkpoint_io import AtomicCheckpointIO

SHORT = ("trainer.max_epochs=1", "trainer.accelerator=cpu", "examples.workers=0", "degradation=blur")


def test_a_checkpoint_is_written_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"weight": torch.ones(3), "epoch": 2}, path)
    content = AtomicCheckpointIO().load_checkpoint(path)
    assert content["weight"].tolist() == [1, 1, 1]
    assert content["epoch"] == 2
    assert [file.name for file in path.parent.iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_not_written_over_those_that_are(tmp_path: Path, number: float) -> None:
    path = tmp_path / "last.ckpt"
    good = {"state_dict": {"head.weight": torch.ones(3), "steps": torch.tensor(1)}}
    AtomicCheckpointIO().save_checkpoint(good, path)
    with pytest.raises(Stopped, match=r"diverged: head\.weight holds NaN or infinity"):
        AtomicCheckpointIO().save_checkpoint({"state_dict": {"head.weight": torch.tensor([1.0, number])}}, path)
    assert AtomicCheckpointIO().load_checkpoint(path)["state_dict"]["head.weight"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("moment", ["write", "sync", "move"])
def test_a_full_disk_leaves_the_checkpoint_before_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"epoch": 1}, path)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    target: tuple[Any, str] = {"write": (torch, "save"), "sync": (os, "fsync"), "move": (Path, "replace")}[moment]
    monkeypatch.setattr(*target, full)
    with pytest.raises(DiskError, match=r"last\.ckpt: the checkpoint cannot be written \(No space left on device\)"):
        AtomicCheckpointIO().save_checkpoint({"epoch": 2}, path)
    monkeypatch.undo()
    assert AtomicCheckpointIO().load_checkpoint(path) == {"epoch": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


def test_a_training_on_a_full_disk_ends_in_one_line_and_exit_code_74(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(torch, "save", full)
    outcome = run(
        "train", "model=siamese", *TINY, *SHORT, "data=folder", f"data.root={folder}", f"out={tmp_path / 'o'}"
    )
    assert outcome.exit_code == 74
    assert "the checkpoint cannot be written (No space left on device)" in outcome.last_line


def test_a_checkpoint_is_never_read_as_code(tmp_path: Path) -> None:
    class Canary:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "canary",))

    torch.save({"weight": Canary()}, tmp_path / "bad.ckpt")
    with pytest.raises(Exception, match=r"[Ww]eights.only"):
        AtomicCheckpointIO().load_checkpoint(tmp_path / "bad.ckpt", weights_only=False)
    assert not (tmp_path / "canary").exists()


@pytest.mark.slow
def test_averaged_weights_are_what_is_validated_and_kept(folder: Path, tmp_path: Path) -> None:
    common = ("model=ava", *TINY, *SHORT, "data=folder", f"data.root={folder}", "examples.batch_size=2")
    averaged = ("callbacks=[checkpoints,ema]", "callbacks.ema.decay=0.9")
    assert run("train", *common, *averaged, f"out={tmp_path / 'ema'}").exit_code == 0
    assert run("train", *common, "callbacks=[checkpoints]", f"out={tmp_path / 'plain'}").exit_code == 0
    states = [
        torch.load(tmp_path / name / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
        for name in ("ema", "plain")
    ]
    assert states[0].keys() == states[1].keys()
    assert any(not torch.equal(states[1][name], value) for name, value in states[0].items())
    best = tmp_path / "ema" / "checkpoints" / "best.ckpt"
    judged = ("model=ava", f"model.checkpoint={best}", "data=folder", f"data.root={folder}", "degradation=blur")
    assert run("bench", *judged, "engine.workers=0", f"out={tmp_path / 'bench'}").exit_code == 0
