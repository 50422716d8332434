from pathlib import Path

import pandas as pd
import pytest
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.tensorboard import SummaryWriter

from fixtures.tiny_models import siamese
from fixtures.training_runs import pair_examples, train
from iqbench.callbacks.history import history
from iqbench.errors import UsageError


def write(folder: Path, *scalars: tuple[str, float, int, float]) -> Path:
    """Write an event file: tag, value, step, time."""
    earlier_files = set(folder.glob("events.out.*"))
    writer = SummaryWriter(str(folder))
    for tag, value, step, wall_time in scalars:
        writer.add_scalar(tag, value, step, walltime=wall_time)
    writer.close()
    (written,) = set(folder.glob("events.out.*")) - earlier_files
    return written


def test_the_table_is_typed_and_sorted(tmp_path: Path) -> None:
    write(tmp_path, ("b", 1.5, 7, 1000.0), ("b", 0.5, 3, 1001.0), ("a", float("nan"), 3, 1002.0))
    table = history(tmp_path)
    assert table[["tag", "step"]].to_numpy().tolist() == [["a", 3], ["b", 3], ["b", 7]]
    kinds = {"step": "int64", "epoch": "Int64", "value": "float64"}
    assert {column: str(table.dtypes[column]) for column in kinds} == kinds
    assert pd.api.types.is_string_dtype(table["tag"])
    assert table["wall_time"].iloc[2] == pd.Timestamp(1000, unit="s", tz="UTC")
    assert table["epoch"].isna().all()


def test_values_of_a_killed_run_are_replaced_by_those_of_the_resumed_run(tmp_path: Path) -> None:
    killed = write(tmp_path, ("loss", 1.0, 0, 10.0), ("loss", 2.0, 1, 11.0), ("loss", 3.0, 2, 12.0))
    killed.rename(tmp_path / "events.out.tfevents.named-as-if-it-were-the-later-one")
    write(tmp_path, ("loss", 20.0, 1, 21.0), ("loss", 30.0, 2, 22.0), ("loss", 40.0, 3, 23.0))
    table = history(tmp_path)
    assert dict(zip(table["step"], table["value"], strict=True)) == {0: 1.0, 1: 20.0, 2: 30.0, 3: 40.0}


def test_a_step_belongs_to_the_epoch_that_the_next_log_names(tmp_path: Path) -> None:
    epochs = [("epoch", 0.0, 1, 1.0), ("epoch", 0.0, 9, 1.0), ("epoch", 1.0, 14, 1.0)]
    write(tmp_path, *epochs, *[("loss", 0.0, step, 1.0) for step in (0, 1, 8, 9, 10, 14, 17)])
    table = history(tmp_path)
    assert dict(zip(table["step"], table["epoch"], strict=True)) == {0: 0, 1: 0, 8: 0, 9: 0, 10: 1, 14: 1, 17: 1}
    assert "epoch" not in set(table["tag"])


def test_more_scalars_than_tensorboard_keeps_by_default_are_all_there(tmp_path: Path) -> None:
    write(tmp_path, *[("loss", float(step), step, 1.0) for step in range(10_500)])
    assert len(history(tmp_path)) == 10_500


def test_a_file_that_a_kill_cut_short_is_read_up_to_there(tmp_path: Path) -> None:
    path = write(tmp_path, *[("loss", float(step), step, 1.0) for step in range(10)])
    path.write_bytes(path.read_bytes()[:-5])
    assert history(tmp_path)["step"].tolist() == list(range(9))


def test_a_folder_without_scalars_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no scalars"):
        history(tmp_path)
    write(tmp_path)
    with pytest.raises(UsageError, match="no scalars"):
        history(tmp_path)


def test_several_trainings_are_refused_not_mixed(tmp_path: Path) -> None:
    for job in ("0_siamese", "1_ava"):
        write(tmp_path / job / "tensorboard", ("loss", 1.0, 0, 1.0))
    with pytest.raises(UsageError, match=r"holds 2 trainings, such as .*0_siamese"):
        history(tmp_path)
    assert len(history(tmp_path / "1_ava")) == 1


def test_a_resumed_training_has_one_history(tmp_path: Path) -> None:
    def last() -> ModelCheckpoint:
        return ModelCheckpoint(tmp_path, filename="last", enable_version_counter=False)

    options = {"enable_checkpointing": True}
    train(tmp_path, siamese(), pair_examples(), last(), **options)
    train(tmp_path, siamese(), pair_examples(), last(), max_epochs=3, ckpt_path=tmp_path / "last.ckpt", **options)
    table = history(tmp_path)
    validation = table[table["tag"] == "val/loss"]
    assert validation["step"].tolist() == [1, 3, 5]
    assert validation["epoch"].tolist() == [0, 1, 2]
