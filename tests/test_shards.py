"""A run in pieces, on one machine or many, ends as one run does: to the byte."""

import json
from pathlib import Path

import pytest
from PIL import Image

from fixtures.command_line import TINY, run
from fixtures.photos import noisy_gradient
from iqbench.results.reader import read_store
from iqbench.results.schema import FILE_NAME

EXPORTS = ("unified_results.csv", "unified_results.parquet", "manifest.csv", "summary.json", "KEY_TAKEAWAYS.md")
EXPORTS += ("accuracy.png", "report.html")


@pytest.fixture(scope="module")
def seven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("seven")
    for number in range(7):
        Image.fromarray(noisy_gradient(60 + number, 80 - number, seed=number)).save(root / f"{number}.png")
    (root / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    return root


def settings(root: Path) -> tuple[object, ...]:
    network = ("model=siamese", *TINY, "model.checkpoint=untrained", "degradation=crop_edge", "engine.workers=0")
    return (*network, "data=folder", f"data.root={root}", "max_failures=100")


@pytest.fixture(scope="module")
def complete_exports(seven: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The exports of a run in one piece."""
    folder = tmp_path_factory.mktemp("whole")
    outcome = run("bench", *settings(seven), f"out={folder}")
    assert outcome.exit_code == 0, outcome.err
    return {name: (folder / name).read_bytes() for name in EXPORTS}


@pytest.mark.slow
@pytest.mark.parametrize("shards", [2, 3, 8])
def test_any_split_merges_to_the_bytes_of_one_run(
    seven: Path, complete_exports: dict[str, bytes], tmp_path: Path, shards: int
) -> None:
    numbers = ",".join(map(str, range(shards)))
    outcome = run("bench", "-m", *settings(seven), f"shard={numbers}", f"shards={shards}", f"out={tmp_path}")
    assert outcome.exit_code == 0, outcome.err
    stores = [read_store(path) for path in tmp_path.rglob(FILE_NAME)]
    assert sorted(len(store.photos) for store in stores) == sorted(len(range(n, 8, shards)) for n in range(shards))
    for name, expected in complete_exports.items():
        assert (tmp_path / name).read_bytes() == expected, name


@pytest.mark.slow
def test_runs_of_single_shards_can_be_put_together_later(
    seven: Path, complete_exports: dict[str, bytes], tmp_path: Path
) -> None:
    for shard in (1, 0):
        outcome = run("bench", *settings(seven), f"shard={shard}", "shards=2", f"out={tmp_path / str(shard)}")
        assert outcome.exit_code == 0, outcome.err
    outcome = run("report", tmp_path / "1", tmp_path / "0", "--out", tmp_path / "both")
    assert outcome.exit_code == 0, outcome.err
    for name, expected in complete_exports.items():
        assert (tmp_path / "both" / name).read_bytes() == expected, name


def test_a_missing_shard_is_not_overlooked(seven: Path, tmp_path: Path) -> None:
    outcome = run("bench", *settings(seven), "shard=1", "shards=2", f"out={tmp_path}")
    assert outcome.exit_code == 0, outcome.err
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["complete"] is False
    assert summary["missing_shards"] == [0]


def test_shards_of_other_machines_and_with_strange_files_beside_the_photos_are_one_run(
    folder: Path, tmp_path: Path
) -> None:
    common = ("model=contrast", "degradation=blur", "data=folder", f"data.root={folder}", "shards=2")
    assert run("bench", *common, "shard=0", "engine.workers=0", f"out={tmp_path / '0'}").exit_code == 0
    (folder / "notes.txt").write_text("not a photo")
    assert run("bench", *common, "shard=1", "engine.workers=1", f"out={tmp_path / '1'}").exit_code == 0
    assert run("report", tmp_path / "0", tmp_path / "1", "--out", tmp_path / "both").exit_code == 0
    summary = json.loads((tmp_path / "both" / "summary.json").read_text())
    assert (summary["complete"], summary["missing_shards"], len(summary["runs"])) == (True, [], 1)
    assert len(summary["runs"][0]["identity"]["photos"]) == 3


@pytest.mark.parametrize(
    ("shard", "shards", "message"),
    [(2, 2, "shard=2 shards=2: must be from 0 to shards - 1"), (0, 9, "there are only 8 photos"), (0, 0, "must be")],
)
def test_a_shard_that_there_is_not_is_refused(
    seven: Path, tmp_path: Path, shard: int, shards: int, message: str
) -> None:
    outcome = run("bench", *settings(seven), f"shard={shard}", f"shards={shards}", f"out={tmp_path}")
    assert outcome.exit_code == 2
    assert message in outcome.last_line
