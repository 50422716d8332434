"""Photos to rank: folders, files and patterns; the files of one shot; extras that are missing."""

import logging
from pathlib import Path

import pytest

from iqbench.culling import listing
from iqbench.culling.listing import listed_shots
from iqbench.errors import UsageError
from iqbench.interfaces import STANDARD_LIMITS


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def named(*photos: object, include: str | None = None, exclude: str | None = None) -> dict[str, list[str]]:
    shots = listed_shots([str(each) for each in photos], include, exclude, STANDARD_LIMITS)
    return {shot.file.name: [path.name for path in shot.companions] for shot in shots}


@pytest.fixture(autouse=True)
def _every_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "missing_extra", lambda path: "")


def test_the_raw_file_and_the_jpeg_of_a_shot_are_one_photo(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.CR3", "a/1.jpg", "a/2.NEF", "b/1.dng", "b/3.png", "b/3.JPG", "b/3.arw")
    assert named(tmp_path) == {
        "./a/1.jpg": ["1.CR3"],
        "./a/2.NEF": [],
        "./b/1.dng": [],
        "./b/3.JPG": ["3.arw"],
        "./b/3.png": [],
    }


def test_folders_files_and_patterns_can_be_mixed_and_nothing_counts_twice(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "a/sub/2.jpg", "b/3.jpg", "b/4.png", "é x/5.jpg")
    assert list(named(tmp_path / "a", tmp_path / "a" / "1.jpg")) == ["./1.jpg", "./sub/2.jpg"]
    assert list(named(tmp_path / "a" / "1.jpg", tmp_path / "b")) == ["./a/1.jpg", "./b/3.jpg", "./b/4.png"]
    assert list(named(tmp_path / "b" / "*.jpg", tmp_path / "é x")) == ["./b/3.jpg", "./é x/5.jpg"]
    assert list(named(tmp_path, exclude="b")) == ["./a/1.jpg", "./a/sub/2.jpg", "./é x/5.jpg"]
    assert list(named(tmp_path, include="*.png")) == ["./b/4.png"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nothere", "no such folder or photo"),
        ("none/*.jpg", "no such folder as"),
        ("empty", "no photos in it that can be read"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, given: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=message):
        named(tmp_path / given)
    with pytest.raises(UsageError, match=r"^photos: there are none; give a folder: python -m iqbench.rank DIR"):
        named()


def test_without_an_extra_its_photos_are_left_out_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    touch(tmp_path, "1.CR3", "2.CR3", "3.CR3", "3.jpg", "4.heic")
    extras = {".cr3": "raw", ".heic": "heic"}
    monkeypatch.setattr(listing, "missing_extra", lambda path: extras.get(path.suffix.lower(), ""))
    with caplog.at_level(logging.WARNING):
        assert named(tmp_path) == {"./3.jpg": ["3.CR3"]}
    assert caplog.messages == [
        "1 HEIC photos are left out (such as 4.heic); pip install 'iqbench[heic]' reads them",
        "2 RAW photos are left out (such as 1.CR3); pip install 'iqbench[raw]' reads them",
    ]
