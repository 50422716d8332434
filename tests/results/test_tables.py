"""Tables from dataclasses, and the columns that are exported."""

import sqlite3
from dataclasses import dataclass, field, fields, make_dataclass

import pytest

from iqbench.inference.image_statistics import ImageStatistics
from iqbench.results import schema
from iqbench.results.schema import EXPORTED_COLUMNS, IMAGE_STATISTICS, MANIFEST_COLUMNS, PAIRS, PHOTOS, VERDICT_COLUMNS
from iqbench.results.tables import Table


@dataclass(frozen=True)
class Size:
    width: int
    aspect: float


@dataclass(frozen=True)
class Row:
    name: str
    seen: bool = False
    content: bytes | None = None
    size: Size | None = field(default=None, metadata={"prefix": "own_"})


ROWS = Table("rows", Row, key=("name",), unique=("content",))


def test_a_table_follows_from_the_fields_of_its_rows() -> None:
    assert ROWS.create == (
        "CREATE TABLE rows (name TEXT NOT NULL, seen INTEGER NOT NULL, content BLOB, own_width INTEGER, "
        "own_aspect REAL, UNIQUE (content), PRIMARY KEY (name))"
    )
    assert ROWS.dtypes == {"seen": "int64", "own_width": "Int64", "own_aspect": "float64"}


def test_rows_are_inserted_and_replaced_by_their_key() -> None:
    with sqlite3.connect(":memory:") as database:
        database.execute(ROWS.create)
        database.execute(ROWS.insert, ROWS.values(Row("a")))
        with pytest.raises(sqlite3.IntegrityError):
            database.execute(ROWS.insert, ROWS.values(Row("a")))
        database.execute(ROWS.upsert, ROWS.values(Row("a", seen=True, size=Size(4, 1.5))))
        assert database.execute("SELECT * FROM rows").fetchall() == [("a", 1, None, 4, 1.5)]
    database.close()


def test_two_columns_of_one_name_are_refused() -> None:
    clash = make_dataclass("Clash", [("own_width", int), ("size", Size, field(metadata={"prefix": "own_"}))])
    with pytest.raises(ValueError, match="Clash: more than one column is called own_width"):
        _ = Table("clash", clash, key=()).columns


def test_each_image_statistic_has_its_columns() -> None:
    names = [statistic.name for statistic in fields(ImageStatistics)]
    assert list(IMAGE_STATISTICS) == names
    assert set(names) <= {column.name for column in PHOTOS.columns}
    assert {f"variant_{name}" for name in names} <= {column.name for column in PAIRS.columns}
    verdicts = {column.name for column in VERDICT_COLUMNS}
    assert {f"{side}_{name}" for side in ("original", "variant") for name in names} <= verdicts


def test_every_source_of_a_verdict_column_exists() -> None:
    stored = {f"{table.name}.{column.name}" for table in schema.TABLES for column in table.columns}
    sources = stored | {schema.COMPUTED, "identity.model_name", "identity.model_fingerprint", "details.model_type"}
    assert {column.source for column in VERDICT_COLUMNS} <= sources


def test_exports_have_the_columns_that_their_readers_know() -> None:
    assert [
        *("model_name", "model_type", "original", "degraded", "degradation_type", "degradation_level", "prediction"),
        *("confidence", "score_original", "score_degraded", "correct", "degradation_group", "ladder", "severity"),
        *("margin", "probability", "legacy_confidence", "order_consistent", "input_change", "input_change_max"),
        *("status", "error", "model_fingerprint", "photo_sha256", "cluster"),
    ] == EXPORTED_COLUMNS
    assert [
        *("name", "sha256", "file_bytes", "width", "height", "status", "error", "notes"),
        *("brightness", "sharpness", "encoded_bytes", "series", "look"),
    ] == MANIFEST_COLUMNS
