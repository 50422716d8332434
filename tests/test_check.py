"""The gate: a model that got worse fails it, one that did not passes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cli import Outcome, run
from iqbench.benchmark.regression import regressions
from made_rows import noisy


def rows(lift: float, seed: int = 0, photos: int = 40) -> pd.DataFrame:
    return noisy(["a"], photos, seed).assign(status="ok").pipe(lifted, lift)


def lifted(table: pd.DataFrame, lift: float) -> pd.DataFrame:
    margin = table["margin"] + lift
    return table.assign(margin=margin, correct=(margin > 0).astype(float))


def write(folder: Path, table: pd.DataFrame) -> Path:
    folder.mkdir()
    table.drop(columns="prediction").to_parquet(folder / "unified_results.parquet", index=False)
    return folder


def check(tmp_path: Path, now: pd.DataFrame, before: pd.DataFrame) -> Outcome:
    return run("check", write(tmp_path / "now", now), "--baseline", write(tmp_path / "before", before))


def test_a_run_that_is_the_same_passes(tmp_path: Path) -> None:
    outcome = check(tmp_path, rows(0.0), rows(0.0))
    assert (outcome.exit_code, outcome.err) == (0, "")
    assert outcome.out.count("no difference shown") == 4


def test_a_model_that_got_worse_fails_and_says_where(tmp_path: Path) -> None:
    outcome = check(tmp_path, rows(-1.5), rows(1.0))
    assert outcome.exit_code == 4
    assert "got worse than in" in outcome.last_line
    assert "a on all, a on blur, a on crop_edge, a on jpeg" in outcome.last_line


def test_only_the_kind_of_damage_that_it_got_worse_on_is_named(tmp_path: Path) -> None:
    now, before = rows(1.0), rows(1.0)
    worse = now["degradation_type"] == "jpeg"
    now.loc[worse, "correct"] = 0.0
    outcome = check(tmp_path, now, before)
    assert outcome.exit_code == 4
    assert outcome.last_line.endswith("a on all, a on jpeg")


def test_a_model_that_got_better_passes_and_the_table_says_so(tmp_path: Path) -> None:
    outcome = check(tmp_path, rows(1.5), rows(-1.0))
    assert outcome.exit_code == 0
    assert outcome.out.count("better") == 4


def test_noise_alone_rarely_fails() -> None:
    shown = 0
    for seed in range(20):
        found = regressions(rows(0.0, seed=2 * seed, photos=25), rows(0.0, seed=2 * seed + 1, photos=25), 0, 400)
        shown += any(one["verdict"] != "no difference shown" for one in found)
    assert shown <= 3


def test_pairs_are_the_same_by_the_photos_content_whatever_it_is_called(tmp_path: Path) -> None:
    renamed = rows(0.0)
    renamed["original"] = "./elsewhere/" + renamed["original"].str[2:]
    found = regressions(renamed, rows(0.0), 0, 50)
    assert [one["difference"] for one in found] == [0.0] * 4
    assert found[0]["photos"] == 40


def test_only_pairs_of_both_runs_count() -> None:
    before = rows(0.0)
    found = regressions(rows(0.0)[lambda table: table["degradation_type"] != "blur"], before, 0, 50)
    assert [one["type"] for one in found] == ["all", "crop_edge", "jpeg"]
    assert found[0]["pairs"] == (before["degradation_type"] != "blur").sum()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda table: table.assign(model_name="b"), "model 'a' is in the baseline but not in this run"),
        (lambda table: table.assign(photo_sha256="other"), "no pair was judged in both runs"),
        (lambda table: table.assign(status="corrupt", correct=np.nan), "is in the baseline but not in this run"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused(tmp_path: Path, spoil, reason) -> None:  # type: ignore[no-untyped-def]
    outcome = check(tmp_path, spoil(rows(0.0)), rows(0.0))
    assert outcome.exit_code == 2
    assert reason in outcome.last_line


def test_a_folder_without_results_or_with_damaged_ones_is_refused_in_one_line(tmp_path: Path) -> None:
    good = write(tmp_path / "good", rows(0.0))
    outcome = run("check", tmp_path, "--baseline", good)
    assert (outcome.exit_code, len(outcome.err.strip().splitlines())) == (2, 1)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "unified_results.parquet").write_bytes(b"PAR1 not really")
    outcome = run("check", tmp_path / "bad", "--baseline", good)
    assert (outcome.exit_code, len(outcome.err.strip().splitlines())) == (2, 1)
    assert "cannot be read" in outcome.last_line
