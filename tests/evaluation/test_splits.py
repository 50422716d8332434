"""Which labels a model is held against."""

from pathlib import Path

import numpy as np
import pytest

from fixtures.labelled_sets import write_ava, write_pairs, write_phototriage
from iqbench.datasets.ava import AvaPhotos
from iqbench.datasets.pairs import PairList
from iqbench.datasets.phototriage import PhotoTriage
from iqbench.errors import UsageError
from iqbench.evaluation.splits import fingerprint, labels_of, limited
from iqbench.interfaces import PhotoFile
from iqbench.labels import PairTable


def triage(root: Path, limit: int | None = None) -> PhotoTriage:
    write_phototriage(root)
    return PhotoTriage(str(root), 0.25, 0.5, str(root / "cache"), limit, 0)


def test_without_a_split_the_set_chooses(tmp_path: Path) -> None:
    data = triage(tmp_path / "a")
    name, table = labels_of(data, None)
    assert name == data.evaluated_on
    assert table is data.labels[name]  # type: ignore[index]


def test_all_is_every_label_of_every_split(tmp_path: Path) -> None:
    data = triage(tmp_path / "a")
    _, table = labels_of(data, "all")
    assert len(table) == sum(map(len, data.labels.values()))
    assert isinstance(table, PairTable)
    by_hand = {
        (part.photos[first].name, part.photos[second].name, chance)
        for part in data.labels.values()
        if isinstance(part, PairTable)
        for first, second, chance in zip(part.first, part.second, part.preference, strict=True)
    }
    joined = zip(table.first, table.second, table.preference, strict=True)
    assert {
        (table.photos[first].name, table.photos[second].name, chance) for first, second, chance in joined
    } == by_hand
    write_ava(tmp_path / "ava", photos=20, test=5)
    ava = AvaPhotos(str(tmp_path / "ava"), "images", "official", 0.2, str(tmp_path), None, 0)
    assert len(labels_of(ava, "all")[1]) == 20


def test_all_of_a_list_that_hangs_together_has_the_pairs_between_its_splits_too(tmp_path: Path) -> None:
    write_pairs(tmp_path / "p", series=1, photos_per_series=8)
    data = PairList(str(tmp_path / "p" / "list.csv"), 0.2, 0.2, str(tmp_path), None, 0)
    assert len(labels_of(data, None)[1]) == 28 > sum(map(len, data.labels.values()))


def test_a_split_that_there_is_not_or_that_is_empty_is_refused(tmp_path: Path) -> None:
    data = triage(tmp_path / "a")
    with pytest.raises(UsageError, match="split=tset: must be one of train, val, test, all"):
        labels_of(data, "tset")
    data.labels = {**data.labels, "val": data.labels["val"].where(np.zeros(len(data.labels["val"]), bool))}  # type: ignore[misc]
    with pytest.raises(UsageError, match="no labels in its val split"):
        labels_of(data, "val")


def test_a_limit_takes_whole_series_and_at_most_so_many_photos(tmp_path: Path) -> None:
    _, complete_table = labels_of(triage(tmp_path / "a"), "all")
    _, some = labels_of(triage(tmp_path / "b", limit=10), "all")
    assert isinstance(complete_table, PairTable)
    assert isinstance(some, PairTable)
    assert len(some.photos) == 9  # of series of three
    for series in set(some.series.tolist()):
        assert (some.series == series).sum() == (complete_table.series == series).sum()
    with pytest.raises(UsageError, match=r"data.limit=2: the smallest series has 3 photos"):
        limited(complete_table, 2, 0)
    with pytest.raises(UsageError, match=r"data.limit=0: must be a whole number"):
        limited(complete_table, 0, 0)


def test_a_limit_on_votes_takes_photos(tmp_path: Path) -> None:
    write_ava(tmp_path / "ava", photos=20, test=8)
    ava = AvaPhotos(str(tmp_path / "ava"), "images", "official", 0.2, str(tmp_path), 3, 0)
    _, table = labels_of(ava, "test")
    assert len(table) == 3
    assert len(limited(table, 99, 0)) == 3


def test_labels_are_called_the_same_only_if_they_are() -> None:
    photos = tuple(PhotoFile(f"./{name}", Path(name)) for name in "abc")
    table = PairTable(photos, np.array([0, 1]), np.array([1, 2]), np.array([0.9, 0.2]), np.ones(2), np.array([1, 1]))
    turned = table.where(np.array([True, True]))
    moved = PairTable(tuple(PhotoFile(photo.name, Path("x")) for photo in photos), *list(vars(table).values())[1:])
    other = PairTable(photos, table.first, table.second, np.array([0.9, 0.3]), table.weight, table.series)
    assert fingerprint(table) == fingerprint(turned) == fingerprint(moved) != fingerprint(other)
