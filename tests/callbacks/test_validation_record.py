from pathlib import Path

import pytest
from lightning.pytorch.callbacks import ModelCheckpoint

from fixtures.tiny_models import siamese
from fixtures.training_runs import logged, pair_examples, train
from iqbench.callbacks.validation_record import ValidationRecord
from iqbench.training.outcome import best_validation, compared_metrics


def test_every_validation_is_recorded_and_the_best_is_that_of_the_checkpoint(tmp_path: Path) -> None:
    record, best = ValidationRecord(), ModelCheckpoint(tmp_path, monitor="val/loss")
    options = {"max_epochs": 3, "val_check_interval": 1, "num_sanity_val_steps": 1, "enable_checkpointing": True}
    trainer = train(tmp_path, siamese(), pair_examples(), record, best, **options)
    losses = logged(tmp_path, "val/loss")
    assert [validation["epoch"] for validation in record.validations] == [0, 0, 1, 1, 2, 2]
    assert [v["metrics"]["val/loss"] for v in record.validations] == pytest.approx(list(losses.values()))
    found = best_validation(trainer, record.validations)
    assert found is not None
    assert found["metrics"]["val/loss"] == pytest.approx(float(best.best_model_score or 0.0))
    compared = compared_metrics(trainer, record.validations)
    assert compared["epoch"] == found["epoch"]
    assert compared["metrics"]["best/val/loss"] == pytest.approx(min(losses.values()))
    assert compared["metrics"]["final/val/loss"] == pytest.approx(list(losses.values())[-1])
    assert {"best/val/accuracy", "final/val/accuracy", "final/train/loss"} <= compared["metrics"].keys()


def test_the_record_of_a_resumed_training_has_the_validations_of_before(tmp_path: Path) -> None:
    last = ModelCheckpoint(tmp_path, filename="last", enable_version_counter=False)
    train(tmp_path, siamese(), pair_examples(), ValidationRecord(), last, max_epochs=2, enable_checkpointing=True)
    record = ValidationRecord()
    again = ModelCheckpoint(tmp_path, filename="last", enable_version_counter=False)
    options = {"max_epochs": 3, "enable_checkpointing": True, "ckpt_path": tmp_path / "last.ckpt"}
    train(tmp_path, siamese(), pair_examples(), record, again, **options)  # type: ignore[arg-type]
    assert [validation["epoch"] for validation in record.validations] == [0, 1, 2]
