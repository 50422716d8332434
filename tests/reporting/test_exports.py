"""Tables from which every name can be read back."""

import json
from pathlib import Path

import pandas as pd

from fixtures.summaries import changed
from fixtures.verdict_tables import summary_of
from iqbench.records import record_json
from iqbench.reporting.exports import write_csv
from iqbench.results.summary import RunRecord, Summary

NAMES = [
    "a.jpg",
    "carriage\rreturn.jpg",
    "\r",
    "line\nfeed",
    "both\r\n",
    'quo"te',
    "com,ma",
    " spaces ",
    "=1+1",
    "NA",
    "",
]


def test_every_name_is_read_back_from_csv_as_it_was(tmp_path: Path) -> None:
    table = pd.DataFrame({"name": NAMES, "number": range(len(NAMES))})
    write_csv(tmp_path / "x.csv", table)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "x.csv", keep_default_na=False), table)


def test_numbers_missing_values_and_booleans_are_written_as_pandas_writes_them(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "float": [0.1, None, 1e-17],
            "whole": pd.array([1, None, 3], dtype="Int64"),
            "truth": pd.Series([True, None, False], dtype=object),
            "text": ["é", None, "模"],
        }
    )
    write_csv(tmp_path / "x.csv", table)
    assert (tmp_path / "x.csv").read_bytes().decode() == "float,whole,truth,text\n0.1,1,True,é\n,,,\n1e-17,3,False,模\n"


def test_a_path_that_is_no_utf8_is_read_back_from_the_summary() -> None:
    record = RunRecord(identity={}, details={"root": "/photos/\udcff"}, missing_shards=[])
    summary = changed(summary_of({"a": {"blur": 0.9}}, photos=3), "", runs=[record])
    text = record_json(summary)
    assert text.isascii()
    assert Summary.model_validate(json.loads(text)) == summary
