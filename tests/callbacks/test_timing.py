import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch.trainer.states import TrainerFn

from fixtures.tiny_models import pairs, siamese
from fixtures.training_runs import FixedExamples, train
from iqbench.callbacks import timing
from iqbench.callbacks.history import history
from iqbench.callbacks.timing import Timing
from iqbench.interfaces import Pairs


class MemoryLogger:
    """A logger that keeps its entries in memory."""

    def __init__(self) -> None:
        self.entries: list[tuple[int, dict[str, float]]] = []

    def log_metrics(self, values: dict[str, float], step: int) -> None:
        self.entries.append((step, values))


def fake_trainer(processes: int = 1) -> Any:
    return SimpleNamespace(
        is_global_zero=True,
        sanity_checking=False,
        state=SimpleNamespace(fn=TrainerFn.FITTING),
        loggers=[MemoryLogger()],
        world_size=processes,
        global_step=0,
        is_last_batch=False,
    )


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock_time = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(timing, "perf_counter", lambda: clock_time.seconds)
    return clock_time


def batch(size: int) -> Pairs:
    return Pairs(*[torch.zeros(size)] * 5)


def simulate_epoch(
    callback: Timing, trainer: Any, clock: SimpleNamespace, waits: list[float], works: list[float]
) -> None:
    """Simulate an epoch of batches of 10 with the given waiting and training times."""
    callback.on_train_epoch_start(trainer, None)  # type: ignore[arg-type]
    for number, (wait, work) in enumerate(zip(waits, works, strict=True)):
        clock.seconds += wait
        trainer.is_last_batch = number == len(waits) - 1
        callback.on_train_batch_start(trainer, None, batch(10), number)  # type: ignore[arg-type]
        clock.seconds += work
        trainer.global_step += 1
        callback.on_train_batch_end(trainer, None, None, batch(10), number)  # type: ignore[arg-type]


def test_times_are_means_since_the_last_report(clock: SimpleNamespace) -> None:
    trainer = fake_trainer()
    simulate_epoch(Timing(every_n_steps=2), trainer, clock, [1.0, 3.0, 0.0, 0.5], [4.0, 2.0, 1.0, 0.5])
    (first_step, first), (second_step, second) = trainer.loggers[0].entries
    assert (first_step, second_step) == (1, 3)
    assert first == {
        "timing/wait_ms": 2000.0,
        "timing/step_ms": 3000.0,
        "timing/waiting": 0.4,
        "timing/examples_per_s": 2.0,
    }
    assert second["timing/waiting"] == 0.25


def test_the_examples_of_all_processes_count(clock: SimpleNamespace) -> None:
    trainer = fake_trainer(processes=4)
    simulate_epoch(Timing(every_n_steps=1), trainer, clock, [1.0], [1.0])
    assert trainer.loggers[0].entries[0][1]["timing/examples_per_s"] == 20.0


def test_an_epoch_too_short_for_a_report_has_one_at_its_end(clock: SimpleNamespace) -> None:
    trainer, callback = fake_trainer(), Timing(every_n_steps=50)
    for _ in range(2):
        simulate_epoch(callback, trainer, clock, [1.0, 1.0], [1.0, 1.0])
    assert [step for step, _ in trainer.loggers[0].entries] == [1, 3]


def test_the_rest_of_an_epoch_is_not_carried_into_the_next(clock: SimpleNamespace) -> None:
    trainer, callback = fake_trainer(), Timing(every_n_steps=2)
    simulate_epoch(callback, trainer, clock, [0.0, 0.0, 99.0], [1.0, 1.0, 1.0])
    simulate_epoch(callback, trainer, clock, [0.0, 0.0], [1.0, 1.0])
    assert [values["timing/waiting"] for _, values in trainer.loggers[0].entries] == [0.0, 0.0]


def test_validation_is_not_waiting(clock: SimpleNamespace) -> None:
    trainer, callback = fake_trainer(), Timing(every_n_steps=3)
    callback.on_train_epoch_start(trainer, None)  # type: ignore[arg-type]
    for number in range(3):
        callback.on_train_batch_start(trainer, None, batch(1), number)  # type: ignore[arg-type]
        clock.seconds += 1.0
        callback.on_train_batch_end(trainer, None, None, batch(1), number)  # type: ignore[arg-type]
        callback.on_validation_start(trainer, None)  # type: ignore[arg-type]
        clock.seconds += 1000.0
    assert trainer.loggers[0].entries[0][1]["timing/wait_ms"] == 0.0
    assert trainer.loggers[0].entries[0][1]["timing/step_ms"] == 1000.0


def test_a_slow_disk_shows_as_waiting(tmp_path: Path) -> None:
    class Slow(list[Pairs]):
        def __getitem__(self, at: Any) -> Any:
            time.sleep(0.05)
            return super().__getitem__(at)

    train(tmp_path, siamese(), FixedExamples(Slow(pairs(8))), Timing(every_n_steps=2))
    last = history(tmp_path).set_index("tag")["value"]
    assert last["timing/wait_ms"] >= 200
    assert 0.5 < last["timing/waiting"] < 1
    assert 0 < last["timing/examples_per_s"] < 20
