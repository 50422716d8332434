from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from lightning.pytorch.callbacks import ModelCheckpoint
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from fixtures.tiny_models import siamese
from fixtures.training_runs import FixedExamples, logged, pair_examples, train
from iqbench.callbacks.final_metrics import FinalMetrics, final_metrics, shown_settings
from iqbench.callbacks.history import history
from iqbench.callbacks.holdout import Holdout


def comparison(folder: Path) -> tuple[dict[str, Any], set[str]]:
    """Return the hyperparameters and the names of the metrics that the HPARAMS page shows."""
    events = EventAccumulator(str(folder / "tensorboard" / "version_0")).Reload()
    contents = events.PluginTagToContent("hparams")
    session = HParamsPluginData.FromString(contents["_hparams_/session_start_info"]).session_start_info
    experiment = HParamsPluginData.FromString(contents["_hparams_/experiment"]).experiment
    values = {name: getattr(value, value.WhichOneof("kind")) for name, value in session.hparams.items()}
    return values, {info.name.tag for info in experiment.metric_infos}


def test_a_finished_training_is_compared_by_its_final_and_its_best_metrics(tmp_path: Path) -> None:
    model = siamese()
    model.recipe = {"examples": {"batch_size": 4, "workers": 2}, "seed": 3}
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "overrides.yaml").write_text(
        "- model.dropout=0.0\n- +trainer.max_time=1\n- out=x\n- examples.workers=2"
    )
    best = ModelCheckpoint(tmp_path, monitor="val/loss")
    train(tmp_path, model, pair_examples(), FinalMetrics(), best, max_epochs=2, enable_checkpointing=True)
    settings, metrics = comparison(tmp_path)
    assert settings == {
        "model.backbone": "tiny",
        "model.frozen": False,
        "model.optimizer.name": "SGD",
        "model.optimizer.lr": 0.1,
        "model.optimizer.backbone_lr": 0.01,
        "examples.batch_size": 4.0,
        "seed": 3.0,
        "model.dropout": 0.0,
        "trainer.max_time": "1",
    }
    names = {"final/train/loss", "final/val/loss", "final/val/accuracy", "final/val/constant_accuracy"}
    assert metrics == names | {"best/val/loss"}
    losses = logged(tmp_path, "val/loss")
    assert logged(tmp_path, "final/val/loss") == {3: losses[3]}
    assert logged(tmp_path, "best/val/loss")[3] == pytest.approx(min(losses.values()))


def test_all_scalars_are_kept_as_one_table(tmp_path: Path) -> None:
    train(tmp_path, siamese(), pair_examples(), Holdout(worst=0), FinalMetrics())
    table = pd.read_parquet(tmp_path / "telemetry.parquet")
    scalars = history(tmp_path)
    pd.testing.assert_frame_equal(table, scalars[~scalars["tag"].str.startswith("final/")].reset_index(drop=True))


def test_a_metric_that_is_undefined_at_the_end_is_not_final() -> None:
    rows = [(1, "val/loss", 1.0), (1, "val/srcc", 0.5), (3, "val/loss", 2.0), (4, "train/loss", 3.0)]
    table = pd.DataFrame(rows, columns=["step", "tag", "value"])
    assert final_metrics(table) == {"final/val/loss": 2.0, "final/train/loss": 3.0}


def test_a_training_without_validation_or_without_steps_ends_well(tmp_path: Path) -> None:
    model = siamese()
    train(tmp_path, model, FixedExamples(pair_examples().validation_examples).train_dataloader(), FinalMetrics())
    assert comparison(tmp_path)[1] == {"final/train/loss"}
    train(tmp_path / "none", siamese(), pair_examples(), FinalMetrics(), max_epochs=0)
    assert not (tmp_path / "none" / "telemetry.parquet").exists()


def test_the_columns_are_the_main_settings_and_those_of_the_command_line() -> None:
    recipe = {"model": {"dropout": 0.5, "optimizer": {"lr": 1e-3}}, "examples": {"batch_size": 8}, "seed": 0}
    assert shown_settings(recipe, {}) == {"model.optimizer.lr": 1e-3, "examples.batch_size": 8, "seed": 0}
    given = {"model": "ava", "model.dropout": "5e-1", "callbacks.gradients.every_n_steps": "1", "hydra.job.chdir": "x"}
    columns = shown_settings(recipe, given | {"out": "'a=b'", "print_config": "false", "outer": "1"})
    assert {key: columns[key] for key in columns if key not in shown_settings(recipe, {})} == {
        "model": "ava",
        "model.dropout": 0.5,
        "outer": "1",
    }
