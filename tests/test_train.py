"""Training from end to end, as a user calls it."""

import gc
import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import lightning
import pytest
import torch

from fixtures.command_line import TINY, run
from iqbench.datasets.degraded_examples import DegradedPairs
from iqbench.errors import LockedError
from iqbench.io import lock
from iqbench.models.siamese import Siamese
from iqbench.train import alone_in
from iqbench.training.processes import RANKS

SHORT = (
    "trainer.max_epochs=1",
    "trainer.accelerator=cpu",
    "trainer.log_every_n_steps=1",
    "examples.workers=0",
    "degradation=blur",
)


@pytest.fixture(autouse=True)
def no_loader_outlives_its_training() -> Iterator[None]:
    """A loader process ends with its iterator, which an error may hold until the next collection of garbage."""
    yield
    gc.collect()
    assert not multiprocessing.active_children()


@pytest.mark.slow
@pytest.mark.parametrize("model", ["siamese", "ava"])
def test_a_trained_checkpoint_benchmarks_and_says_that_no_human_label_is_in_it(
    folder: Path, tmp_path: Path, model: str
) -> None:
    photos = ("data=folder", f"data.root={folder}")
    outcome = run("train", f"model={model}", *TINY, *SHORT, *photos, f"out={tmp_path / 'train'}")
    assert outcome.exit_code == 0, outcome.err
    assert "self-supervised on degraded copies" in outcome.err
    best = tmp_path / "train" / "checkpoints" / "best.ckpt"
    content = torch.load(best, weights_only=True)
    assert "without any human label" in content["iqbench"]["trained_on"]["what"]
    assert list((tmp_path / "train" / "tensorboard").rglob("events.out.tfevents.*"))

    judged = run(
        "bench",
        f"model={model}",
        f"model.checkpoint={best}",
        *photos,
        "degradation=blur",
        "engine.workers=0",
        f"out={tmp_path / 'bench'}",
    )
    assert judged.exit_code == 0, judged.err
    summary = json.loads((tmp_path / "bench" / "summary.json").read_text())
    assert summary["models"][model]["photos_seen_in_training"] == len(list(folder.iterdir()))
    assert "3 of 3 photos were in its training data" in (tmp_path / "bench" / "KEY_TAKEAWAYS.md").read_text()
    assert f"{model} is not held out: it was trained on 3 of these photos" in " ".join(judged.out.split())


def test_training_resumes_where_it_stopped(folder: Path, tmp_path: Path) -> None:
    common = ("model=siamese", *TINY, *SHORT, "data=folder", f"data.root={folder}")
    run("train", *common, f"out={tmp_path / 'first'}")
    last = tmp_path / "first" / "checkpoints" / "last.ckpt"
    outcome = run("train", *common, "trainer.max_epochs=2", f"ckpt_path={last}", f"out={tmp_path / 'second'}")
    assert outcome.exit_code == 0, outcome.err
    resumed = torch.load(tmp_path / "second" / "checkpoints" / "last.ckpt", weights_only=True)
    assert (torch.load(last, weights_only=True)["epoch"], resumed["epoch"]) == (0, 1)


def test_resuming_another_architecture_is_refused_in_one_line(folder: Path, tmp_path: Path) -> None:
    common = ("model=siamese", *TINY, *SHORT, "data=folder", f"data.root={folder}")
    run("train", *common, f"out={tmp_path / 'first'}")
    last = tmp_path / "first" / "checkpoints" / "last.ckpt"
    outcome = run("train", *common, "model.head_width=16", f"ckpt_path={last}", f"out={tmp_path / 'second'}")
    assert outcome.exit_code == 2
    assert "trained with model.head_width=256, but model.head_width=16 was given" in outcome.last_line


def test_a_frozen_backbone_of_another_kind_leaves_no_head_that_nothing_could_complete(
    folder: Path, tmp_path: Path
) -> None:
    common = ("model=siamese", *TINY, *SHORT, "data=folder", f"data.root={folder}")
    outcome = run("train", *common, "model.frozen=true", f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 0, outcome.err
    assert {path.name for path in (tmp_path / "out" / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}


@pytest.mark.slow
def test_a_frozen_packaged_backbone_leaves_a_head_small_enough_to_share(folder: Path, tmp_path: Path) -> None:
    outcome = run(
        "train",
        "model=ava",
        "model.frozen=true",
        *SHORT,
        "trainer.limit_train_batches=2",
        "trainer.limit_val_batches=1",
        "data=folder",
        f"data.root={folder}",
        f"out={tmp_path / 'train'}",
    )
    assert outcome.exit_code == 0, outcome.err
    head = tmp_path / "train" / "checkpoints" / "head.safetensors"
    assert head.stat().st_size < 3_000_000
    judged = run(
        "bench",
        "model=ava",
        f"model.checkpoint={head}",
        "data=folder",
        f"data.root={folder}",
        "degradation=crop_center",
        f"out={tmp_path / 'bench'}",
    )
    assert judged.exit_code == 0, judged.err


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("trainer.precision=bf17", "trainer: Precision 'bf17' is invalid"),
        ("trainer.accelerator=tpu", "trainer: "),
        ("trainer.max_epochs=0", "PLACE: no checkpoint was written, since no step was taken; are trainer.max_epochs"),
        ("trainer.max_epochs=-7", "trainer: "),
        ("trainer.accumulate_grad_batches=0", "trainer.accumulate_grad_batches=0: must be at least 1"),
        ("callbacks.steps.every_n_train_steps=-1", "callbacks: Invalid value for every_n_train_steps=-1"),
        ("callbacks.gradients.every_n_steps=0", "callbacks.gradients.every_n_steps=0: must be at least 1"),
        ("callbacks.label_shares.every_n_steps=0", "callbacks.label_shares.every_n_steps=0: must be at least 1"),
        ("callbacks.timing.every_n_steps=0", "callbacks.timing.every_n_steps=0: must be at least 1"),
        ("self_supervision.votes.spread=0", "self_supervision.votes.spread=0: must be from 0.1 to 10"),
        ("callbacks.best.monitor=val/nothing", "trainer or callbacks: "),
    ],
)
def test_a_setting_of_training_that_cannot_be_used_ends_in_one_line(
    folder: Path, tmp_path: Path, setting: str, reason: str
) -> None:
    common = ("model=siamese", *TINY, *SHORT, "data=folder", f"data.root={folder}", f"out={tmp_path / 'out'}")
    outcome = run("train", *common, setting)
    assert outcome.exit_code == 2
    assert outcome.last_line.startswith(f"iqbench.train: {reason.replace('PLACE', str(tmp_path / 'out'))}")
    assert "Traceback" not in outcome.err


def test_a_training_that_diverges_ends_in_one_line_and_leaves_no_checkpoint_of_it(folder: Path, tmp_path: Path) -> None:
    common = ("model=siamese", *TINY, *SHORT, "data=folder", f"data.root={folder}", "examples.batch_size=1")
    outcome = run("train", *common, "model.optimizer.lr=1e30", f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 1
    assert outcome.last_line.startswith("iqbench.train: the training diverged: the loss of step ")
    assert "Traceback" not in outcome.err
    assert "best checkpoint" not in outcome.err
    assert not list((tmp_path / "out").rglob("*.ckpt"))


def test_a_training_that_diverges_later_keeps_the_checkpoints_of_before(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverging(self: Siamese, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return margin(self, first, second) * (1.0 if self.current_epoch < 1 else torch.nan)

    margin = Siamese.margin
    monkeypatch.setattr(Siamese, "margin", diverging)
    common = ("model=siamese", *TINY, *SHORT, "data=folder", f"data.root={folder}", f"out={tmp_path / 'out'}")
    outcome = run("train", *common, "trainer.max_epochs=3")
    assert outcome.exit_code == 1
    for name in ("best", "last"):
        content = torch.load(tmp_path / "out" / "checkpoints" / f"{name}.ckpt", weights_only=True)
        assert content["epoch"] == 0
        assert all(value.isfinite().all() for value in content["state_dict"].values())


def test_a_folder_that_another_run_writes_into_is_refused_with_exit_code_5(folder: Path, tmp_path: Path) -> None:
    common = ("model=siamese", *TINY, *SHORT, "data=folder", f"data.root={folder}", f"out={tmp_path}")
    with lock(tmp_path):
        outcome = run("train", *common)
    assert outcome.exit_code == 5
    assert (
        outcome.last_line
        == f"iqbench.train: {tmp_path}: another run is writing here; wait for it or choose another out="
    )
    assert not (tmp_path / "checkpoints").exists()


def test_the_other_processes_of_a_training_share_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for rank in RANKS:
        monkeypatch.setenv(rank, "0")
    with lock(tmp_path), pytest.raises(LockedError), alone_in(tmp_path):
        pass
    for rank in RANKS:
        monkeypatch.setenv(rank, "1")
        with lock(tmp_path), alone_in(tmp_path):
            pass
        monkeypatch.setenv(rank, "0")


def vanishing(folder: Path, name: str) -> Callable[..., None]:
    def vanish(self: lightning.Trainer, *_: object, **__: object) -> None:
        (folder / name).unlink(missing_ok=True)
        fit(self, *_, **__)  # type: ignore[arg-type]

    fit = lightning.Trainer.fit
    return vanish


@pytest.mark.parametrize("workers", [0, 1])
def test_a_photo_that_vanishes_when_training_has_begun_ends_it_in_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setattr(lightning.Trainer, "fit", vanishing(folder, "b.png"))
    common = ("model=siamese", *TINY, *SHORT, "data=folder", f"data.root={folder}", f"out={tmp_path / 'out'}")
    outcome = run("train", *common, f"examples.workers={workers}")
    assert outcome.exit_code == 2
    assert outcome.last_line == (
        f"iqbench.train: {folder / 'b.png'}: could be read when training began, but not now: "
        "no such file, or it is no longer there"
    )
    assert "Traceback" not in outcome.err


@pytest.mark.slow
def test_a_worker_that_dies_ends_the_training_in_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(DegradedPairs, "__getitem__", killed)
    common = ("model=siamese", *TINY, *SHORT, "data=folder", f"data.root={folder}", f"out={tmp_path / 'out'}")
    outcome = run("train", *common, "examples.workers=1")
    assert outcome.exit_code == 1
    assert outcome.last_line.startswith("iqbench.train: a loader process died (DataLoader worker (pid")
    assert "Traceback" not in outcome.err
