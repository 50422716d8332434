import logging
from pathlib import Path
from typing import Any

import pytest

from fixtures.tiny_models import ava, siamese
from fixtures.training_runs import pair_examples, train, vote_examples
from iqbench.callbacks.epoch_line import EpochLine


@pytest.fixture(autouse=True)
def log_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="iqbench.callbacks.epoch_line")


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [entry.getMessage() for entry in caplog.records if entry.name == "iqbench.callbacks.epoch_line"]


def test_each_validation_is_one_line_with_its_baseline(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = siamese()
    model.measures = lambda *_: {"accuracy": 0.7131, "constant_accuracy": 0.52}  # type: ignore[method-assign]
    trainer = train(tmp_path, model, pair_examples(), EpochLine(), max_epochs=2)
    first, second = lines(caplog)
    assert first.startswith("epoch 0: val/loss 0.")
    loss = float(trainer.callback_metrics["val/loss"])
    assert second == f"epoch 1: val/loss {loss:.3f}, val/accuracy 71.3 % (a constant answer: 52.0 %)"


def test_a_value_of_an_earlier_validation_is_not_repeated_where_this_one_has_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = ava()
    results: list[dict[str, Any]] = [{"srcc": 0.61}, {"srcc": None}, {"srcc": 0.61}]
    model.measures = lambda *_: results.pop(0)  # type: ignore[method-assign]
    train(tmp_path, model, vote_examples(), EpochLine(), max_epochs=3)
    assert [line.partition("val/srcc ")[2] for line in lines(caplog)] == ["0.610", "undefined", "0.610"]
