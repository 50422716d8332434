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
from iqbench.benchmark.clusters import cluster_summary, clusters
from iqbench.benchmark.verdict_table import adjacent_rows, read_runs, verdict_rows
from iqbench.interfaces import ClusterChoice
from iqbench.results.summary import Clusters, read_summary

NEAR = "0" * 31 + "7"  # 3 bits from FIRST
FIRST, FAR = "0" * 32, "f" * 32
PHOTOS = pd.DataFrame(
    [
        ("./y/2.png", "s2", "one", FIRST),
        ("./y/1.png", "s1", "two", NEAR),
        ("./x/1.png", "s2", "", FAR),
        ("./x/3.png", None, "one", None),
        ("./top.png", None, "", None),
    ],
    columns=["name", "sha256", "series", "look"],
)


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("photo", ["./y/2.png", "./y/1.png", "./x/1.png", "./x/3.png", "./top.png"]),
        ("sha256", ["./x/1.png", "./y/1.png", "./x/1.png", "./x/3.png", "./top.png"]),
        ("look", ["./x/1.png", "./x/1.png", "./x/1.png", "./x/3.png", "./top.png"]),
        ("series", ["./x/3.png", "./y/1.png", "./x/1.png", "./x/3.png", "./top.png"]),
        ("folder", ["./y/1.png", "./y/1.png", "./x/1.png", "./x/1.png", "./top.png"]),
    ],
)
def test_each_choice_makes_its_clusters_whatever_the_order_of_the_photos(
    by: ClusterChoice, expected: list[str]
) -> None:
    assert clusters(PHOTOS, by).tolist() == expected
    for seed in range(5):
        shuffled = PHOTOS.sample(frac=1.0, random_state=seed)
        assert clusters(shuffled, by).sort_index().tolist() == expected


def test_near_copies_of_near_copies_are_one_cluster() -> None:
    looks = [f"{(1 << 12 * step) - 1:032x}" for step in range(4)]  # 12 bits from one to the next
    photos = pd.DataFrame({"name": list("dcba"), "sha256": list("1234"), "series": "", "look": looks})
    assert clusters(photos, "look").tolist() == ["a"] * 4
    assert clusters(photos.iloc[[0, 2]], "look").tolist() == ["d", "b"]


def test_photos_without_any_hash_are_clusters_of_their_own() -> None:
    photos = pd.DataFrame({"name": list("ab"), "sha256": None, "series": "", "look": None})
    for by in ("look", "sha256", "series"):
        assert clusters(photos, by).tolist() == ["a", "b"]


def test_the_summary_counts_photos_that_share_a_cluster() -> None:
    cluster = {"./e": "./a", "./d": "./c"}
    rows = frame(
        [
            row(model, name, "blur", level, 1.0, cluster=cluster.get(name, name))
            for model in "mn"
            for name in ("./e", "./d", "./c", "./b", "./a")
            for level in "12"
        ]
    )
    counts = {"clusters": 3, "photos": 5, "near_copies": 4}
    assert cluster_summary(rows, "sha256") == Clusters(by="sha256", **counts, examples=[("./a", "./e"), ("./c", "./d")])
    assert cluster_summary(rows[:0], "look") == Clusters(by="look", clusters=0, photos=0, near_copies=0, examples=[])
    assert summarized(noisy(["a"], 4, seed=0), resamples=10).clusters.clusters == 4


def test_at_most_three_examples_are_named() -> None:
    rows = frame([row("m", f"./{at}", "blur", "1", 1.0, cluster=f"./{at - at % 2}") for at in range(8)])
    assert cluster_summary(rows, "look").examples == [("./0", "./1"), ("./2", "./3"), ("./4", "./5")]


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
    assert f"{notice}. " in (out / "report.html").read_text()
    for rows in (verdict_rows(read_runs([out])), adjacent_rows(read_runs([out]))):
        assert set(rows["cluster"]) == {f"./brighter/{number}.png" for number in range(8)}
        assert (rows["cluster"].str[-5:] == rows["original"].str[-5:]).all()
    assert "cluster" not in pd.read_csv(out / "unified_results.csv").columns
    manifest = pd.read_csv(out / "manifest.csv")
    assert list(manifest.columns[-2:]) == ["series", "look"]
    assert manifest["look"].str.fullmatch("[0-9a-f]{32}").all()


@pytest.mark.slow
def test_another_choice_exports_again_and_scores_nothing(copied: Path, tmp_path: Path) -> None:
    assert run(*common(copied, tmp_path / "out")).exit_code == 0
    for choice, number in (("sha256", 40), ("folder", 6), ("photo", 48), ("look", 8)):
        with mock.patch("iqbench.photos.decode", side_effect=AssertionError("decoded again")):
            outcome = run(*common(copied, tmp_path / "out", f"data.cluster={choice}"))
        assert outcome.exit_code == 0, outcome.err
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
