import logging
import os
import unicodedata
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from fixtures.labelled_sets import write_csv, write_pairs
from fixtures.systems import needs_byte_names, needs_pipes, needs_posix_names
from iqbench.datasets.pairs import PairList
from iqbench.datasets.pairs_csv import Comparison, read_comparisons
from iqbench.errors import UsageError
from iqbench.labels import PairTable

PHOTOS = ("a.jpg", "b.jpg", "c.jpg", "sub/d.jpg")
HEADER = ["better", "worse"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of empty photos, beside another folder that the list must not reach."""
    for name in (*(f"in/{photo}" for photo in PHOTOS), "out/e.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    return tmp_path / "in"


def pair_list(file: Path | None, val: float = 0.2, test: float = 0.2, seed: int = 0) -> PairList:
    return PairList(None if file is None else str(file), val, test, cache="unused", limit=None, seed=seed)


def listed(folder: Path, *rows: list[str], header: Sequence[str] = HEADER) -> Path:
    write_csv(folder / "list.csv", [list(header), *rows])
    return folder / "list.csv"


def message_of(file: Path) -> str:
    with pytest.raises(UsageError) as caught:
        read_comparisons(file)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{file}: ")


# The list


def test_a_list_is_read_as_it_is_written(folder: Path) -> None:
    assert read_comparisons(listed(folder, ["a.jpg", "b.jpg"], ["sub/d.jpg", "a.jpg"])) == [
        Comparison("a.jpg", "b.jpg", 1.0),
        Comparison("sub/d.jpg", "a.jpg", 1.0),
    ]


def test_pairs_may_weigh_differently(folder: Path) -> None:
    weights = ["2", "0.5", "1e-3", ".25"]
    pairs = [["a.jpg", "b.jpg"], ["a.jpg", "c.jpg"], ["b.jpg", "c.jpg"], ["c.jpg", "a.jpg"]]
    rows = [[*pair, weight] for pair, weight in zip(pairs, weights, strict=True)]
    file = listed(folder, *rows, header=[*HEADER, "weight"])
    assert [comparison.weight for comparison in read_comparisons(file)] == [2, 0.5, 0.001, 0.25]
    assert pair_list(file).all_labels.weight.tolist() == [2, 0.5, 0.001, 0.25]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfbetter,worse\r\na.jpg,b.jpg\r\n",
        b"better,worse\na.jpg,b.jpg",
        b'better,worse\n"a.jpg","b.jpg"\n\n\n',
    ],
)
def test_the_csv_of_any_spreadsheet_is_read(folder: Path, content: bytes) -> None:
    (folder / "list.csv").write_bytes(content)
    assert read_comparisons(folder / "list.csv") == [Comparison("a.jpg", "b.jpg", 1.0)]


HARD_NAMES = ["with space.jpg", "quote'\".jpg", "a,b;c\t.jpg", "new\nline.jpg", "\r\n.jpg", "=SUM(A1).jpg", "NA", "007",
              "%s.jpg", "写真.jpg", " .jpg", "-", "x" * 251 + ".jpg"]  # fmt: skip


@needs_byte_names
@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_list_in_one_unicode_form_matches_files_in_the_other(folder: Path, forms: tuple[str, str]) -> None:
    written, stored = ([unicodedata.normalize(form, name) for name in ("Zoë/é.jpg", "ü.jpg")] for form in forms)
    for name in stored:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    assert read_comparisons(listed(folder, written)) == [Comparison(*stored, 1.0)]
    assert "the same pair is in line 2" in message_of(listed(folder, written, stored))


@needs_byte_names
def test_a_name_that_two_files_share_but_for_their_form_is_refused(folder: Path) -> None:
    for form in ("NFC", "NFD"):
        (folder / unicodedata.normalize(form, "ǖ.jpg")).touch()
    assert "2 files have this name but for its Unicode form" in message_of(listed(folder, ["a.jpg", "ü\u0304.jpg"]))


@needs_posix_names
def test_hard_names_are_kept_as_they_are(folder: Path) -> None:
    for name in HARD_NAMES:
        (folder / name).touch()
    file = listed(folder, *([name, "a.jpg"] for name in HARD_NAMES))
    assert [comparison.better for comparison in read_comparisons(file)] == HARD_NAMES
    photos = pair_list(file).all_labels.photos
    assert {photo.name for photo in photos} == {f"./{name}" for name in [*HARD_NAMES, "a.jpg"]}
    assert all(photo.path.is_file() for photo in photos)


@needs_posix_names
def test_a_line_is_counted_where_its_row_begins_whatever_breaks_are_in_names(folder: Path) -> None:
    for name in ("new\nline.jpg", "two\r\n\nlines.jpg"):
        (folder / name).touch()
    file = listed(folder, ["new\nline.jpg", "a.jpg"], ["no", "a.jpg"], ["two\r\n\nlines.jpg", "no"], ["b.jpg", "no"])
    assert message_of(file) == (
        "3 lines are wrong: line 4: better is 'no': no such photo; line 5: worse is 'no': no such photo; "
        "line 8: worse is 'no': no such photo"
    )


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("winner,loser", "not 'winner,loser'"),
        ("Better,Worse", "not 'Better,Worse'"),
        ("worse,better", "not 'worse,better'"),
        ("better, worse", "not 'better, worse'"),
        ("better,worse,wieght", "not 'better,worse,wieght'"),
        ("better;worse", "separated by commas"),
        ("better\tworse", "separated by commas"),
        ("a.jpg,b.jpg", "there is no header, the first line is 'a.jpg,b.jpg'"),
        ("one,two", "not 'one,two'"),
        ("better", "not 'better'"),
    ],
)
def test_another_header_is_refused_with_a_hint(folder: Path, header: str, message: str) -> None:
    (folder / "list.csv").write_text(f"{header}\na.jpg,b.jpg\n")
    message = message_of(folder / "list.csv")
    assert message.startswith("line 1: the header must be better,worse or better,worse,weight")
    assert message in message


WRONG_PATHS = {
    "": "is empty",
    "none.jpg": "no such photo",
    "A.jpg": "no such photo",
    " a.jpg": "no such photo",
    "~/a.jpg": "no such photo",
    "a.jpg/b.jpg": "no such photo",
    "x" * 5000: "no such photo",
    "sub": "is not a file",
    ".": "is not a file",
    "pipe.jpg": "is not a file",
    "/etc/hostname": "must be relative",
    "//server/share/a.jpg": "must be relative",
    "C:/a.jpg": "must be relative",
    "c:a.jpg": "must be relative",
    "C:\\a.jpg": "write folders with /",
    "..\\out\\e.jpg": "write folders with /",
    "\\\\server\\share\\a.jpg": "write folders with /",
    "../out/e.jpg": "must not leave",
    "sub/../a.jpg": "must not leave",
    "sub/..": "must not leave",
    "outward.jpg": "a link that leads out",
    "outside/e.jpg": "a link that leads out",
    "broken.jpg": "no such photo",
    "loop.jpg": "no such photo",
}


@pytest.mark.parametrize("column", [0, 1])
@pytest.mark.parametrize("wrong", WRONG_PATHS)
@needs_pipes
def test_a_wrong_path_is_refused_with_its_line(folder: Path, wrong: str, column: int) -> None:
    links = {"outward.jpg": "../out/e.jpg", "outside": "../out", "broken.jpg": "nowhere", "loop.jpg": "loop.jpg"}
    for name, target in links.items():
        (folder / name).symlink_to(target)
    os.mkfifo(folder / "pipe.jpg")
    row = ["b.jpg"]
    row.insert(column, wrong)
    message = message_of(listed(folder, ["a.jpg", "b.jpg"], row))
    assert message.startswith(f"1 line is wrong: line 3: {HEADER[column]} is "), message
    assert WRONG_PATHS[wrong] in message


def test_a_link_inside_the_folder_is_the_photo_that_it_leads_to(folder: Path) -> None:
    (folder / "link.jpg").symlink_to("sub/d.jpg")
    assert read_comparisons(listed(folder, ["link.jpg", "a.jpg"])) == [Comparison("sub/d.jpg", "a.jpg", 1.0)]


def test_the_folder_itself_may_be_reached_by_a_link(folder: Path) -> None:
    listed(folder, ["a.jpg", "b.jpg"])
    (folder.parent / "link").symlink_to(folder)
    assert len(read_comparisons(folder.parent / "link" / "list.csv")) == 1


WRONG_ROWS = {
    ("a.jpg", "a.jpg"): "better and worse are one photo, 'a.jpg'",
    ("./a.jpg", "sub//../a.jpg"): "must not leave",
    ("a.jpg", "a.jpg/"): "better and worse are one photo, 'a.jpg'",
    ("a.jpg", "./a.jpg"): "better and worse are one photo, 'a.jpg'",
    ("sub/d.jpg", "sub//./d.jpg"): "better and worse are one photo, 'sub/d.jpg'",
    ("link.jpg", "a.jpg"): "better and worse are one photo, 'a.jpg'",
    ("b.jpg", "c.jpg"): "the same pair is in line 2",
    ("./b.jpg", "c.jpg"): "the same pair is in line 2",
    ("a.jpg",): "1 cell instead of 2",
    ("a.jpg", "b.jpg", ""): "3 cells instead of 2",
    ("a.jpg", ""): "worse is empty",
    ("..", "none.jpg"): "better is '..': must not leave the list's folder, worse is 'none.jpg': no such photo",
}


@pytest.mark.parametrize("row", WRONG_ROWS)
def test_a_wrong_row_is_refused_with_its_line(folder: Path, row: tuple[str, ...]) -> None:
    (folder / "link.jpg").symlink_to("a.jpg")
    message = message_of(listed(folder, ["b.jpg", "c.jpg"], list(row), ["c.jpg", "a.jpg"]))
    assert message.startswith("1 line is wrong: line 3: "), message
    assert WRONG_ROWS[row] in message


@pytest.mark.parametrize(
    "weight", ["0", "-1", "nan", "inf", "1e999", "1_0", "+1", " 1", "١", "1,5", "x", "0.0", "", "1e308", "1e-320"]
)
def test_a_weight_that_is_no_number_or_that_sums_cannot_hold_is_refused(folder: Path, weight: str) -> None:
    file = listed(folder, ["a.jpg", "b.jpg", weight], header=[*HEADER, "weight"])
    assert message_of(file).startswith("1 line is wrong: line 2: weight is ")


def test_two_rows_may_contradict_each_other(folder: Path) -> None:
    for pair in permutations(PHOTOS, 2):
        table = pair_list(listed(folder, [*pair], [*pair[::-1]])).all_labels
        assert table.first[0] == table.first[1]
        assert sorted(table.preference.tolist()) == [0, 1]


def test_blank_lines_and_broken_quotes_are_refused_with_their_lines(folder: Path) -> None:
    (folder / "list.csv").write_bytes(b'better,worse\na.jpg,b.jpg\n\nb.jpg,c.jpg\n"c.jpg"x,a.jpg\n')
    message = message_of(folder / "list.csv")
    assert message.startswith("2 lines are wrong: line 3: blank; line 5: not CSV from here on")
    (folder / "list.csv").write_bytes(b'better,worse\na.jpg,b.jpg\n"b.jpg,c.jpg\n')
    assert message_of(folder / "list.csv").startswith("1 line is wrong: line 3: not CSV from here on")


def test_bytes_that_are_no_text_are_refused(folder: Path) -> None:
    (folder / "list.csv").write_bytes(b"better,worse\na.jpg\0,b.jpg\ncaf\xe9.jpg,b.jpg\n")
    message = message_of(folder / "list.csv")
    assert message == "2 lines are wrong: line 2: holds a NUL byte; line 3: is not UTF-8 text"


def test_a_list_without_pairs_is_refused(folder: Path) -> None:
    assert message_of(listed(folder)) == "no pairs below the header"


def test_an_unset_list_is_named_with_the_format_of_a_list() -> None:
    with pytest.raises(
        UsageError, match=r"^data\.file is not set: give a CSV with the header better,worse .*list\.csv$"
    ):
        pair_list(None).read()


def test_a_list_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match=r"^/nowhere/list\.csv: no such file$"):
        pair_list(Path("/nowhere/list.csv")).read()


# The labels


def names(table: PairTable) -> set[str]:
    return {photo.name for photo in table.photos}


def test_labels_are_those_of_the_list(tmp_path: Path) -> None:
    qualities = write_pairs(tmp_path)
    for table in [pair_list(tmp_path / "list.csv").all_labels, *pair_list(tmp_path / "list.csv").read().values()]:
        for first, second, preference in zip(table.first, table.second, table.preference, strict=True):
            better = qualities[table.photos[first].name] > qualities[table.photos[second].name]
            assert preference == float(better)


def test_a_constant_answer_is_right_in_about_half_of_the_pairs(tmp_path: Path) -> None:
    write_pairs(tmp_path, series=40, photos_per_series=4)
    preference = pair_list(tmp_path / "list.csv").all_labels.preference
    assert len(preference) == 240
    assert 90 < preference.sum() < 150


def test_orders_within_pairs_depend_on_the_seed_and_the_names_and_not_on_other_rows(folder: Path) -> None:
    rows = [["a.jpg", "b.jpg"], ["c.jpg", "a.jpg"], ["sub/d.jpg", "a.jpg"], ["b.jpg", "c.jpg"]]

    def orders(rows: list[list[str]], seed: int) -> set[tuple[str, str]]:
        table = pair_list(listed(folder, *rows), seed=seed).all_labels
        return {(table.photos[a].name, table.photos[b].name) for a, b in zip(table.first, table.second, strict=True)}

    assert orders(rows, 0) == orders(rows[::-1], 0)
    assert orders(rows[:2], 0) < orders(rows, 0)
    assert len({frozenset(orders(rows, seed)) for seed in range(8)}) > 2


def test_photos_that_pairs_connect_are_one_series_and_in_one_split(tmp_path: Path) -> None:
    write_pairs(tmp_path)
    source = pair_list(tmp_path / "list.csv")
    scene = {photo.name.split("/")[1] for photo in source.all_labels.photos}
    assert len(set(source.all_labels.series.tolist())) == len(scene) == 12
    labels = source.read()
    assert {split: len(table) for split, table in labels.items()} == {"train": 24, "val": 6, "test": 6}
    scenes = [{name.split("/")[1] for name in names(table)} for table in labels.values()]
    assert sum(map(len, scenes)) == len(set.union(*scenes)) == 12
    for table in labels.values():
        assert len(set(table.series.tolist())) == len({name.split("/")[1] for name in names(table)})


def test_another_seed_holds_out_other_series(tmp_path: Path) -> None:
    write_pairs(tmp_path)
    held = [frozenset(names(pair_list(tmp_path / "list.csv", seed=seed).read()["test"])) for seed in (0, 0, 1, 2, 3)]
    assert held[0] == held[1]
    assert len(set(held)) > 1


@pytest.mark.parametrize("seed", range(5))
def test_series_of_uneven_sizes_leave_something_to_every_split(folder: Path, seed: int) -> None:
    generator = np.random.default_rng(seed)
    rows = []
    for series, size in enumerate(generator.integers(1, 9, size=9)):
        for number in range(size + 1):
            (folder / f"{series}-{number}").touch()
        rows += [[f"{series}-{number}", f"{series}-{number + 1}"] for number in range(size)]
    labels = pair_list(listed(folder, *rows), seed=seed).read()
    assert sum(map(len, labels.values())) == len(rows)
    assert all(len(table) for table in labels.values())
    assert len(labels["train"]) >= 0.4 * len(rows)


def test_series_that_are_all_larger_than_a_share_are_held_out_whole(folder: Path) -> None:
    rows = [["a.jpg", "b.jpg"], ["c.jpg", "sub/d.jpg"]]
    for name in ("x", "y"):
        (folder / name).touch()
    labels = pair_list(listed(folder, *rows, ["x", "y"]), val=0.05, test=0.05).read()
    assert {split: len(table) for split, table in labels.items()} == {"train": 1, "val": 1, "test": 1}


def test_photos_are_divided_if_one_series_has_most_pairs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_pairs(tmp_path, series=1, photos_per_series=20)
    with caplog.at_level(logging.INFO, "iqbench.datasets.pairs"):
        labels = pair_list(tmp_path / "list.csv", val=0.3, test=0.2).read()
    assert {split: len(names(table)) for split, table in labels.items()} == {"train": 10, "val": 6, "test": 4}
    assert {split: len(table) for split, table in labels.items()} == {"train": 45, "val": 15, "test": 6}
    assert len(set.union(*(names(table) for table in labels.values()))) == 20
    assert "124 of 190 pairs have photos in two splits" in caplog.text


@pytest.mark.parametrize("sizes", [(1, 1), (20, 1, 1), (1, 1, 1, 9)])
def test_series_that_are_too_few_or_too_large_are_divided_by_photos(
    folder: Path, caplog: pytest.LogCaptureFixture, sizes: tuple[int, ...]
) -> None:
    rows = [[f"{series}-{at}", f"{series}-{at + 1}"] for series, size in enumerate(sizes) for at in range(size)]
    for name in {name for row in rows for name in row}:
        (folder / name).touch()
    with caplog.at_level(logging.INFO, "iqbench.datasets.pairs"):
        labels = pair_list(listed(folder, *rows)).read()
    left_out = len(rows) - sum(map(len, labels.values()))
    assert f"photos are divided; {left_out} of {len(rows)} pairs have photos in two splits" in caplog.text


def test_all_labels_include_pairs_that_no_split_contains(folder: Path) -> None:
    source = pair_list(listed(folder, ["a.jpg", "b.jpg"]))
    assert len(source.all_labels) == 1
    assert sum(map(len, source.read().values())) <= 1
    assert source.evaluated_on == "all"


@pytest.mark.parametrize(("val", "test"), [(0, 0.1), (0.1, 0), (1, 0.1), (0.5, 0.5), (float("nan"), 0.1)])
def test_shares_that_leave_a_split_empty_are_refused(val: float, test: float) -> None:
    with pytest.raises(UsageError, match=r"^data\.(validation|test)_share"):
        pair_list(None, val, test)


def test_paths_are_relative_to_the_root_or_absolute_in_it(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(folder)
    rows = [["a.jpg", str(folder / "sub" / "d.jpg")], [str(tmp_path / "linked" / "b.jpg"), "c.jpg"]]
    file = listed(tmp_path / "out", *rows)
    assert read_comparisons(file, folder) == [Comparison("a.jpg", "sub/d.jpg", 1), Comparison("b.jpg", "c.jpg", 1)]
    data = PairList(str(file), 0.2, 0.2, cache="unused", limit=None, seed=0, root=str(folder))
    assert {photo.path.resolve() for photo in data.all_labels.photos} == {(folder / name).resolve() for name in PHOTOS}
    beside = listed(folder, ["a.jpg", str(folder / "b.jpg")])
    assert read_comparisons(beside) == [Comparison("a.jpg", "b.jpg", 1)]


@pytest.mark.parametrize("outside", ["out/e.jpg", "out/missing.jpg", "in2/a.jpg"])
def test_an_absolute_path_outside_of_the_root_is_refused_whether_it_exists_or_not(
    folder: Path, tmp_path: Path, outside: str
) -> None:
    file = listed(folder, ["a.jpg", str(tmp_path / outside)])
    with pytest.raises(
        UsageError, match=r"must be relative to data\.root or lie in it; data\.root=DIR names the folder"
    ):
        read_comparisons(file, folder)


@pytest.mark.parametrize(
    ("root", "reason"), [("nowhere", "no such folder"), ("in/a.jpg", "is a file; give its folder")]
)
def test_a_root_that_is_no_folder_is_named(folder: Path, tmp_path: Path, root: str, reason: str) -> None:
    file = listed(folder, ["a.jpg", "b.jpg"])
    data = PairList(str(file), 0.2, 0.2, cache="unused", limit=None, seed=0, root=str(tmp_path / root))
    with pytest.raises(UsageError, match=f"data.root={tmp_path / root}: {reason}"):
        data.read()
