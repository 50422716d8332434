from pathlib import Path

import pandas as pd
import pytest

from fixtures.tiny_models import ava, fit, pairs, siamese
from fixtures.training_runs import TRICKY, pair_examples, train, vote_examples
from iqbench.callbacks.history import predictions
from iqbench.callbacks.predictions import Predictions
from iqbench.errors import UsageError


def test_every_epoch_leaves_its_answers_under_names_that_come_back_as_they_were(tmp_path: Path) -> None:
    model = siamese()
    train(tmp_path, model, pair_examples(), Predictions(), max_epochs=2)
    assert sorted(path.name for path in (tmp_path / "predictions").iterdir()) == [
        "epoch_000.parquet",
        "epoch_001.parquet",
    ]
    table = predictions(tmp_path)
    assert list(table.columns) == ["epoch", "index", "first", "second", "series", "predicted", "true", "loss"]
    assert table["epoch"].tolist() == [0] * 8 + [1] * 8
    assert table["first"].tolist() == TRICKY * 2
    assert table["true"].tolist() == [0.0, 1.0] * 8
    assert table.loc[8:, "predicted"].tolist() == model.answers[:, 1].tolist()
    kinds = {"epoch": "int64", "index": "int64", "series": "int64", "loss": "float64", "predicted": "float64"}
    assert {column: str(table.dtypes[column]) for column in kinds} == kinds
    assert pd.api.types.is_string_dtype(table["second"])


def test_votes_go_by_one_name(tmp_path: Path) -> None:
    train(tmp_path, ava(), vote_examples(), Predictions())
    assert predictions(tmp_path)["photo"].tolist() == TRICKY


def test_without_a_data_module_only_the_names_are_missing(tmp_path: Path) -> None:
    fit(siamese(), pairs(4), tmp_path, pairs(4), callbacks=[Predictions()], max_epochs=1)
    assert list(predictions(tmp_path).columns) == ["epoch", "index", "predicted", "true", "loss"]


def test_a_write_that_fails_leaves_the_file_before_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(tmp_path, ava(), vote_examples(), Predictions())
    earlier_predictions = predictions(tmp_path)

    def half(path: Path, _: bytes) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="No space"):
        train(tmp_path, ava(), vote_examples(), Predictions())
    assert [file.name for file in (tmp_path / "predictions").iterdir()] == ["epoch_000.parquet"]
    pd.testing.assert_frame_equal(predictions(tmp_path), earlier_predictions)


def test_a_folder_without_predictions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no predictions"):
        predictions(tmp_path)
