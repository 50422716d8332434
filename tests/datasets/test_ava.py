import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from fixtures.labelled_sets import UNKNOWN_ID, write_ava
from iqbench.datasets.ava import AvaPhotos, read_votes
from iqbench.errors import UsageError
from iqbench.labels import VoteTable

LINE = "1 953619 0 1 5 17 38 36 15 6 5 1 1 22 1396"
OTHER = "2 953958 10 7 15 26 26 21 10 8 1 2 15 21 1396"


def ava(
    root: Path | None, images: str = "images", split: str = "official", share: float = 0.2, seed: int = 0
) -> AvaPhotos:
    text = None if root is None else str(root)
    return AvaPhotos(text, images, split, share, cache="unused", limit=None, seed=seed)  # type: ignore[arg-type]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_ava(tmp_path)
    return tmp_path


def written(folder: Path, lines: Sequence[str]) -> Path:
    file = folder / "AVA.txt"
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


def message_of(folder: Path, lines: Sequence[str]) -> str:
    file = written(folder, lines)
    with pytest.raises(UsageError) as caught:
        read_votes(file)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{file}: ")


def names(table: VoteTable) -> set[str]:
    return {photo.name for photo in table.photos}


# AVA.txt


def test_the_third_column_counts_ones_and_the_twelfth_tens(tmp_path: Path) -> None:
    lines = read_votes(written(tmp_path, [LINE, OTHER]))
    assert lines.id.tolist() == [953619, 953958]
    assert lines.votes.tolist() == [[0, 1, 5, 17, 38, 36, 15, 6, 5, 1], [10, 7, 15, 26, 26, 21, 10, 8, 1, 2]]


def test_windows_line_ends_and_a_mark_at_the_start_are_accepted(tmp_path: Path) -> None:
    file = tmp_path / "AVA.txt"
    file.write_bytes(f"\ufeff{LINE}\r\n{OTHER}".encode())
    assert read_votes(file).id.tolist() == [953619, 953958]


WRONG_LINES = {
    LINE + " 7": "16 columns instead of 15",
    LINE.removesuffix(" 1396"): "14 columns instead of 15",
    LINE.replace(" 36 ", "  36 "): "not separated by single spaces",
    LINE.replace(" ", "\t"): "not separated by single spaces",
    LINE.replace(" ", ","): "not separated by single spaces",
    LINE + " ": "not separated by single spaces",
    "x" + LINE: "column 1 (index) is 'x1', not a whole number",
    LINE.replace("953619", "953619.jpg"): "column 2 (image id) is '953619.jpg', not a whole number",
    LINE.replace(" 0 1 5", " -1 1 5"): "column 3 (votes for 1) is '-1', not a whole number from 0",
    LINE.replace(" 17 ", " nan "): "column 6 (votes for 4) is 'nan', not a whole number",
    LINE.replace(" 38 ", " 38.0 "): "column 7 (votes for 5) is '38.0', not a whole number",
    LINE.replace(" 38 ", " 3_8 "): "column 7 (votes for 5) is '3_8', not a whole number",
    LINE.replace(" 38 ", " +38 "): "column 7 (votes for 5) is '+38', not a whole number",
    LINE.replace(" 38 ", " ٣٨ "): "column 7 (votes for 5) is '٣٨', not a whole number",
    LINE.replace(" 38 ", " 3" + 20 * "8" + " "): "column 7 (votes for 5) is '38888",
    LINE.replace(" 1396", " -"): "column 15 (challenge) is '-', not a whole number",
    OTHER: "image id 953958 is in line 1 too",
    "9 0953958 1 1 1 1 1 1 1 1 1 1 0 0 0": "image id 953958 is in line 1 too",
}


@pytest.mark.parametrize("wrong", WRONG_LINES)
def test_a_wrong_line_is_refused_with_its_number_and_reason(tmp_path: Path, wrong: str) -> None:
    message = message_of(tmp_path, [OTHER, wrong, LINE.replace("953619", "7")])
    assert message.startswith("1 line is wrong: line 2: "), message
    assert WRONG_LINES[wrong] in message


def test_a_header_is_refused(tmp_path: Path) -> None:
    assert "line 1: the columns are not separated" in message_of(tmp_path, ["ID,score2,score3", LINE])


def test_all_wrong_lines_are_listed_at_once_with_their_own_numbers(tmp_path: Path) -> None:
    message = message_of(tmp_path, [LINE, "x", OTHER, LINE, "", OTHER])
    assert message == (
        "4 lines are wrong: line 2: 1 column instead of 15; line 4: image id 953619 is in line 1 too; "
        "line 5: blank; line 6: image id 953958 is in line 3 too"
    )


def test_photos_without_votes_are_left_out_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    unvoted = ["3 7 " + "0 " * 10 + "1 22 1396", "4 8 " + "0 " * 10 + "0 0 0"]
    with caplog.at_level(logging.INFO, "iqbench.datasets.ava"):
        lines = read_votes(written(tmp_path, [LINE, *unvoted, OTHER]))
    assert lines.id.tolist() == [953619, 953958]
    assert "2 photos without votes left out" in caplog.text


def test_random_counts_are_read_back(tmp_path: Path) -> None:
    counts = np.random.default_rng(0).integers(0, 100, (300, 10)) + np.eye(300, 10, dtype=int)
    rows = [f"{at} {at + 1} {' '.join(map(str, row))} 0 0 1" for at, row in enumerate(counts.tolist())]
    assert (read_votes(written(tmp_path, rows)).votes == counts).all()


# The splits


def test_the_official_test_split_is_the_official_list(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "iqbench.datasets.ava"):
        labels = ava(root).read()
    listed = (root / "aesthetics_image_lists" / "generic_test.jpgl").read_text().split()
    assert names(labels["test"]) == {f"./{id_}.jpg" for id_ in listed} - {f"./{UNKNOWN_ID}.jpg"}
    assert {split: len(table) for split, table in labels.items()} == {"train": 24, "val": 6, "test": 10}
    assert "AVA: 1 ids of the official test list have no votes" in caplog.text


def test_the_random_split_is_80_10_10_and_needs_no_list(root: Path) -> None:
    (root / "aesthetics_image_lists" / "generic_test.jpgl").unlink()
    labels = ava(root, split="random").read()
    assert {split: len(table) for split, table in labels.items()} == {"train": 32, "val": 4, "test": 4}


@pytest.mark.parametrize("split", ["official", "random"])
def test_each_photo_is_in_one_split(root: Path, split: str) -> None:
    labels = ava(root, split=split).read()
    assert len(set.union(*(names(table) for table in labels.values()))) == 40
    assert sum(map(len, labels.values())) == 40


@pytest.mark.parametrize("split", ["official", "random"])
def test_splits_depend_on_the_seed_and_not_on_the_order_of_lines(root: Path, split: str) -> None:
    validation_names = {seed: names(ava(root, split=split, seed=seed).read()["val"]) for seed in (0, 1)}
    lines = (root / "AVA.txt").read_text().splitlines()
    written(root, lines[::-1])
    assert names(ava(root, split=split).read()["val"]) == validation_names[0] != validation_names[1]


def test_votes_stay_with_their_photos(root: Path) -> None:
    qualities = write_ava(root / "again", seed=3)
    for table in ava(root / "again").read().values():
        expected = np.array([qualities[photo.name] for photo in table.photos])
        assert np.corrcoef(table.means, expected)[0, 1] > 0.95


def test_photos_are_named_alike_however_they_were_unpacked(tmp_path: Path) -> None:
    write_ava(tmp_path / "plain")
    write_ava(tmp_path / "doubled", images="images/images")
    plain, doubled = ava(tmp_path / "plain").read(), ava(tmp_path / "doubled", images="images/images").read()
    assert [photo.name for photo in plain["val"].photos] == [photo.name for photo in doubled["val"].photos]
    assert all(photo.path.is_file() for table in doubled.values() for photo in table.photos)
    assert doubled["val"].photos[0].path.parent == tmp_path / "doubled" / "images" / "images"


def test_a_photo_that_is_missing_keeps_its_place_in_the_labels(root: Path) -> None:
    photo = ava(root).read()["test"].photos[0]
    photo.path.unlink()
    assert ava(root).read()["test"].photos[0] == photo


@pytest.mark.parametrize("content", ["953007.jpg", "953007 1", "-1", "", "٣"])
def test_a_wrong_line_of_the_test_list_is_refused_with_its_number(root: Path, content: str) -> None:
    file = root / "aesthetics_image_lists" / "generic_test.jpgl"
    file.write_text(f"953007\n{content}\n953014\n")
    with pytest.raises(UsageError) as caught:
        ava(root).read()
    assert str(caught.value).startswith(f"{file}: 1 line is wrong: line 2: ")


def test_the_test_list_may_have_windows_line_ends_and_a_mark(root: Path) -> None:
    file = root / "aesthetics_image_lists" / "generic_test.jpgl"
    expected = names(ava(root).read()["test"])
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert names(ava(root).read()["test"]) == expected


def test_a_test_list_of_another_set_is_refused(root: Path) -> None:
    (root / "aesthetics_image_lists" / "generic_test.jpgl").write_text("1\n2\n")
    with pytest.raises(UsageError, match=r"none of its ids is in AVA\.txt; data\.split=random"):
        ava(root).read()


# Missing files

MISSING: dict[str, Callable[[Path], object]] = {
    "AVA.txt is missing": lambda root: (root / "AVA.txt").unlink(),
    "generic_test.jpgl is missing (data.split=random": lambda root: (
        root / "aesthetics_image_lists" / "generic_test.jpgl"
    ).unlink(),
    "images is not a folder": lambda root: (root / "images").rename(root / "elsewhere"),
    "images is not a folder (is it data.images=image?)": lambda root: (root / "images").rename(root / "image"),
    "no such folder": lambda root: root.rename(root.with_name("moved")),
}


@pytest.mark.parametrize("message", MISSING)
def test_a_missing_file_is_named_with_where_to_get_it(tmp_path: Path, message: str) -> None:
    root = tmp_path / "root"
    write_ava(root, photos=4, test=1)
    MISSING[message](root)
    with pytest.raises(UsageError) as caught:
        ava(root).read()
    assert message in str(caught.value)
    check_directions(str(caught.value))


@pytest.mark.parametrize("unset", [None, ""])
def test_an_unset_root_is_named_with_where_to_get_the_data(unset: str | None) -> None:
    with pytest.raises(UsageError, match=r"^data\.root is not set\.") as caught:
        AvaPhotos(unset, "images", "official", 0.1, cache="unused", limit=None, seed=0).read()
    check_directions(str(caught.value))


def check_directions(message: str) -> None:
    assert "\n" not in message
    for word in (
        "CVPR 2012", "https://github.com/imfing/ava_downloader", "data.root=DIR", "IQBENCH_AVA", "AVA.txt",
        "aesthetics_image_lists/generic_test.jpgl", "images/953619.jpg",
    ):  # fmt: skip
        assert word in message


def test_a_doubled_folder_is_suggested_as_the_setting(tmp_path: Path) -> None:
    write_ava(tmp_path, photos=4, test=1, images="images/images")
    with pytest.raises(UsageError) as caught:
        ava(tmp_path).read()
    assert f"no photo of AVA is in {tmp_path / 'images'} (is it data.images=images/images?)" in str(caught.value)
    ava(tmp_path, images="images/images").read()


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^data\.split=offical: must be official or random"):
        ava(None, split="offical")


@pytest.mark.parametrize("share", [0, 1, -0.1, float("nan")])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(UsageError, match=r"^data\.validation_share="):
        ava(None, share=share)
