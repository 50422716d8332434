"""Clusters of photos: each choice by hand, and in a run from its photos to its reports."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fixtures.command_line import run
from fixtures.labelled_sets import write_pairs
from fixtures.near_copies import COPIES, structured
from fixtures.verdict_tables import frame, noisy, row, summarized
from iqbench.benchmark.verdict_table import adjacent_rows, read_runs, verdict_rows
from iqbench.photos import decode
from iqbench.results.summary import read_summary


def test_the_summary_counts_photos_that_share_a_cluster() -> None:
    cluster = {"./e": "./a", "./d": "./c"}
    rows = frame(
        [
            row(model, name, "blur", str(level), 1.0, level, cluster=cluster.get(name, name))
            for model in "mn"
            for name in ("./e", "./d", "./c", "./b", "./a")
            for level in (1, 2)
        ]
    )
    made = summarized(rows, resamples=10).clusters
    assert (made.clusters, made.photos, made.near_copies, made.largest, made.series) == (3, 5, 4, 2, None)
    assert made.examples == [("./a", "./e"), ("./c", "./d")]
    assert summarized(noisy(["a"], 4, seed=0), resamples=10).clusters.clusters == 4


def common(root: Path, out: Path, *more: str) -> tuple[object, ...]:
    data = more if more and more[0].startswith("data=") else ("data=folder", f"data.root={root}", *more)
    return ("bench", "model=contrast", "degradation=blur", "engine.workers=0", "gallery=0", f"out={out}", *data)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Eight photos in six folders: as they are, twice, and four near-copies."""
    for number in range(8):
        photo = structured(number, 72, 96)
        for kind in ("original", "same", "jpeg 95", "half size", "brighter", "darker"):
            (tmp_path / "photos" / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(COPIES.get(kind, np.asarray)(photo)).save(tmp_path / "photos" / kind / f"{number}.png")
    return tmp_path / "photos"


def test_eight_photos_copied_six_times_are_eight_clusters_and_the_reports_say_so(copied: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    outcome = run(*common(copied, out))
    assert outcome.exit_code == 0, outcome.err
    made = read_summary(out).clusters
    assert (made.by, made.clusters, made.photos, made.near_copies) == ("look", 8, 48, 48)
    assert made.examples[0] == ("./brighter/0.png", "./darker/0.png")
    notice = "48 photos in 8 clusters (48 are near-copies; data.cluster=look): intervals count clusters"
    takeaways = (out / "KEY_TAKEAWAYS.md").read_text()
    assert notice in " ".join(outcome.out.split())
    assert f"- {notice}. For example: ./brighter/0.png and ./darker/0.png; " in takeaways
    assert (
        "8 photo(s) are copies of others under another name; the intervals count each with its original." in takeaways
    )
    assert f"{notice}." in (out / "report.html").read_text()
    for rows in (verdict_rows(read_runs([out])), adjacent_rows(read_runs([out]))):
        assert set(rows["cluster"]) == {f"./brighter/{number}.png" for number in range(8)}
        assert (rows["cluster"].str[-5:] == rows["original"].str[-5:]).all()
    exported = pd.read_csv(out / "unified_results.csv")
    assert exported.columns[-2:].tolist() == ["photo_sha256", "cluster"]
    assert set(exported["cluster"]) == {f"./brighter/{number}.png" for number in range(8)}
    manifest = pd.read_csv(out / "manifest.csv")
    assert list(manifest.columns[-2:]) == ["series", "look"]
    assert manifest["look"].str.fullmatch("[0-9a-f]{32}").all()


@pytest.mark.slow
def test_another_choice_exports_again_and_scores_nothing(copied: Path, tmp_path: Path) -> None:
    assert run(*common(copied, tmp_path / "out")).exit_code == 0
    for choice, number in (("sha256", 40), ("folder", 1), ("photo", 48), ("look", 8)):
        with mock.patch("iqbench.photos.decode", side_effect=decode) as decoded:
            outcome = run(*common(copied, tmp_path / "out", f"data.cluster={choice}"))
        assert outcome.exit_code == 0, outcome.err
        assert decoded.call_count <= 1  # the model is rehearsed on one photo
        summary = read_summary(tmp_path / "out")
        assert (summary.clusters.by, summary.clusters.clusters) == (choice, number)
        assert summary.runs[0].details["config"]["data"]["cluster"] == choice
    assert "share a folder" not in outcome.out
    assert run("verify", tmp_path / "out").exit_code == 0
    assert "data.cluster" not in json.dumps(read_runs([tmp_path / "out"])[0].identity)


def test_photos_that_cannot_be_read_are_in_the_table_without_a_hash(folder: Path, tmp_path: Path) -> None:
    for name in ("x", "y"):
        (folder / f"{name}.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    assert run(*common(folder, tmp_path / "out", "max_failures=100")).exit_code == 0
    rows = verdict_rows(read_runs([tmp_path / "out"]))
    assert (rows["cluster"] == rows["original"]).all()
    assert set(rows.loc[rows["status"] != "ok", "cluster"]) == {"./x.jpg", "./y.jpg"}
    manifest = pd.read_csv(tmp_path / "out" / "manifest.csv")
    assert manifest.loc[manifest["status"] != "ok", "look"].isna().all()
    assert read_summary(tmp_path / "out").clusters.photos == 3


@pytest.mark.parametrize(
    ("choice", "line"),
    [
        ("x", "data.cluster=x: must be one of look, sha256, series, folder, photo"),
        ("series", "data.cluster=series: these photos have no series; use one of look, sha256, folder, photo"),
    ],
)
def test_a_choice_that_cannot_be_is_refused_in_one_line(folder: Path, tmp_path: Path, choice: str, line: str) -> None:
    outcome = run(*common(folder, tmp_path / "out", f"data.cluster={choice}"))
    assert (outcome.exit_code, outcome.last_line) == (2, f"iqbench.bench: {line}")
    assert not (tmp_path / "out" / "results.sqlite").exists()


@pytest.mark.slow
def test_the_photos_of_a_series_are_one_cluster_and_stored_series_are_kept_up_to_date(tmp_path: Path) -> None:
    write_pairs(tmp_path, series=12, photos_per_series=3, pixels=lambda _, number: structured(number, 72, 96))
    shares = ("data.test_share=0.3", "data.cluster=series", f"paths.cache={tmp_path / 'cache'}")
    command = common(tmp_path, tmp_path / "out", "data=pairs", f"data.file={tmp_path / 'list.csv'}", *shares)
    outcome = run(*command)
    assert outcome.exit_code == 0, outcome.err
    made = read_summary(tmp_path / "out").clusters
    assert (made.by, made.clusters * 3, made.near_copies) == ("series", made.photos, made.photos)
    rows = verdict_rows(read_runs([tmp_path / "out"]))
    assert (rows["cluster"].str.rpartition("/")[0] == rows["original"].str.rpartition("/")[0]).all()
    stored = (tmp_path / "out" / "summary.json").read_bytes()
    with closing(sqlite3.connect(tmp_path / "out" / "results.sqlite")) as database:
        database.execute("UPDATE photos SET series = 'of a shorter list'")
        database.commit()
    assert run("report", tmp_path / "out").exit_code == 0
    assert read_summary(tmp_path / "out").clusters.clusters == 1
    assert run(*command).exit_code == 0
    assert (tmp_path / "out" / "summary.json").read_bytes() == stored


@pytest.mark.slow
def test_runs_that_choose_differently_share_the_choice_of_the_first_and_say_so(folder: Path, tmp_path: Path) -> None:
    for model, choice in (("contrast", "folder"), ("sharpness", "photo")):
        settings = (f"data.cluster={choice}", f"model={model}")
        assert run(*common(folder, tmp_path / model, *settings)).exit_code == 0
    with mock.patch("iqbench.benchmark.verdict_table.log.warning") as warning:
        rows = verdict_rows(read_runs([tmp_path / "contrast", tmp_path / "sharpness"]))
    assert set(rows["cluster"]) == {"./a.png"}
    ((text, *values),) = [call.args for call in warning.call_args_list]
    assert (
        text % tuple(values)
        == "the runs differ in data.cluster (folder, photo): using folder, the choice of the first, for all"
    )


@pytest.mark.slow
def test_shards_that_choose_differently_are_still_one_run(folder: Path, tmp_path: Path) -> None:
    for shard, choice in ((0, "look"), (1, "photo")):
        settings = (f"data.cluster={choice}", f"shard={shard}", "shards=2")
        assert run(*common(folder, tmp_path / str(shard), *settings)).exit_code == 0
    assert run("report", tmp_path / "0", tmp_path / "1", "--out", tmp_path / "both").exit_code == 0
    summary = read_summary(tmp_path / "both")
    assert (len(summary.runs), summary.complete, summary.clusters.by) == (1, True, "look")
