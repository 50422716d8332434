import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from fixtures.labelled_sets import pair_lines, write_phototriage
from iqbench.datasets.phototriage import PhotoTriage, home_of
from iqbench.datasets.phototriage_list import read_pair_list
from iqbench.datasets.phototriage_reviews import Reviews, review_agreement
from iqbench.errors import UsageError
from iqbench.labels import PairTable

WHOLE = ["15 1 2 0.123 2 1", "15 1 3 0.546 2 3", "15 2 3 0.896 1 3", "16 1 2 0.500 1 2"]
"""Valid lines of two series."""


def triage(root: Path | None, test_share: float = 0.25, min_agreement: float = 0.5, seed: int = 0) -> PhotoTriage:
    text = None if root is None else str(root)
    return PhotoTriage(text, test_share, min_agreement, cache="unused", limit=None, seed=seed)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_phototriage(tmp_path)
    return tmp_path


def listed(folder: Path, lines: Sequence[str]) -> Path:
    file = folder / "train_pairlist.txt"
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


def message_of(folder: Path, lines: Sequence[str]) -> str:
    file = listed(folder, lines)
    with pytest.raises(UsageError) as caught:
        read_pair_list(file)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{file}: ")


# The pair list


def test_a_list_is_read_as_it_is_written(tmp_path: Path) -> None:
    pairs = read_pair_list(listed(tmp_path, WHOLE))
    assert pairs.line.tolist() == [1, 2, 3, 4]
    assert pairs.series.tolist() == [15, 15, 15, 16]
    assert (pairs.photo1.tolist(), pairs.photo2.tolist()) == ([1, 1, 2, 1], [2, 3, 3, 2])
    assert pairs.ratio.tolist() == [0.123, 0.546, 0.896, 0.5]
    assert (pairs.rank1.tolist(), pairs.rank2.tolist()) == ([2, 2, 1, 1], [1, 3, 3, 2])
    assert {column.dtype.kind for column in pairs} == {"i", "f"}


def test_windows_line_ends_and_a_mark_at_the_start_are_accepted(tmp_path: Path) -> None:
    file = listed(tmp_path, WHOLE)
    plain = read_pair_list(file)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    for column, same in zip(plain, read_pair_list(file), strict=True):
        assert np.array_equal(column, same)


WRONG_LINES = {
    "16 1 2 0.700 1": "5 columns instead of 6",
    "16 1 2 0.700 1 2 3": "7 columns instead of 6",
    "16 1 2": "3 columns instead of 6",
    "16  1 2 0.700 1 2": "not separated by single spaces",
    "16\t1\t2\t0.700\t1\t2": "not separated by single spaces",
    "16 1 2 0.700 1 2 ": "not separated by single spaces",
    "16,1,2,0.700,1,2": "not separated by single spaces",
    "series 1 2 0.700 1 2": "SERIES is 'series', not a whole number",
    "1_6 1 2 0.700 1 2": "SERIES is '1_6', not a whole number",
    "+16 1 2 0.700 1 2": "SERIES is '+16', not a whole number",
    "16 ١ 2 0.700 1 2": "PHOTO1 is '١', not a whole number",
    "16 1 2.0 0.700 1 2": "PHOTO2 is '2.0', not a whole number",
    "16 -1 2 0.700 1 2": "PHOTO1 is '-1', not a whole number",
    "16 1 9999999999 0.700 1 2": "PHOTO2 is '9999999999', not a whole number",
    "16 1 2 0.700 1 nan": "RANK2 is 'nan', not a whole number",
    "16 1 2 nan 1 2": "RATIO is 'nan', not a number from 0.01 to 0.99",
    "16 1 2 inf 1 2": "RATIO is 'inf', not a number from 0.01 to 0.99",
    "16 1 2 0_1 1 2": "RATIO is '0_1', not a number from 0.01 to 0.99",
    "16 1 2 -0.7 1 2": "RATIO is '-0.7', not a number from 0.01 to 0.99",
    "16 1 2 0,700 1 2": "RATIO is '0,700', not a number from 0.01 to 0.99",
    "16 1 2 7e-1 1 2": "RATIO is '7e-1', not a number from 0.01 to 0.99",
    "16 1 2 0.000 2 1": "RATIO is 0, not from 0.01 to 0.99",
    "16 1 2 0.009 2 1": "RATIO is 0.009, not from 0.01 to 0.99",
    "16 1 2 1.000 1 2": "RATIO is 1, not from 0.01 to 0.99",
    "16 2 2 0.700 1 2": "photo 1 is photo 2",
    "16 2 1 0.700 1 2": "PHOTO1 is 2 and PHOTO2 is 1: the lower number must be first",
    "16 0 1 0.700 1 2": "photo 0 does not exist: photos are counted from 1",
    "16 1 2 0.700 0 2": "rank 0 in a series of 2 photos",
    "16 1 2 0.700 1 3": "rank 3 in a series of 2 photos",
    "16 1 2 0.700 1 1": "both photos have rank 1, but RATIO is 0.7",
    "16 1 2 0.700 2 1": "RATIO 0.7 prefers photo 1, ranks 2 and 1 photo 2; the last two columns are ranks",
    "16 1 2 0.300 1 2": "RATIO 0.3 prefers photo 2, ranks 1 and 2 photo 1; the last two columns are ranks",
    "15 1 2 0.123 2 1": "this pair is line 1 too",
    "15 2 1 0.877 1 2": "this pair is line 1 too",
}


@pytest.mark.parametrize("wrong", WRONG_LINES)
def test_a_wrong_line_is_refused_with_its_number_and_reason(tmp_path: Path, wrong: str) -> None:
    message = message_of(tmp_path, [*WHOLE[:3], wrong, "17 1 2 0.600 1 2"])
    assert message.startswith("1 line is wrong: line 4: "), message
    assert WRONG_LINES[wrong] in message


def test_a_header_is_refused_as_a_line_that_is_wrong(tmp_path: Path) -> None:
    message = message_of(tmp_path, ["SERIES PHOTO1 PHOTO2 RATIO RANK1 RANK2", *WHOLE])
    assert message == "1 line is wrong: line 1: SERIES is 'SERIES', not a whole number"


def test_all_wrong_lines_are_listed_at_once(tmp_path: Path) -> None:
    message = message_of(tmp_path, [*WHOLE[:3], "16 1 2 0.700 1", "17 1 2 nan 1 2", "18 2 2 0.600 1 2"])
    assert message == (
        "3 lines are wrong: line 4: 5 columns instead of 6; "
        "line 5: RATIO is 'nan', not a number from 0.01 to 0.99; line 6: photo 1 is photo 2"
    )


def test_a_photo_has_one_rank_in_its_series(tmp_path: Path) -> None:
    message = message_of(tmp_path, ["15 1 2 0.123 2 1", "15 1 3 0.546 1 3", "15 2 3 0.896 1 3"])
    assert message == (
        "1 line is wrong: line 2: photo 1 has rank 1 here and 2 in line 1; "
        "the last two columns are ranks inside the series, 1 = best, not photo numbers"
    )


def test_photo_numbers_in_place_of_ranks_are_refused(tmp_path: Path) -> None:
    """An older system lost its labels by reading or writing the last two columns as photo numbers."""
    message = message_of(tmp_path, ["15 1 2 0.123 2 1", "15 1 3 0.546 1 3", "15 2 3 0.896 2 3"])
    assert "photo 1 has rank 1 here and 2 in line 1" in message
    assert "not photo numbers" in message


def test_equal_ranks_go_with_no_preference_only(tmp_path: Path) -> None:
    read_pair_list(listed(tmp_path, ["15 1 2 0.5 1 1"]))
    assert "line 1: both photos have rank 1" in message_of(tmp_path, ["15 1 2 0.501 1 1"])


def test_no_preference_agrees_with_any_ranks(tmp_path: Path) -> None:
    for ranks in ("1 2", "2 1"):
        assert read_pair_list(listed(tmp_path, [f"15 1 2 0.500 {ranks}"])).ratio.tolist() == [0.5]


def test_an_incomplete_series_is_refused_with_its_missing_pairs(tmp_path: Path) -> None:
    lines = pair_lines(7, [0.1, 0.3, 0.5, 0.7])
    message = message_of(
        tmp_path, [*WHOLE, *(line for line in lines if line.split()[1:3] not in (["1", "3"], ["2", "4"]))]
    )
    assert message == "1 line is wrong: line 5: series 7 is incomplete; missing pairs: 1-3, 2-4"


def test_of_many_missing_pairs_five_are_shown(tmp_path: Path) -> None:
    lines = [line for line in pair_lines(7, np.linspace(0, 1, 9).tolist()) if line.split()[1] == "1"]
    assert message_of(tmp_path, lines).endswith("missing pairs: 2-3, 2-4, 2-5, 2-6, 2-7 and 23 more")


def test_a_series_with_a_line_that_cannot_be_read_is_not_called_incomplete_too(tmp_path: Path) -> None:
    message = message_of(tmp_path, [WHOLE[0], "15 1 3 0.546 2 x", WHOLE[2], WHOLE[3]])
    assert message == "1 line is wrong: line 2: RANK2 is 'x', not a whole number"


def test_a_huge_series_of_missing_pairs_is_refused_in_no_time(tmp_path: Path) -> None:
    lines = [f"1 {photo} {photo + 1} 0.500 1 1" for photo in range(1, 5001)]
    assert "and 12,497,495 more" in message_of(tmp_path, lines)


def test_the_test_list_is_told_from_one_with_labels(tmp_path: Path) -> None:
    message = message_of(tmp_path, ["1 1 2", "1 1 3", "1 2 3"])
    assert message == "has three columns a line: this is a test list, without labels; give a list with six"


def test_random_lists_are_read_back(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    lines = []
    for series in range(1, 60):
        lines += pair_lines(series, generator.random(generator.integers(2, 8)).tolist())
    pairs = read_pair_list(listed(tmp_path, lines))
    columns = zip(*(column.tolist() for column in pairs[1:]), strict=True)
    assert [f"{s} {p1} {p2} {ratio:.3f} {r1} {r2}" for s, p1, p2, ratio, r1, r2 in columns] == lines


def damaged_columns(line: str, generator: np.random.Generator) -> str:
    columns = line.split(" ")
    columns[generator.integers(6)] = generator.choice(["", "x", "-1", "1e3", "nan", "0x1", "1 1", "١"])
    return " ".join(columns)


def test_a_random_change_of_a_line_is_refused_with_its_number(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    for _ in range(100):
        lines = list(WHOLE)
        at = int(generator.integers(len(lines)))
        lines[at] = damaged_columns(lines[at], generator)
        assert f"line {at + 1}: " in message_of(tmp_path, lines)


# The splits


def series_of(table: PairTable) -> set[int]:
    return set(table.series.tolist())


def test_each_series_is_in_one_split_with_all_of_its_photos(root: Path) -> None:
    labels = triage(root).read()
    assert {split: len(series_of(table)) for split, table in labels.items()} == {"train": 9, "val": 4, "test": 3}
    assert series_of(labels["val"]) == {13, 14, 15, 16}
    assert series_of(labels["train"]) | series_of(labels["test"]) == set(range(1, 13))
    photos = [photo.name for table in labels.values() for photo in table.photos]
    assert len(photos) == len(set(photos)) == 48


def test_the_held_out_series_depend_on_the_seed_alone(root: Path) -> None:
    held = [series_of(triage(root, seed=seed).read()["test"]) for seed in (0, 0, 1, 2, 3)]
    assert held[0] == held[1]
    assert len({frozenset(series) for series in held}) > 1


def test_labels_are_those_of_the_list(root: Path) -> None:
    qualities = write_phototriage(root / "again", seed=5)
    for table in triage(root / "again").read().values():
        assert len(table)
        for first, second, preference in zip(table.first, table.second, table.preference, strict=True):
            names = [table.photos[at].name for at in (first, second)]
            assert (preference > 0.5) == (qualities[names[0]] > qualities[names[1]])
        assert (table.weight == 1).all()
        assert {int(table.photos[at].name[-13:-7]) for at in table.first} == series_of(table)


def test_photos_are_named_as_on_disk_and_found_there(root: Path) -> None:
    photo = triage(root).read()["val"].photos[0]
    assert photo.name == "./train_val_imgs/000013-01.JPG"
    assert photo.path == root / "train_val" / "train_val_imgs" / "000013-01.JPG"
    assert photo.path.is_file()


def test_a_suffix_in_small_letters_changes_where_a_photo_lies_but_not_its_name(root: Path) -> None:
    folder = root / "train_val" / "train_val_imgs"
    (folder / "000013-01.JPG").rename(folder / "000013-01.jpg")
    photo = triage(root).read()["val"].photos[0]
    assert (photo.name, photo.path) == ("./train_val_imgs/000013-01.JPG", folder / "000013-01.jpg")


def test_a_photo_that_is_missing_keeps_its_place_in_the_labels(root: Path) -> None:
    (root / "train_val" / "train_val_imgs" / "000013-01.JPG").unlink()
    photo = triage(root).read()["val"].photos[0]
    assert photo.path == root / "train_val" / "train_val_imgs" / "000013-01.JPG"


def test_either_folder_may_be_given(root: Path) -> None:
    assert triage(root / "train_val").read()["val"].photos == triage(root).read()["val"].photos
    assert home_of(str(root)) == home_of(str(root / "train_val")) == root / "train_val"


def test_doubtful_pairs_are_left_out_of_training_alone(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    everything = triage(root).read()
    with caplog.at_level(logging.INFO, "iqbench.datasets.phototriage"):
        sure = triage(root, min_agreement=0.9).read()
    certain = np.maximum(everything["train"].preference, 1 - everything["train"].preference) >= 0.9
    assert 0 < len(sure["train"]) == certain.sum() < len(everything["train"])
    assert {split: len(sure[split]) for split in ("val", "test")} == {"val": 12, "test": 9}
    assert f"PhotoTriage: {len(everything['train']) - len(sure['train'])} training pairs left out" in caplog.text


def test_agreement_counts_as_it_is_written_on_either_side(root: Path) -> None:
    ratios = [ratio for ratio in range(10, 991) if ratio != 500]
    lines = [f"{ratio} 1 2 0.{ratio:03} {'1 2' if ratio > 500 else '2 1'}" for ratio in ratios]
    listed(root / "train_val", lines)
    (root / "train_val" / "val_pairlist.txt").write_text("1000 1 2 0.600 1 2\n")
    for share in (540, 567, 600, 700, 800, 811):
        labels = triage(root, test_share=0.01, min_agreement=share / 1000).read()
        held = set(labels["test"].series.tolist())
        assert set(labels["train"].series.tolist()) == {r for r in ratios if max(r, 1000 - r) >= share} - held


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("3 1 2 0.500 1 2", "line 13: this pair is line 7 of train_pairlist.txt too"),
        ("3 7 8 0.500 1 2", "line 13: series 3 is in train_pairlist.txt too (line 7)"),
    ],
)
def test_a_series_in_both_lists_is_refused(root: Path, line: str, message: str) -> None:
    file = root / "train_val" / "val_pairlist.txt"
    file.write_text(file.read_text() + line + "\n")
    with pytest.raises(UsageError) as caught:
        triage(root).read()
    assert str(caught.value) == f"{file}: 1 line is wrong: {message}"


# Missing files


MISSING: dict[str, Callable[[Path], object]] = {
    "train_pairlist.txt is missing": lambda folder: (folder / "train_pairlist.txt").unlink(),
    "val_pairlist.txt is missing": lambda folder: (folder / "val_pairlist.txt").unlink(),
    "train_val_imgs is missing": lambda folder: (folder / "train_val_imgs").rename(folder / "elsewhere"),
    "no such folder": lambda folder: folder.parent.rename(folder.parent.with_name("moved")),
}


@pytest.mark.parametrize("message", MISSING)
def test_a_missing_file_is_named_with_where_to_get_it(tmp_path: Path, message: str) -> None:
    root = tmp_path / "root"
    write_phototriage(root, series=2, validation_series=1)
    MISSING[message](root / "train_val")
    with pytest.raises(UsageError) as caught:
        triage(root).read()
    message = str(caught.value)
    assert message.startswith(f"data.root={root}: ")
    assert message in message
    check_directions(message)


@pytest.mark.parametrize("unset", [None, ""])
def test_an_unset_root_is_named_with_where_to_get_the_data(unset: str | None) -> None:
    with pytest.raises(UsageError, match=r"^data\.root is not set\.") as caught:
        PhotoTriage(unset, 0.1, 0.5, cache="unused", limit=None, seed=0).read()
    check_directions(str(caught.value))


def check_directions(message: str) -> None:
    assert "\n" not in message
    for word in (
        "https://phototriage.cs.princeton.edu/", "SIGGRAPH 2016", "data.root=DIR", "IQBENCH_PHOTOTRIAGE",
        "train_val/", "train_pairlist.txt", "val_pairlist.txt", "train_val_imgs/000001-01.JPG",
    ):  # fmt: skip
        assert word in message


@pytest.mark.parametrize("share", [0, 1, -0.1, float("nan")])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(UsageError, match=r"^data\.test_share="):
        triage(None, test_share=share)


@pytest.mark.parametrize("agreement", [0.4, 1.0, float("nan")])
def test_an_agreement_that_no_pair_can_have_is_refused(agreement: float) -> None:
    with pytest.raises(UsageError, match=r"^data\.min_agreement="):
        triage(None, min_agreement=agreement)


# Reviews


def reviews_of(folder: Path, choices: Sequence[object]) -> Reviews | None:
    """Return the counts for these reviews of series 15 and the pair list `WHOLE`."""
    (folder / "reviews_trainval").mkdir(exist_ok=True)
    (folder / "reviews_trainval" / "000015.json").write_text(json.dumps({"reviews": choices}))
    return review_agreement(folder, read_pair_list(listed(folder, WHOLE)))


def review(left: int, right: int, choice: str) -> dict[str, str]:
    return {"compareFile1": f"15-{left}.JPG", "compareFile2": f"15-{right}.JPG", "userChoice": choice}


def test_votes_are_counted_by_the_names_of_their_photos(tmp_path: Path) -> None:
    votes = [review(2, 1, "LEFT"), review(1, 2, "RIGHT"), review(1, 3, "LEFT"), review(2, 3, "RIGHT")]
    assert reviews_of(tmp_path, votes) == Reviews(votes=4, agreements=3, unreadable=0)


def test_votes_for_other_pairs_or_without_a_winner_are_not_counted(tmp_path: Path) -> None:
    tie = {"compareFile1": "16-1.JPG", "compareFile2": "16-2.JPG", "userChoice": "LEFT"}
    assert reviews_of(tmp_path, [review(1, 9, "LEFT"), tie]) == Reviews(votes=0, agreements=0, unreadable=0)


def test_the_doubled_folder_and_the_single_one_are_both_found(tmp_path: Path) -> None:
    write_phototriage(tmp_path, reviews=True)
    folder = tmp_path / "train_val"
    pairs = read_pair_list(folder / "train_pairlist.txt")
    doubled = review_agreement(folder, pairs)
    (folder / "reviews_trainval").rename(folder / "outer")
    (folder / "outer" / "reviews_trainval").rename(folder / "reviews_trainval")
    assert doubled is not None
    assert doubled == review_agreement(folder, pairs)
    assert doubled.votes == len(pairs.line) == 36


def test_without_reviews_the_result_is_none(root: Path) -> None:
    pairs = read_pair_list(root / "train_val" / "train_pairlist.txt")
    assert review_agreement(root / "train_val", pairs) is None
    (root / "train_val" / "reviews_trainval").mkdir()
    assert review_agreement(root / "train_val", pairs) is None


@pytest.mark.parametrize(
    "malformed",
    [
        None, 7, "text", [], {}, {"userChoice": "LEFT"}, {**review(1, 2, "LEFT"), "compareFile1": 3},
        review(1, 2, "BOTH"), {**review(1, 2, "LEFT"), "compareFile2": "16-1.JPG"},
        {**review(1, 2, "LEFT"), "compareFile2": "../15-2.JPG"},
        {**review(1, 2, "LEFT"), "userChoice": ["LEFT"]},
    ],
)  # fmt: skip
def test_malformed_reviews_are_counted_and_the_others_read(tmp_path: Path, malformed: object) -> None:
    votes = [malformed, review(1, 2, "RIGHT")]
    assert reviews_of(tmp_path, votes) == Reviews(votes=1, agreements=1, unreadable=1)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"7", b'{"reviews": 7}', b"\xff\xfe\xff", b"[" * 200_000, b'{"reviews": ' + b"9" * 5000 + b"}"],
)
def test_a_file_that_holds_no_reviews_is_counted(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "reviews_trainval").mkdir()
    (tmp_path / "reviews_trainval" / "000015.json").write_bytes(content)
    pairs = read_pair_list(listed(tmp_path, WHOLE))
    assert review_agreement(tmp_path, pairs) == Reviews(votes=0, agreements=0, unreadable=1)
