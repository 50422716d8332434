"""The levels of several runs in one order of severity."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fixtures.command_line import run
from iqbench.benchmark.merged_suite import merge_levels
from iqbench.benchmark.verdict_table import adjacent_rows, read_runs, verdict_rows

UNKNOWN = dict.fromkeys("abcd", np.nan)


@pytest.mark.parametrize(
    ("orders", "amounts", "expected"),
    [
        ([["1", "4"], ["2", "8"]], {"1": 1, "2": 2, "4": 4, "8": 8}, ["1", "2", "4", "8"]),
        ([["80", "10"], ["60", "40"]], {"80": 80, "60": 60, "40": 40, "10": 10}, ["80", "60", "40", "10"]),
        ([["60"], ["80", "10"]], {"80": 80, "60": 60, "10": 10}, ["80", "60", "10"]),
        ([["a", "c", "d"], ["a", "b", "c"]], UNKNOWN, ["a", "b", "c", "d"]),
        ([["a"], ["b"]], UNKNOWN, ["a", "b"]),
        ([["a", "b"], ["b", "a"]], UNKNOWN, ["a", "b"]),
        ([["mild", "odd", "harsh"]], {"mild": 1, "odd": 5, "harsh": 3}, ["mild", "odd", "harsh"]),
    ],
)
def test_levels_are_ordered_by_amount_or_as_the_runs_have_them(
    orders: list[list[str]], amounts: dict[str, float], expected: list[str]
) -> None:
    assert merge_levels(orders, amounts) == expected


@pytest.mark.slow
def test_runs_of_different_levels_of_one_model_have_one_severity_per_level(folder: Path, tmp_path: Path) -> None:
    common = ("bench", "model=contrast", "degradation=blur", "data=folder", f"data.root={folder}", "engine.workers=0")
    for out, sigma in (("a", "[1,4]"), ("b", "[2]"), ("c", "[1,2,4]")):
        assert run(*common, f"degradation.blur.sigma={sigma}", f"out={tmp_path / out}").exit_code == 0
    assert run("report", tmp_path / "a", tmp_path / "b", "--out", tmp_path / "both").exit_code == 0
    parts, complete_runs = read_runs([tmp_path / "a", tmp_path / "b"]), read_runs([tmp_path / "c"])
    pd.testing.assert_frame_equal(verdict_rows(parts), verdict_rows(complete_runs))
    assert adjacent_rows(parts).empty  # 1 and 4 have 2 between them, and no run compared 2 with either
    assert len(adjacent_rows(complete_runs)) == 3 * 2
