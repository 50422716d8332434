import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fixtures.broken_files import encoded
from fixtures.fatal_photos import decode_or_die
from iqbench.datasets import decode_cache
from iqbench.datasets.decode_cache import examine
from iqbench.datasets.decode_check import DecodeResult, decode, decode_all
from iqbench.datasets.folder import Folder
from iqbench.interfaces import PhotoFile

JPEG = encoded(Image.new("RGB", (48, 40)), "JPEG")
PNG = encoded(Image.new("RGB", (60, 33), "red"), "PNG")


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were decoded, in order."""
    names: list[str] = []

    def noting(paths: Sequence[Path]) -> Iterator[tuple[int, DecodeResult]]:
        names.extend(path.name for path in paths)
        yield from decode_all(paths)

    monkeypatch.setattr(decode_cache, "decode_all", noting)
    return names


@pytest.fixture
def files(tmp_path: Path) -> list[PhotoFile]:
    """A photo, half a photo, another photo, and one that is not there."""
    root = tmp_path / "photos"
    root.mkdir()
    for name, content in (("a.jpg", JPEG), ("b.jpg", JPEG[:-100]), ("c.png", PNG)):
        (root / name).write_bytes(content)
    return [PhotoFile(f"./{name}", root / name) for name in ("c.png", "a.jpg", "none.jpg", "b.jpg")]


def test_a_row_a_photo_in_the_order_given(files: list[PhotoFile], tmp_path: Path) -> None:
    table = examine(files, tmp_path / "cache")
    assert table.columns.tolist() == ["path", "sha256", "file_bytes", "width", "height", "code", "error", "look"]
    assert table.index.tolist() == ["./c.png", "./a.jpg", "./none.jpg", "./b.jpg"]
    assert table["code"].tolist() == ["ok", "ok", "vanished", "corrupt"]
    assert table["path"].tolist() == [file.path for file in files]
    first = table.loc["./a.jpg"]
    assert (first["width"], first["height"], first["file_bytes"], first["error"]) == (48, 40, len(JPEG), "")
    assert first["sha256"] == hashlib.sha256(JPEG).hexdigest()
    unusable = table[table["code"] != "ok"]
    assert unusable[["sha256", "file_bytes", "width", "height"]].isna().all(axis=None)
    assert unusable["error"].str.len().min() > 10


def test_what_is_known_is_the_same_as_what_is_found_out(files: list[PhotoFile], tmp_path: Path) -> None:
    first, second = examine(files, tmp_path / "cache"), examine(files, tmp_path / "cache")
    pd.testing.assert_frame_equal(first, second)
    pd.testing.assert_frame_equal(first.iloc[::-1], examine(files[::-1], tmp_path / "cache"))


def test_no_photos_make_a_table_without_rows(tmp_path: Path) -> None:
    table = examine([], tmp_path / "cache")
    assert (len(table), len(table.columns)) == (0, 8)
    assert not (tmp_path / "cache").exists()


def test_what_can_be_used_is_said_last(
    files: list[PhotoFile], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "iqbench.datasets.decode_cache"):
        examine([*files, PhotoFile("./none too.jpg", tmp_path / "photos" / "none too.jpg")], tmp_path / "cache")
        examine(files[:2], tmp_path / "cache")
    assert caplog.messages == ["2 of 5 photos can be used (2 vanished, 1 corrupt)", "2 of 2 photos can be used"]


# What is remembered


def test_a_file_that_has_not_changed_is_not_decoded_again(
    files: list[PhotoFile], tmp_path: Path, looked: list[str]
) -> None:
    examine(files, tmp_path / "cache")
    assert looked == ["c.png", "a.jpg", "none.jpg", "b.jpg"]
    looked.clear()
    examine(files, tmp_path / "cache")
    assert looked == ["none.jpg"]


def touched(path: Path) -> None:
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))


def rewritten(path: Path) -> None:
    """Another photo, last changed at the same time as the first."""
    stamp = path.stat().st_mtime_ns
    path.write_bytes(PNG)
    os.utime(path, ns=(stamp, stamp))


@pytest.mark.parametrize("change", [touched, rewritten])
def test_a_file_that_has_changed_is_decoded_again(
    files: list[PhotoFile], tmp_path: Path, looked: list[str], change: Callable[[Path], None]
) -> None:
    examine(files, tmp_path / "cache")
    change(tmp_path / "photos" / "a.jpg")
    looked.clear()
    table = examine(files, tmp_path / "cache")
    assert looked == ["a.jpg", "none.jpg"]
    assert (table.loc["./a.jpg", "width"] == 60) == (change is rewritten)


@pytest.mark.parametrize("code", ["vanished", "changed", "permission", "not_a_file", "process_died", "timeout"])
def test_what_says_nothing_about_a_files_bytes_is_not_remembered(
    files: list[PhotoFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    failed = DecodeResult(None, None, None, None, code, "")
    monkeypatch.setattr(decode_cache, "decode_all", lambda paths: ((at, failed) for at in range(len(paths))))
    assert examine(files, tmp_path / "cache")["code"].tolist() == [code] * 4
    monkeypatch.undo()
    assert examine(files, tmp_path / "cache")["code"].tolist() == ["ok", "ok", "vanished", "corrupt"]


def test_photos_that_are_not_asked_for_are_remembered_too(
    files: list[PhotoFile], tmp_path: Path, looked: list[str]
) -> None:
    for some in (files, files[:2], files):
        looked.clear()
        examine(some, tmp_path / "cache")
    assert looked == ["none.jpg"]


def test_each_root_has_a_memory_of_its_own(files: list[PhotoFile], tmp_path: Path) -> None:
    (tmp_path / "photos").rename(tmp_path / "moved")
    moved = [PhotoFile(file.name, tmp_path / "moved" / file.path.name) for file in files]
    assert examine(moved, tmp_path / "cache")["code"].tolist() == ["ok", "ok", "vanished", "corrupt"]
    assert examine(files, tmp_path / "cache")["code"].tolist() == ["vanished"] * 4
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_a_relative_path_is_remembered_as_the_file_that_it_meant(
    files: list[PhotoFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looked: list[str]
) -> None:
    examine(files, tmp_path / "cache")
    looked.clear()
    monkeypatch.chdir(tmp_path / "photos")
    relative = [PhotoFile(file.name, Path(file.path.name)) for file in files]
    assert examine(relative, tmp_path / "cache")["code"].tolist() == ["ok", "ok", "vanished", "corrupt"]
    assert looked == ["none.jpg"]


@pytest.mark.parametrize("newer", ["pillow", "iqbench"])
def test_another_version_of_the_decoder_looks_again(
    files: list[PhotoFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looked: list[str], newer: str
) -> None:
    examine(files, tmp_path / "cache")
    looked.clear()
    name = "iqbench_version" if newer == "iqbench" else "distribution_version"
    monkeypatch.setattr(decode_cache, name, lambda *_: "99")
    examine(files, tmp_path / "cache")
    assert len(looked) == 4


def test_names_that_are_not_utf8_are_remembered(tmp_path: Path, looked: list[str]) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    for name in (b"caf\xe9.jpg", b"NA.jpg", "写真\n.jpg".encode()):
        (root / os.fsdecode(name)).write_bytes(JPEG)
    photo_files = Folder(str(root), limit=None, seed=0).photos().files
    table = examine(photo_files, tmp_path / "cache")
    looked.clear()
    pd.testing.assert_frame_equal(table, examine(photo_files, tmp_path / "cache"))
    assert looked == []
    assert table.index.tolist() == ["./NA.jpg", r"./caf\xe9.jpg", "./写真\n.jpg"]


# What goes wrong


def memory_file(cache: Path) -> Path:
    (file,) = cache.iterdir()
    return file


def damage(content: bytes, way: str, seed: int) -> bytes:
    if way == "flipped":
        bits = np.unpackbits(np.frombuffer(content, dtype=np.uint8))
        bits[np.random.default_rng(seed).integers(len(bits), size=3)] ^= 1
        return np.packbits(bits).tobytes()
    return {"cut": content[: len(content) * seed // 20], "empty": b"", "text": b"<html>"}[way]


@pytest.mark.slow
@pytest.mark.parametrize("way", ["flipped", "cut", "empty", "text"])
def test_a_damaged_memory_is_made_again(
    files: list[PhotoFile], tmp_path: Path, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    expected = examine(files, tmp_path / "cache")
    file = memory_file(tmp_path / "cache")
    original_bytes = file.read_bytes()
    noticed = 0
    for seed in range(20 if way in ("flipped", "cut") else 1):
        caplog.clear()
        file.write_bytes(damage(original_bytes, way, seed))
        pd.testing.assert_frame_equal(examine(files, tmp_path / "cache"), expected)
        noticed += "cannot be used" in caplog.text
        pd.testing.assert_frame_equal(examine(files, tmp_path / "cache"), expected)
    assert noticed >= (10 if way == "flipped" else 1)  # a flipped bit may be in a comment


def test_a_memory_that_says_something_else_than_was_written_is_not_believed(
    files: list[PhotoFile], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = examine(files, tmp_path / "cache")
    file, sha = memory_file(tmp_path / "cache"), hashlib.sha256(JPEG).hexdigest().encode()
    original_bytes = file.read_bytes()
    assert sha in original_bytes
    file.write_bytes(original_bytes.replace(sha, sha[::-1]))
    pd.testing.assert_frame_equal(examine(files, tmp_path / "cache"), expected)
    assert "cannot be used" in caplog.text


def test_a_memory_with_other_columns_is_made_again(
    files: list[PhotoFile], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = examine(files, tmp_path / "cache")
    pd.DataFrame({"path": ["a"]}).to_parquet(memory_file(tmp_path / "cache"))
    pd.testing.assert_frame_equal(examine(files, tmp_path / "cache"), expected)
    assert "other columns than expected" in caplog.text


@pytest.mark.parametrize("cache", ["file", "file/below"])
def test_a_cache_that_cannot_be_written_costs_time_only(
    files: list[PhotoFile], tmp_path: Path, caplog: pytest.LogCaptureFixture, cache: str
) -> None:
    (tmp_path / "file").write_bytes(b"")
    for _ in range(2):
        assert examine(files, tmp_path / cache)["code"].tolist() == ["ok", "ok", "vanished", "corrupt"]
    assert "cannot be written" in caplog.text
    assert (tmp_path / "file").read_bytes() == b""


class FullDiskError(OSError):
    pass


def test_a_memory_that_cannot_be_replaced_stays_as_it_was(
    files: list[PhotoFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examine(files[:1], tmp_path / "cache")
    original_bytes = memory_file(tmp_path / "cache").read_bytes()

    def refuse(path: Path, target: Path) -> None:
        raise FullDiskError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    examine(files, tmp_path / "cache")
    assert memory_file(tmp_path / "cache").read_bytes() == original_bytes


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, OSError])
def test_what_was_found_before_an_interruption_is_kept(
    files: list[PhotoFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def interrupted(paths: Sequence[Path]) -> Iterator[tuple[int, DecodeResult]]:
        yield from ((at, decode(path)) for at, path in enumerate(paths[:2]))
        raise error

    monkeypatch.setattr(decode_cache, "decode_all", interrupted)
    with pytest.raises(error):
        examine(files, tmp_path / "cache")
    monkeypatch.undo()
    decoded_names: list[str] = []

    def noting(paths: Sequence[Path]) -> Iterator[tuple[int, DecodeResult]]:
        decoded_names.extend(path.name for path in paths)
        return decode_all(paths)

    monkeypatch.setattr(decode_cache, "decode_all", noting)
    examine(files, tmp_path / "cache")
    assert decoded_names == ["none.jpg", "b.jpg"]


def test_in_a_long_examination_what_was_found_is_saved_on_the_way(
    files: list[PhotoFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []

    def noting(paths: Sequence[Path]) -> Iterator[tuple[int, DecodeResult]]:
        for at, path in enumerate(paths):
            yield at, decode(path)
            sizes.append(len(pd.read_parquet(memory_file(tmp_path / "cache"))))

    monkeypatch.setattr(decode_cache, "_SAVE_SECONDS", -1.0)
    monkeypatch.setattr(decode_cache, "decode_all", noting)
    examine(files, tmp_path / "cache")
    assert sizes == [1, 2, 2, 3]


def test_a_photo_that_kills_its_process_costs_its_own_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    for name in ("deadly", *range(100)):
        (root / f"{name}.jpg").write_bytes(JPEG)
    photo_files = Folder(str(root), limit=None, seed=0).photos().files
    monkeypatch.setattr(decode_cache, "decode_all", partial(decode_all, decode=decode_or_die))
    table = examine(photo_files, tmp_path / "cache")
    assert table[table["code"] != "ok"]["code"].to_dict() == {"./deadly.jpg": "process_died"}
    assert len(table) == 101
