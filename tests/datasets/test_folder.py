import hashlib
import logging
import os
import shutil
import socket
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

from fixtures import broken_files
from fixtures.systems import needs_byte_names, needs_pipes, needs_posix_names
from iqbench.benchmark.pairs import score_pairs
from iqbench.benchmark.task import BenchmarkTask
from iqbench.datasets.folder import Folder
from iqbench.datasets.photo_names import display_name, path_of
from iqbench.datasets.sampling import sample
from iqbench.errors import UsageError
from iqbench.inference.engine_config import EngineConfig
from iqbench.interfaces import PhotoFile, PhotoListing
from iqbench.models.rules import Rules
from iqbench.reporting.plot_style import save_figure

PNG = broken_files.encoded(Image.new("RGB", (40, 40)), "PNG")


def put(root: Path, *names: str | bytes, content: bytes = PNG) -> None:
    for name in names:
        path = root / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def listing(root: Path, limit: int | None = None, seed: int = 0) -> PhotoListing:
    return Folder(str(root), limit=limit, seed=seed).photos()


def names(root: Path) -> list[str]:
    return [file.name for file in listing(root).files]


def test_photos_of_all_folders_are_found_and_sorted_by_name(tmp_path: Path) -> None:
    put(tmp_path, "b.png", "a/z.JPG", "a/b/c/d.tiff", "B.webp", "é.gif", "a.avif")
    photos = listing(tmp_path)
    assert [file.name for file in photos.files] == [
        "./B.webp",
        "./a.avif",
        "./a/b/c/d.tiff",
        "./a/z.JPG",
        "./b.png",
        "./é.gif",
    ]
    assert [file.path for file in photos.files][:2] == [tmp_path / "B.webp", tmp_path / "a.avif"]
    assert photos.ignored == {}


def test_the_order_does_not_depend_on_the_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    put(root, *(f"{folder}/{stem}.png" for folder in "cab" for stem in "321"))
    put(outside, "linked.png")
    for link in ("link1", "link2"):
        (root / link).symlink_to(outside)
    original_names = names(root)
    real = os.scandir

    class Reversed:
        def __init__(self, path: Path) -> None:
            with real(path) as entries:
                self.entries = sorted(entries, key=lambda entry: entry.name, reverse=True)

        def __enter__(self) -> list[os.DirEntry[str]]:
            return self.entries

        def __exit__(self, *args: object) -> None:
            pass

        def close(self) -> None:
            pass

    monkeypatch.setattr(os, "scandir", Reversed)
    assert names(root) == original_names == sorted(original_names)


def test_hidden_and_system_files_are_ignored_and_counted(tmp_path: Path) -> None:
    put(tmp_path, "a.png", ".b.png", "._a.png", "Thumbs.db", "desktop.ini", ".git/c.png", "x/.DS_Store")
    photos = listing(tmp_path)
    assert [file.name for file in photos.files] == ["./a.png"]
    assert photos.ignored == {"hidden": 6}


def test_other_files_are_ignored_and_counted(tmp_path: Path) -> None:
    put(tmp_path, "notes.txt", "movie.mp4", "README", content=b"BMW is not a bitmap, nor is this a photo")
    put(tmp_path, "short", content=b"\xff")
    put(tmp_path, "a.png")
    assert listing(tmp_path).ignored == {"not a photo": 4}


def test_a_photo_with_another_name_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    put(tmp_path, "no_suffix", "backup.bak", "IMG_1.jpg.orig")
    put(tmp_path, "phone", content=broken_files.heic())
    photos = listing(tmp_path)
    assert [file.name for file in photos.files] == ["./IMG_1.jpg.orig", "./backup.bak", "./no_suffix"]
    assert photos.ignored == {"unsupported format: no suffix": 1}


def test_photos_that_cannot_be_decoded_are_listed_and_get_their_rows(tmp_path: Path) -> None:
    put(tmp_path, "empty.jpg", "page.JPEG", content=b"")
    put(tmp_path, "phone.jpg", content=broken_files.heic())
    assert len(names(tmp_path)) == 3


@needs_pipes
def test_pipes_sockets_and_broken_links_named_like_photos_are_listed_and_never_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path is limited to 107 bytes
    for name in ("pipe.jpg", "pipe"):
        os.mkfifo(name)
    for name in ("broken.jpg", "broken"):
        Path(name).symlink_to("nowhere")
    for name in ("itself.jpg", "itself"):
        Path(name).symlink_to(name)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.jpg")
        photos = listing(tmp_path)
    assert [file.name for file in photos.files] == ["./broken.jpg", "./itself.jpg", "./pipe.jpg", "./socket.jpg"]
    assert photos.ignored == {"not a photo": 3}


def test_a_folder_named_like_a_photo_is_listed_and_searched(tmp_path: Path) -> None:
    put(tmp_path, "x.jpg/a.png")
    assert names(tmp_path) == ["./x.jpg", "./x.jpg/a.png"]


def test_each_real_folder_is_visited_once_however_links_lead_to_it(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    put(root, "z/a.png")
    put(outside, "b.png")
    (root / "a_link_to_z").symlink_to(root / "z")
    (root / "z" / "up").symlink_to(root)
    (root / "link1").symlink_to(outside)
    (root / "link2").symlink_to(outside)
    assert names(root) == ["./link1/b.png", "./z/a.png"]


def test_a_link_to_a_photo_is_a_photo_of_its_own(tmp_path: Path) -> None:
    put(tmp_path, "a.png")
    (tmp_path / "b.png").symlink_to("a.png")
    assert names(tmp_path) == ["./a.png", "./b.png"]


def test_the_same_name_in_two_folders_makes_two_photos(tmp_path: Path) -> None:
    put(tmp_path, "x/1.png", "y/1.png")
    assert names(tmp_path) == ["./x/1.png", "./y/1.png"]


def test_an_unreadable_folder_is_counted_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, "a.png", "locked/b.png")
    real = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with caplog.at_level(logging.WARNING, "iqbench.datasets.folder"):
        photos = listing(tmp_path)
    assert photos.ignored == {"unreadable folder": 1}
    assert "./locked: folder left out, cannot be read (Permission denied)" in caplog.text


def test_an_unreadable_file_of_unknown_kind_is_counted_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, "a.png", "locked")

    def refuse(path: Path, *args: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with caplog.at_level(logging.WARNING, "iqbench.datasets.folder"):
        photos = listing(tmp_path)
    assert [file.name for file in photos.files] == ["./a.png"]
    assert photos.ignored == {"unreadable file": 1}
    assert "locked" in caplog.text


# Folders that iqbench wrote into

SIGNS = [".iqbench", "results.sqlite", "unified_results.csv", "KEY_TAKEAWAYS.md", "evaluation.json", "outcome.json"]


@pytest.mark.parametrize("sign", SIGNS)
def test_pictures_of_iqbench_are_passed_over_and_photos_beside_them_are_judged(tmp_path: Path, sign: str) -> None:
    put(tmp_path, "a.png", "runs/one/accuracy.png", "runs/one/evaluation.png")
    put(tmp_path, f"runs/one/{sign}", "runs/one/summary.json", content=b"text")
    put(tmp_path, "runs/one/mine.png", "runs/one/trip/accuracy.png", "runs/one/trip/b.jpg")
    photos = listing(tmp_path)
    mine = ["./runs/one/mine.png", "./runs/one/trip/accuracy.png", "./runs/one/trip/b.jpg"]
    assert [file.name for file in photos.files] == ["./a.png", *mine]
    assert sum(photos.ignored.values()) == 4
    assert "./runs/one/accuracy.png" in photos.ignored_examples["iqbench results"]


def test_a_picture_that_iqbench_drew_is_known_wherever_it_lies_and_however_it_is_called(tmp_path: Path) -> None:
    put(tmp_path, "a.png")
    (tmp_path / "talk").mkdir()
    save_figure(Figure((2, 2)), tmp_path / "talk" / "slide 3.PNG")
    photos = listing(tmp_path)
    assert [file.name for file in photos.files] == ["./a.png"]
    assert photos.ignored_examples == {"iqbench results": ["./talk/slide 3.PNG"]}


def test_a_photo_called_accuracy_is_a_photo_where_iqbench_wrote_nothing(tmp_path: Path) -> None:
    put(tmp_path, "accuracy.png", "wandb/b.png")
    assert names(tmp_path) == ["./accuracy.png", "./wandb/b.png"]


def test_pictures_of_a_trainings_logger_are_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "train/.iqbench", "train/wandb/run-1/files/media/worst.png", "train/mlruns/0/x.png")
    photos = listing(tmp_path)
    assert [file.name for file in photos.files] == ["./a.png"]
    assert photos.ignored_examples["iqbench results"] == ["./train/mlruns/", "./train/wandb/"]


def test_a_folder_that_results_were_written_into_is_still_a_source(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "sub/b.png")
    put(tmp_path, "results.sqlite", content=b"SQLite format 3\0")
    put(tmp_path, ".iqbench", content=b"")
    assert names(tmp_path) == ["./a.png", "./sub/b.png"]


def test_what_was_passed_over_is_logged_with_its_places(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(tmp_path, "a.jpg", "out/.iqbench", "out/accuracy.png")
    put(tmp_path, "a.CR2", "b.CR2", "c.heic", content=b"")
    with caplog.at_level(logging.INFO, "iqbench.datasets.folder"):
        listing(tmp_path)
    assert caplog.messages == [
        f"data.root={tmp_path}: passed over 3 in formats that iqbench does not read, convert them to JPEG, PNG or TIFF "
        "(2 cr2, 1 heic: ./a.CR2, ./c.heic, ...); 1 hidden; 1 written by iqbench (./out/accuracy.png)"
    ]


# Formats, patterns and limits


def mixed_folder(root: Path, shots: int) -> None:
    """Write shots as RAW, JPEG and HEIC each."""
    for number in range(shots):
        put(root, f"IMG_{number}.JPG", content=broken_files.encoded(Image.new("RGB", (40, 40 + number)), "JPEG"))
        put(root, f"IMG_{number}.HEIC", content=broken_files.heic())
        put(root, f"IMG_{number}.CR2", content=b"II*\0\x10\0\0\0CR\2\0" + bytes(99))


@pytest.mark.parametrize("limit", [None, 6, 9])
def test_of_a_shot_in_three_formats_the_jpeg_is_judged(tmp_path: Path, limit: int | None) -> None:
    mixed_folder(tmp_path, 6)
    photos = listing(tmp_path, limit)
    assert [file.name for file in photos.files] == [f"./IMG_{number}.JPG" for number in range(6)]
    assert photos.ignored == {"unsupported format: cr2": 6, "unsupported format: heic": 6}


def test_a_jpeg_called_heic_is_judged(tmp_path: Path) -> None:
    put(tmp_path, "converted.heic", content=broken_files.encoded(Image.new("RGB", (40, 40)), "JPEG"))
    assert names(tmp_path) == ["./converted.heic"]


def test_a_limit_counts_photos_that_can_be_decoded(tmp_path: Path) -> None:
    put(tmp_path, *(f"good{number}.png" for number in range(6)))
    put(tmp_path, *(f"cut{number}.png" for number in range(4)), content=PNG[: len(PNG) // 2])
    put(tmp_path, "heic.jpg", content=broken_files.heic())
    put(tmp_path, "page.jpg", "note.png", content=b"<html>not a photo, whatever its name says</html>")
    put(tmp_path, "empty.png", content=b"")
    put(tmp_path, "small.png", content=broken_files.encoded(Image.new("RGB", (9, 9)), "PNG"))
    samples = [listing(tmp_path, limit) for limit in range(1, 7)]
    assert [len(photos.files) for photos in samples] == [1, 2, 3, 4, 5, 6]
    assert all(file.name.startswith("./good") for photos in samples for file in photos.files)
    assert all({*small.files} < {*large.files} for small, large in pairwise(samples))
    everything = listing(tmp_path, 99)
    assert len(everything.files) == 6
    assert everything.ignored == {
        "cannot be decoded: corrupt": 4,
        "cannot be decoded: empty": 1,
        "cannot be decoded: not_an_image": 2,
        "cannot be decoded: too_small": 1,
        "cannot be decoded: unsupported_format": 1,
    }
    assert len(names(tmp_path)) == 15  # without a limit each has a row that tells why


def test_a_limit_counts_photos_within_the_limits_of_their_size(tmp_path: Path) -> None:
    for side in (20, 40, 60):
        put(tmp_path, f"{side}.png", content=broken_files.encoded(Image.new("RGB", (side, side)), "PNG"))

    def sampled(**sizes: float) -> list[str]:
        return [file.name for file in Folder(str(tmp_path), limit=3, seed=0, **sizes).photos().files]

    assert sampled() == ["./40.png", "./60.png"]
    assert sampled(min_side=10) == ["./20.png", "./40.png", "./60.png"]
    assert sampled(max_megapixels=0.002) == ["./40.png"]


def chosen(root: Path, **patterns: str | list[str]) -> list[str]:
    return [file.name for file in Folder(str(root), limit=None, seed=0, **patterns).photos().files]


def test_photos_are_chosen_by_patterns(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "B.PNG", "a_small.png", "2024/c.png", "2024/may/d.png", "raw/e.png")
    assert (
        chosen(tmp_path, include="2024/**") == ["./2024/c.png", "./2024/may/d.png"] == chosen(tmp_path, include="2024")
    )
    assert chosen(tmp_path, include=["2024/*.png", "b.png"], exclude="may") == ["./2024/c.png", "./B.PNG"]
    assert chosen(tmp_path, exclude=["*_small.*", "raw", "2024/**"]) == ["./B.PNG", "./a.png"]
    assert chosen(tmp_path, include="**/d.*") == ["./2024/may/d.png"]


def test_an_excluded_folder_is_not_visited(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "trash/b.png")
    photos = Folder(str(tmp_path), limit=None, seed=0, exclude="trash").photos()
    assert photos.ignored == {"excluded by data.exclude": 1}
    assert photos.ignored_examples == {"excluded by data.exclude": ["./trash/"]}


def test_a_pattern_that_matches_nothing_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(tmp_path, "a.png")
    with caplog.at_level(logging.WARNING, "iqbench.datasets.folder"):
        chosen(tmp_path, exclude=["*.tif", "a/*"])
    assert caplog.messages == [
        f"data.exclude={pattern}: matches no photo in data.root={tmp_path}" for pattern in ("*.tif", "a/*")
    ]
    with pytest.raises(UsageError, match=r"no photos in it \(ignored: 1 not in data.include\)"):
        chosen(tmp_path, include="*.tif")


@pytest.mark.parametrize("pattern", ["", "/etc/*", "../*", [""], [1], [None], "./"])
def test_a_pattern_that_cannot_match_is_refused_by_its_key(tmp_path: Path, pattern: object) -> None:
    with pytest.raises(UsageError, match=r"^data\.include="):
        Folder(str(tmp_path), limit=None, seed=0, include=pattern)


@needs_byte_names
def test_a_pattern_matches_both_unicode_forms_and_equal_names_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, "é.png", "e\u0301.png", "b.png")
    assert len(chosen(tmp_path, include="É.png")) == 2
    assert "1 names stand for several photos that differ in Unicode form" in caplog.text


HARD_NAMES = [
    "with space.png",
    "quote'\".png",
    "a,b;c\t.png",
    "new\nline.png",
    "return\r.png",
    "=SUM(A1).png",
    "NA.jpg",
    "007.png",
    "%s.png",
    "写真.png",
    "x" * 251 + ".png",
]


@pytest.mark.parametrize("name", HARD_NAMES)
@needs_posix_names
def test_hard_names_are_kept_as_they_are(tmp_path: Path, name: str) -> None:
    put(tmp_path, name, content=b"recognised by its name alone")
    assert names(tmp_path) == [f"./{name}"]


@needs_byte_names
def test_names_that_are_not_utf8_are_escaped_and_their_files_still_found(tmp_path: Path) -> None:
    put(tmp_path, b"caf\xe9.png", b"\xff\xfe/1.png")
    photos = listing(tmp_path)
    assert [file.name for file in photos.files] == [r"./\xff\xfe/1.png", r"./caf\xe9.png"]
    assert all(file.path.read_bytes() == PNG for file in photos.files)
    assert all(file.name.encode("utf-8") for file in photos.files)


@needs_byte_names
def test_no_two_files_share_a_name(tmp_path: Path) -> None:
    put(tmp_path, b"caf\xe9.png", rb"caf\xe9.png", rb"caf\\xe9.png", "café.png", "cafe\u0301.png")
    assert len(set(names(tmp_path))) == 5


def test_a_name_is_the_same_whatever_else_is_in_the_folder() -> None:
    assert display_name(r"caf\xe9.png") == r"./caf\\xe9.png"


@pytest.mark.parametrize("path", [*HARD_NAMES, r"caf\xe9.png", "\udcff\udcfe/1.png", "caf\udce9.png", "\\\\x41\\.png"])
@needs_posix_names
def test_a_name_is_turned_back_into_its_path(path: str) -> None:
    assert path_of(display_name(path)) == path


# Sampling

MANY = [PhotoFile(f"./{number:03}.jpg", Path(f"{number:03}.jpg")) for number in range(100)]


def test_a_sample_is_drawn_by_hash_and_sorted() -> None:
    by_hash = {hashlib.sha256(f"7:{file.name}".encode()).hexdigest(): file for file in MANY}
    expected = sorted((by_hash[digest] for digest in sorted(by_hash)[:10]), key=lambda file: file.name)
    assert sample(MANY, limit=10, seed=7) == sample(MANY[::-1], limit=10, seed=7) == expected


def test_a_larger_sample_contains_the_smaller_one() -> None:
    samples = [set(sample(MANY, limit, seed=1)) for limit in range(1, 101)]
    assert all(small < large for small, large in pairwise(samples))


def test_another_seed_draws_another_sample() -> None:
    assert sample(MANY, 10, seed=1) != sample(MANY, 10, seed=2)


def test_a_photo_more_replaces_at_most_one_of_the_sample() -> None:
    original_sample = set(sample(MANY, 10, seed=1))
    for number in range(50):
        new = PhotoFile(f"./new{number}.jpg", Path("new.jpg"))
        assert len(original_sample - set(sample([*MANY, new], 10, seed=1))) <= 1


def test_no_limit_and_a_large_limit_mean_every_photo() -> None:
    assert sample(MANY, None, seed=1) == sample(MANY, 1000, seed=1) == MANY


def test_a_folder_is_sampled_in_the_same_way_every_time(tmp_path: Path) -> None:
    put(tmp_path / "one", *(f"{number}.png" for number in range(20)))
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    samples = [[file.name for file in listing(tmp_path / name, limit=5, seed=3).files] for name in ("one", "two")]
    assert samples[0] == samples[1]
    assert len(samples[0]) == 5


# Usage errors


def message_of(root: Path | str, limit: int | None = None) -> str:
    with pytest.raises(UsageError) as caught:
        Folder(str(root), limit=limit, seed=0).photos()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_missing_folder_is_a_usage_error() -> None:
    assert message_of("/nowhere") == "data.root=/nowhere: no such folder"


def test_a_file_instead_of_a_folder_is_a_usage_error(tmp_path: Path) -> None:
    put(tmp_path, "a.png")
    assert "is a file" in message_of(tmp_path / "a.png")


def test_a_folder_that_cannot_be_read_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    assert message_of(tmp_path).endswith("cannot be read (Permission denied)")


def test_a_folder_without_photos_is_a_usage_error_that_says_what_is_there(tmp_path: Path) -> None:
    assert message_of(tmp_path).endswith("no photos in it (ignored: nothing)")
    put(tmp_path, "a.txt", "b.txt", ".c", content=b"text")
    assert message_of(tmp_path).endswith("no photos in it (ignored: 1 hidden, 2 not a photo)")


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_a_usage_error(tmp_path: Path, limit: int) -> None:
    put(tmp_path, "a.png")
    assert message_of(tmp_path, limit).startswith(f"data.limit={limit}: must be a whole number, at least 1")


def test_photos_are_read_with_the_limits_of_the_settings(folder: Path) -> None:  # 60x80, 81x53, 64x64
    def statuses(**limits: float) -> list[str]:
        photos = Folder(str(folder), limit=None, seed=0, **limits).photos().files
        engine = EngineConfig.for_api("cpu", batch_size=1, workers=0)
        rows = (photo for photo, *_ in score_pairs(BenchmarkTask(Rules({}, clipped=True), photos, [], engine)))
        return [photo.status for photo in rows]

    assert statuses() == ["ok", "ok", "ok"]
    assert statuses(min_side=60) == ["ok", "too_small", "ok"]
    assert statuses(max_megapixels=0.0042) == ["too_many_pixels", "too_many_pixels", "ok"]


@pytest.mark.parametrize("limits", [{"max_megapixels": 0}, {"max_megapixels": 179}, {"min_side": 0}])
def test_limits_that_cannot_be_are_refused_by_their_key(tmp_path: Path, limits: dict[str, float]) -> None:
    (key, value) = next(iter(limits.items()))
    with pytest.raises(UsageError, match=rf"^data\.{key}={value}: must be"):
        Folder(str(tmp_path), limit=None, seed=0, **limits)


@pytest.mark.parametrize("errors", ["surrogateescape", "surrogatepass"])  # POSIX, Windows
@pytest.mark.parametrize("path", ["a/b.jpg", "été.jpg", r"a\xe9.jpg", "\udce9.jpg"])
def test_names_are_turned_back_into_paths_with_the_error_handler_of_each_system(
    path: str, errors: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "getfilesystemencodeerrors", lambda: errors)
    assert path_of(display_name(path)) == path
    assert display_name(path).isprintable()


def test_names_have_slashes_on_every_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a/b/c.png")
    monkeypatch.setattr(os.path, "join", lambda *parts: "\\".join(parts))
    assert names(tmp_path) == ["./a/b/c.png"]
