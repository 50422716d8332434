"""Lists of mean opinions: any CSV, and the layouts of KonIQ-10k, SPAQ, KADID-10k, TID2013 and LIVE in the Wild."""

import logging
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from fixtures.labelled_sets import write_csv, write_kadid, write_koniq, write_tid
from iqbench.datasets.labelled import check_present
from iqbench.datasets.opinion_sets import Kadid, Koniq, LiveInTheWild, OpinionSet, Spaq, Tid2013
from iqbench.datasets.score_list import ScoreList, read_scores
from iqbench.datasets.scored import ScoredPhotos, ScoreFile
from iqbench.errors import MissingResource, UsageError
from iqbench.interfaces import PhotoFile
from iqbench.labels import ScoreTable

SPLITS = ("train", "val", "test")
LISTS = {
    Koniq: ("1024x768", "koniq10k_distributions_sets.csv"),
    Spaq: ("TestImage", "Annotations/MOS and Image attribute scores.xlsx"),
    Kadid: ("images", "dmos.csv"),
    Tid2013: ("distorted_images", "mos_with_names.txt"),
    LiveInTheWild: ("Images", "Data/AllMOS_release.mat"),
}


def published(kind: type[OpinionSet], root: Path | None) -> OpinionSet:
    return kind(None if root is None else str(root), *LISTS[kind], cache=None, limit=None, seed=0)


def scored(file: Path | None, root: Path | None = None, higher: bool | None = None, **columns: str) -> ScoreFile:
    names: Mapping[str, str | None] = columns
    return ScoreFile(
        None if file is None else str(file), None if root is None else str(root), names, higher, None, None, 0
    )


def table_of(data: ScoredPhotos) -> ScoreTable:
    table = data.all_labels
    assert isinstance(table, ScoreTable)
    return table


def means_of(data: ScoredPhotos) -> dict[str, float]:
    table = table_of(data)
    return dict(zip((photo.name for photo in table.photos), table.means.tolist(), strict=True))


def listed(tmp_path: Path, *rows: list[str]) -> Path:
    write_csv(tmp_path / "list.csv", list(rows))
    return tmp_path / "list.csv"


def read(file: Path, higher: bool | None = None, **columns: str) -> ScoreList:
    return read_scores(file, columns, higher)


def refusal(file: Path, higher: bool | None = None, **columns: str) -> str:
    with pytest.raises(UsageError) as caught:
        read(file, higher, **columns)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{file}: ")


# Any list


@pytest.mark.parametrize(
    "header",
    [
        ["photo", "score", "sd"],
        ["image_name", "MOS", "SD"],
        ["Image name", "MOS", "Std"],
        ["img_path", "gt_score", "std_dev"],
        ["filename", "mos", "MOS-std"],
        [" IMG ", "Score", "sd"],
    ],
)
def test_the_usual_names_of_columns_are_found(tmp_path: Path, header: list[str]) -> None:
    scores = read(listed(tmp_path, header, ["a.jpg", "3.5", "0.25"], ["b/c d.jpg", "-1e1", ""]))
    assert list(scores.photos) == ["a.jpg", "b/c d.jpg"]
    assert scores.means.tolist() == [3.5, -10]
    np.testing.assert_array_equal(scores.sd, [0.25, np.nan])
    assert not scores.references
    assert not scores.splits


def test_the_columns_that_are_read_are_named_in_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    file = listed(tmp_path, ["dist_img", "ref_img", "dmos", "var", "x"], ["a.png", "r.png", "3", "4", "?"])
    read(file, higher=False)
    (line,) = [record.message for record in caplog.records]
    assert line == (
        f"{file}: photo = dist_img, score = minus dmos, sd = square root of var, reference = ref_img; not read: x"
    )


def test_the_standard_deviation_is_the_root_of_a_variance_unless_the_column_is_named(tmp_path: Path) -> None:
    file = listed(tmp_path, ["photo", "score", "var"], ["a.jpg", "3", "0.25"])
    assert read(file).sd.tolist() == [0.5]
    assert read(file, sd="var").sd.tolist() == [0.25]
    assert np.isnan(read(file, sd="").sd).all()


def test_scores_of_damage_change_their_sign(tmp_path: Path) -> None:
    file = listed(tmp_path, ["photo", "dmos"], ["a.jpg", "12.5"], ["b.jpg", "0"])
    assert read(file, higher=False).means.tolist() == [-12.5, 0]
    assert read(file, higher=True).means.tolist() == [12.5, 0]
    assert "say which with data.higher_is_better=false or true" in refusal(file)


def test_a_column_of_another_name_is_chosen(tmp_path: Path) -> None:
    file = listed(tmp_path, ["photo", "mos", "score", "brightness"], ["a.jpg", "1", "2", "3"])
    assert refusal(file) == (
        "line 1: several columns may be the score (mos, score); choose one with data.columns.score=NAME"
    )
    assert read(file, score="mos").means.tolist() == [1]
    assert read(file, score="Brightness").means.tolist() == [3]
    assert refusal(file, score="brightnes") == (
        "line 1: data.columns.score=brightnes: there is no such column, or there are two. Did you mean 'brightness'?"
    )
    assert refusal(file, scroe="mos").startswith("line 1: data.columns.scroe: must be one of photo, score, sd")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            [["a", "b"], ["x", "1"]],
            "line 1: no column is called photo, image, image_name or the like (the header is 'a",
        ),
        ([["photo;score"], ["x;1"]], "line 1: the cells must be separated by commas"),
        ([["photo", "score"]], "no photos below the header"),
        ([["photo", "score"], ["a.jpg", "1", "2"]], "1 line is wrong: line 2: 3 cells instead of 2"),
        ([["photo", "score"], ["a.jpg", ""]], "1 line is wrong: line 2: score is '', not a number"),
        ([["photo", "score"], ["a.jpg", "nan"]], "1 line is wrong: line 2: score is 'nan', not a number"),
        ([["photo", "score"], ["a.jpg", "1e999"]], "1 line is wrong: line 2: score is '1e999', not a number"),
        ([["photo", "score"], ["a.jpg", "1_0"]], "1 line is wrong: line 2: score is '1_0', not a number"),
        ([["photo", "score"], ["", "1"]], "1 line is wrong: line 2: photo is empty"),
        ([["photo", "score"], ["../a.jpg", "1"]], "1 line is wrong: line 2: photo is '../a.jpg': must not leave data"),
        ([["photo", "score"], ["a\\b.jpg", "1"]], "1 line is wrong: line 2: photo is 'a\\\\b.jpg': write folders with"),
        ([["photo", "score", "sd"], ["a.jpg", "1", "-1"]], "1 line is wrong: line 2: sd is '-1', not a number from 0"),
        (
            [["photo", "score"], ["a.jpg", "1"], ["b.jpg", "2"], ["a.jpg", "1"]],
            "1 line is wrong: line 4: photo 'a.jpg' is in line 2 too",
        ),
        (
            [["photo", "score", "set"], ["a.jpg", "1", "flickr"]],
            "1 line is wrong: line 2: split is 'flickr', not training, validation or test "
            '(data.columns.split="" reads none)',
        ),
    ],
)
def test_a_wrong_list_is_refused_in_one_line(tmp_path: Path, rows: list[list[str]], expected: str) -> None:
    assert refusal(listed(tmp_path, *rows)).startswith(expected)


def test_a_column_with_the_name_of_a_split_can_be_left_alone(tmp_path: Path) -> None:
    file = listed(tmp_path, ["photo", "score", "set"], ["a.jpg", "1", "flickr"])
    assert not read(file, split="").splits


def test_paths_are_relative_to_the_list_or_to_the_root(tmp_path: Path) -> None:
    file = listed(tmp_path, ["photo", "score"], ["a.jpg", "1"], ["./b/c.jpg", "2"])
    assert means_of(scored(file)) == {"./a.jpg": 1, "./b/c.jpg": 2}
    assert [photo.path for photo in table_of(scored(file)).photos] == [tmp_path / "a.jpg", tmp_path / "b" / "c.jpg"]
    elsewhere = table_of(scored(file, tmp_path / "elsewhere")).photos
    assert [photo.path for photo in elsewhere] == [tmp_path / "elsewhere" / "a.jpg", tmp_path / "elsewhere/b/c.jpg"]


def test_absolute_paths_need_no_root(tmp_path: Path) -> None:
    home = (tmp_path / "photos").as_posix()
    file = listed(tmp_path, ["photo", "score"], [f"{home}/x/a.jpg", "1"], [f"{home}/y/a.jpg", "2"])
    assert means_of(scored(file)) == {"./x/a.jpg": 1, "./y/a.jpg": 2}
    assert means_of(scored(file, tmp_path)) == {"./photos/x/a.jpg": 1, "./photos/y/a.jpg": 2}
    with pytest.raises(UsageError, match=r"does not lie in .*other; data.root=DIR names the folder"):
        table_of(scored(file, tmp_path / "other"))


def test_one_photo_in_two_spellings_is_refused(tmp_path: Path) -> None:
    file = listed(tmp_path, ["photo", "score"], ["a.jpg", "1"], ["./a.jpg", "2"])
    with pytest.raises(UsageError, match=re.escape("./a.jpg and a.jpg are one photo")):
        table_of(scored(file))


def test_a_split_is_read_where_the_list_has_one(tmp_path: Path) -> None:
    rows = [["a.jpg", "1", "training"], ["b.jpg", "2", "Val"], ["c.jpg", "3", "test"], ["d.jpg", "4", "train"]]
    data = scored(listed(tmp_path, ["photo", "score", "split"], *rows))
    assert {split: len(data.labels[split]) for split in SPLITS} == {"train": 2, "val": 1, "test": 1}
    without = scored(listed(tmp_path, ["photo", "score"], *(row[:2] for row in rows)))
    assert {split: len(without.labels[split]) for split in SPLITS} == {"train": 0, "val": 0, "test": 4}
    assert without.evaluated_on == "all"


def test_the_list_is_asked_for() -> None:
    with pytest.raises(UsageError, match=r"data.file is not set: give a CSV with the header photo,score"):
        table_of(scored(None))
    with pytest.raises(UsageError, match=r"data.higher_is_better=maybe: must be true, false or null"):
        scored(None, higher="maybe")  # type: ignore[arg-type]


def test_training_on_scores_is_refused(tmp_path: Path) -> None:
    data = scored(listed(tmp_path, ["photo", "score"], ["a.jpg", "1"]))
    nothing: Any = None
    with pytest.raises(UsageError, match="no loss of iqbench learns from mean opinions; evaluate models on this set"):
        data.configure_examples(nothing, nothing)


# Published sets. Their layouts are those of the real lists.


def test_koniq_has_its_official_split_and_the_mos_of_its_list(tmp_path: Path) -> None:
    qualities = write_koniq(tmp_path)
    data = published(Koniq, tmp_path)
    assert {split: len(data.labels[split]) for split in SPLITS} == {"train": 6, "val": 3, "test": 3}
    assert means_of(data) == pytest.approx({name: 1 + 99 * quality for name, quality in qualities.items()})
    assert np.isnan(table_of(data).sd).all()  # it is of ratings from 1 to 5, the MOS is not
    assert all(photo.path.exists() for photo in table_of(data).photos)
    assert data.evaluated_on == "test"


def test_kadid_counts_quality_and_has_a_cluster_for_each_reference(tmp_path: Path) -> None:
    write_kadid(tmp_path)
    table = table_of(published(Kadid, tmp_path))
    assert {photo.series for photo in table.photos} == {f"I{number:02d}.png" for number in range(1, 7)}
    assert table.means[0] > table.means[2]  # level 1 is the mildest
    assert table.sd.tolist() == [0.496] * 18
    assert all(photo.path.exists() for photo in table.photos)


def test_tid_finds_photos_whatever_the_case_of_their_names(tmp_path: Path) -> None:
    qualities = write_tid(tmp_path)
    table = table_of(published(Tid2013, tmp_path))
    assert means_of(published(Tid2013, tmp_path)) == pytest.approx(
        {name: 9 * quality for name, quality in qualities.items()}, abs=1e-5
    )
    assert {photo.series for photo in table.photos} == {"i01", "i02"}
    assert all(photo.path.exists() for photo in table.photos)
    one = tmp_path / "distorted_images" / "i01_11_2.bmp"
    one.rename(one.with_name("I01_11_2.BMP"))
    assert all(photo.path.exists() for photo in table_of(published(Tid2013, tmp_path)).photos)


def test_a_wrong_line_of_tid_is_refused(tmp_path: Path) -> None:
    write_tid(tmp_path)
    file = tmp_path / "mos_with_names.txt"
    file.write_text("5.5 i01_01_1.bmp\n5.5 I01_01_1.BMP\ni01_01_2.bmp 5.5\n")
    with pytest.raises(UsageError) as caught:
        table_of(published(Tid2013, tmp_path))
    assert str(caught.value) == (
        f"{file}: 2 lines are wrong: line 2: photo i01_01_1.bmp is in an earlier line too; "
        "line 3: 'i01_01_2.bmp 5.5' is not a score and a name such as i01_02_3.bmp"
    )


def test_spaq_is_read_from_the_sheet_as_csv(tmp_path: Path) -> None:
    (tmp_path / "Annotations").mkdir()
    rows = [
        ["Image name", "MOS", "Brightness", "Noisiness"],
        ["00001.jpg", "33.3", "1", "2"],
        ["00002.jpg", "80", "1", "2"],
    ]
    write_csv(tmp_path / "Annotations" / "MOS and Image attribute scores.csv", rows)
    assert means_of(published(Spaq, tmp_path)) == {"./00001.jpg": 33.3, "./00002.jpg": 80}


@pytest.mark.skipif(find_spec("openpyxl") is not None, reason="openpyxl is installed")
def test_spaq_names_the_package_for_its_workbook(tmp_path: Path) -> None:
    (tmp_path / "Annotations").mkdir()
    (tmp_path / LISTS[Spaq][1]).write_bytes(b"PK")
    with pytest.raises(MissingResource, match=r"pip install openpyxl.*; or save its first sheet as CSV"):
        table_of(published(Spaq, tmp_path))


@pytest.mark.skipif(find_spec("openpyxl") is None, reason="openpyxl is not installed")
def test_spaq_is_read_from_its_workbook(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    for row in (["Image name", "MOS", "Brightness"], ["00001.jpg", 33.3, 1], ["00002.jpg", 80, 1]):
        book.active.append(row)
    (tmp_path / "Annotations").mkdir()
    book.save(tmp_path / LISTS[Spaq][1])
    assert means_of(published(Spaq, tmp_path)) == {"./00001.jpg": 33.3, "./00002.jpg": 80}
    book.active.append(["00002.jpg", 81, 1])
    book.active.append(["00003.jpg", "n/a", 1])
    book.save(tmp_path / LISTS[Spaq][1])
    with pytest.raises(UsageError, match=r"2 lines are wrong: line 4: photo '00002.jpg' is in an earlier line too"):
        table_of(published(Spaq, tmp_path))
    (tmp_path / LISTS[Spaq][1]).write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(UsageError, match=r"cannot be read as a workbook"):
        table_of(published(Spaq, tmp_path))


def write_livec(root: Path, photos: int) -> None:
    names = np.empty((photos, 1), dtype=object)
    names[:, 0] = [f"t{at + 1}.bmp" if at < 7 else f"{at - 4}.bmp" for at in range(photos)]
    (root / "Data").mkdir()
    savemat(root / "Data" / "AllImages_release.mat", {"AllImages_release": names})
    for stem, first in (("AllMOS_release", 20.0), ("AllStdDev_release", 15.0)):
        savemat(root / "Data" / f"{stem}.mat", {stem: first + np.arange(photos)[None]})


def test_live_in_the_wild_leaves_out_the_photos_that_trained_its_voters(tmp_path: Path) -> None:
    write_livec(tmp_path, photos=10)
    data = published(LiveInTheWild, tmp_path)
    assert means_of(data) == {"./3.bmp": 27, "./4.bmp": 28, "./5.bmp": 29}
    assert table_of(data).sd.tolist() == [22, 23, 24]


def test_a_damaged_matlab_file_is_named(tmp_path: Path) -> None:
    write_livec(tmp_path, photos=10)
    (tmp_path / "Data" / "AllStdDev_release.mat").write_bytes(b"torn")
    with pytest.raises(UsageError, match=r"AllStdDev_release.mat: cannot be read as a MATLAB file"):
        table_of(published(LiveInTheWild, tmp_path))


@pytest.mark.parametrize("kind", LISTS)
def test_a_published_set_tells_where_it_comes_from(tmp_path: Path, kind: type[OpinionSet]) -> None:
    for root in (None, tmp_path / "nowhere", tmp_path):
        with pytest.raises(UsageError) as caught:
            table_of(published(kind, root))
        assert str(caught.value).endswith(
            f"Get {kind.title} from {kind.home} and give the folder that holds {LISTS[kind][1]} and {LISTS[kind][0]}/ "
            "as data.root=DIR"
        )


def test_no_photo_of_a_published_set_needs_to_be_there(tmp_path: Path) -> None:
    write_kadid(tmp_path)
    for photo in (tmp_path / "images").iterdir():
        photo.unlink()
    (tmp_path / "images").rmdir()
    assert len(table_of(published(Kadid, tmp_path))) == 18


@pytest.mark.parametrize("name", ["a.JPG", "a", " a.jpg", "A.jpg"])
def test_a_photo_whose_name_differs_is_told_with_the_name_on_the_disk(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.jpg").touch()
    absent = PhotoFile(f"./{name}", tmp_path / "photos" / ".." / name)
    (tmp_path / "photos").mkdir()
    if absent.path.exists():
        pytest.skip("case does not count in this file system")
    with pytest.raises(UsageError, match=r"Its folder holds a\.jpg: names must be the same"):
        check_present("set", [absent])


def test_names_with_line_breaks_stay_on_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.jpg").touch()
    check_present("set", [PhotoFile("./a.jpg", tmp_path / "a.jpg"), PhotoFile("./b\nc.jpg", tmp_path / "b\nc.jpg")])
    assert [record.getMessage() for record in caplog.records] == ["set: 1 of 2 photos are not there: './b\\nc.jpg'"]
