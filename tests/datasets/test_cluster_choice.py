"""data.cluster: which sources take which choice, and the series of photos."""

import re
from pathlib import Path

import pytest

from fixtures.labelled_sets import write_csv, write_pairs, write_phototriage
from iqbench.datasets.ava import AvaPhotos
from iqbench.datasets.cluster_choice import CHOICES
from iqbench.datasets.folder import Folder
from iqbench.datasets.pairs import PairList
from iqbench.datasets.phototriage import PhotoTriage
from iqbench.datasets.samples import Samples
from iqbench.errors import UsageError
from iqbench.interfaces import PhotoSource

PLAIN = {
    "folder": lambda root, cluster: Folder(str(root), None, 0, cluster=cluster),
    "samples": lambda root, cluster: Samples(None, 0, cluster),
    "ava": lambda root, cluster: AvaPhotos(str(root), "images", "random", 0.1, str(root), None, 0, cluster),
}
WITH_SERIES = {
    "phototriage": lambda root, cluster: PhotoTriage(str(root), 0.25, 0.5, str(root), None, 0, cluster),
    "pairs": lambda root, cluster: PairList(str(root / "list.csv"), 0.2, 0.2, str(root), None, 0, cluster),
}


@pytest.mark.parametrize("name", PLAIN | WITH_SERIES)
@pytest.mark.parametrize("wrong", ["x", "Look", "", None, 1])
def test_a_wrong_choice_is_refused_with_the_choices(tmp_path: Path, name: str, wrong: object) -> None:
    with pytest.raises(UsageError) as refusal:
        (PLAIN | WITH_SERIES)[name](tmp_path, wrong)
    assert str(refusal.value) == f"data.cluster={wrong}: must be one of look, sha256, series, folder, photo"


@pytest.mark.parametrize("name", PLAIN)
def test_series_are_refused_where_there_are_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError) as refusal:
        PLAIN[name](tmp_path, "series")
    assert str(refusal.value) == (
        "data.cluster=series: these photos have no series; use one of look, sha256, folder, photo"
    )


@pytest.mark.parametrize("cluster", CHOICES)
def test_the_listing_has_the_choice(folder: Path, tmp_path: Path, cluster: str) -> None:
    write_phototriage(tmp_path / "triage")
    write_pairs(tmp_path / "pairs")
    sources: list[PhotoSource] = [
        WITH_SERIES["phototriage"](tmp_path / "triage", cluster),
        WITH_SERIES["pairs"](tmp_path / "pairs", cluster),
    ]
    if cluster != "series":
        sources += [PLAIN["folder"](folder, cluster), PLAIN["samples"](folder, cluster)]
    assert [source.photos().cluster for source in sources] == [cluster] * len(sources)


def test_the_default_is_series_where_there_are_some_and_look_elsewhere(folder: Path, tmp_path: Path) -> None:
    assert Folder(str(folder), None, 0).photos().cluster == "look"
    write_phototriage(tmp_path)
    assert PhotoTriage(str(tmp_path), 0.25, 0.5, str(tmp_path), None, 0).photos().cluster == "series"
    root = Path(__file__).parents[2] / "conf" / "data"
    lines = {file.stem: file.read_text(encoding="utf-8") for file in root.glob("*.yaml")}
    defaults = {name: re.search(r"^cluster: (\w+)", text, re.MULTILINE) for name, text in lines.items()}
    assert {name: found and found[1] for name, found in defaults.items()} == {
        **dict.fromkeys(WITH_SERIES, "series"),
        **dict.fromkeys(["kadid", "koniq", "livec", "scored", "spaq", "tid2013"], "series"),  # of one reference
        **dict.fromkeys([*PLAIN, "real_pairs"], "look"),
    }


def test_photos_of_phototriage_have_the_number_of_their_series(tmp_path: Path) -> None:
    write_phototriage(tmp_path)
    files = WITH_SERIES["phototriage"](tmp_path, "series").photos().files
    assert len(files) > 3
    assert all(file.name.startswith(f"./train_val_imgs/{file.series}-0") for file in files)


def test_the_series_of_a_pair_list_are_connected_photos_named_after_the_first(tmp_path: Path) -> None:
    rows = [["better", "worse"], ["d.jpg", "b.jpg"], ["b.jpg", "e.jpg"], ["f.jpg", "a.jpg"], ["c.jpg", "g.jpg"]]
    write_csv(tmp_path / "list.csv", rows)
    for name in "abcdefg":
        (tmp_path / f"{name}.jpg").touch()
    photos = WITH_SERIES["pairs"](tmp_path, "series").all_labels.photos
    expected = {"a": "a", "b": "b", "c": "c", "d": "b", "e": "b", "f": "a", "g": "c"}
    assert {photo.name: photo.series for photo in photos} == {
        f"./{name}.jpg": f"./{first}.jpg" for name, first in expected.items()
    }


def test_a_series_that_holds_most_pairs_is_none_for_the_benchmark(tmp_path: Path) -> None:
    rows = [["better", "worse"], *(["a.jpg", f"{name}.jpg"] for name in "bcde"), ["f.jpg", "g.jpg"]]
    write_csv(tmp_path / "list.csv", rows)
    for name in "abcdefg":
        (tmp_path / f"{name}.jpg").touch()
    table = WITH_SERIES["pairs"](tmp_path, "series").all_labels
    assert {photo.name: photo.series for photo in table.photos} == {
        **{f"./{name}.jpg": "" for name in "abcde"},
        **{f"./{name}.jpg": "./f.jpg" for name in "fg"},
    }
    assert len(set(table.series)) == 2
