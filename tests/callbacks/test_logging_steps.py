"""Cases in which callbacks must not log."""

from pathlib import Path

import pytest
from lightning import Callback, Trainer

from fixtures.tiny_models import siamese
from fixtures.training_runs import pair_examples, train
from iqbench import config
from iqbench.callbacks.history import history


def telemetry() -> list[Callback]:
    node = config.OmegaConf.load(config.CONF_DIR / "callbacks" / "telemetry.yaml")
    return [config.build(target, name) for name, target in node.items()]


def written(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*")}


def test_a_validation_on_its_own_records_nothing(tmp_path: Path) -> None:
    train(tmp_path, siamese(), pair_examples(), *telemetry(), call="validate")
    assert not written(tmp_path) & {"predictions", "telemetry.parquet"}
    assert {tag for tag in history(tmp_path)["tag"] if tag.startswith("hold_out")} == set()


def test_a_sanity_check_records_nothing(tmp_path: Path) -> None:
    train(tmp_path, siamese(), pair_examples(), *telemetry(), num_sanity_val_steps=1)
    table = history(tmp_path)
    assert table.loc[table["tag"] == "hold_out/margin_median", "step"].tolist() == [1]


def test_a_process_other_than_the_first_records_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trainer, "is_global_zero", False)
    train(tmp_path, siamese(), pair_examples(), *telemetry())
    tags = {tag for tag in history(tmp_path)["tag"] if not tag.startswith(("train/", "val/"))}
    assert (tags, written(tmp_path) & {"predictions", "telemetry.parquet"}) == (set(), set())


@pytest.mark.parametrize("options", [{"logger": False}, {"fast_dev_run": True}], ids=str)
def test_a_training_without_tensorboard_ends_well(tmp_path: Path, options: dict[str, bool]) -> None:
    train(tmp_path, siamese(), pair_examples(), *telemetry(), **options)
    assert "epoch_000.parquet" in written(tmp_path)
