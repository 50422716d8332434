"""Real damage: pairs of photos of one scene, from the list to the results."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import iqbench
from fixtures.command_line import Outcome, run
from fixtures.labelled_sets import write_csv
from fixtures.photos import noisy_gradient
from iqbench.config import build, compose
from iqbench.datasets.real_pairs import RealPairs
from iqbench.degradations.ladder import suite
from iqbench.degradations.real import read_real_pairs, real_ladders
from iqbench.degradations.rehearsal import rehearse
from iqbench.errors import MissingResource, UsageError
from iqbench.interfaces import NotApplicable, Photo, PhotoContext, PhotoFile, Variant
from iqbench.photos import PhotoError

HEADER = ["original", "degraded", "type", "level"]
ROWS = [
    ["sharp/0.png", "blurred/0_9.png", "blur", "10"],
    ["sharp/0.png", "blurred/0_1.png", "blur", "9"],
    ["sharp/1.png", "blurred/1_1.png", "blur", "9"],
    ["sharp/1.png", "noisy/1.png", "noise", ""],
    ["sharp/2.png", "noisy/2.png", "noise", ""],
]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IQBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """A list of three originals with five damaged photos, each of them grey in its own way."""
    for number, name in enumerate([*dict.fromkeys(row[0] for row in ROWS), *(row[1] for row in ROWS)]):
        save(tmp_path / name, scene(number) if name.startswith("sharp") else flat(10 * number))
    write_csv(tmp_path / "pairs.csv", [HEADER, *ROWS])
    return tmp_path / "pairs.csv"


def scene(number: int) -> Photo:
    return noisy_gradient(50, 70, seed=number)


def flat(grey: int) -> Photo:
    return np.full((50, 70, 3), grey, np.uint8)


def save(path: Path, photo: Photo) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    Image.fromarray(photo).save(path)


def variants(file: Path, group: str = "technical") -> dict[str, Variant]:
    degradation = real_ladders(str(file), None, group)  # type: ignore[arg-type]
    return {variant.level: variant for variant in suite({"real": degradation})}


def context(file: Path, name: str) -> PhotoContext:
    photo = PhotoFile(f"./{name}", file.parent / name)
    return PhotoContext(photo, [photo])


def bench(*arguments: object, file: str = "pairs.csv") -> Outcome:
    return run("bench", "model=sharpness", "data=real_pairs", f"data.file={file}", "degradation=real", *arguments)


def rows_of(folder: Path) -> pd.DataFrame:
    table = pd.read_parquet(folder / "unified_results.parquet")
    return table[table["degradation_type"] == "real"].set_index(["original", "degradation_level"])


# The list


def test_a_ladder_for_each_type_has_its_levels_in_the_order_of_their_numbers(pairs: Path) -> None:
    levels = [(v.ladder, v.level, v.severity, v.amount, v.group) for v in variants(pairs).values()]
    assert levels == [
        ("real/blur", "blur_9", 1, 9.0, "technical"),
        ("real/blur", "blur_10", 2, 10.0, "technical"),
        ("real/noise", "noise", 1, None, "technical"),
    ]
    assert {variant.group for variant in variants(pairs, "compositional").values()} == {"compositional"}


def test_the_originals_are_listed_once_and_damaged_photos_never(pairs: Path) -> None:
    listing = RealPairs(str(pairs), None, None, 0).photos()
    assert [file.name for file in listing.files] == ["./sharp/0.png", "./sharp/1.png", "./sharp/2.png"]
    assert len(RealPairs(str(pairs), None, 2, 0).photos().files) == 2


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            [["better", "worse"]],
            "line 1: the header must be original,degraded,type or original,degraded,type,level, not",
        ),
        ([HEADER], "no pairs below the header"),
        ([HEADER, ["a.png", "b.png"]], "1 line is wrong: line 2: 2 cells instead of 4"),
        (
            [HEADER, ["a.png", "../b.png", "blur", ""]],
            "1 line is wrong: line 2: degraded is '../b.png': must not leave",
        ),
        ([HEADER, ["", "b.png", "blur", ""]], "1 line is wrong: line 2: original is empty"),
        ([HEADER, ["a.png", "b.png", "", ""]], "1 line is wrong: line 2: type is '', not a word"),
        ([HEADER, ["a.png", "b.png", "a/b", ""]], "1 line is wrong: line 2: type is 'a/b', not a word"),
        ([HEADER, ["a.png", "b.png", "blur", "weak"]], "1 line is wrong: line 2: level is 'weak', not a number"),
        (
            [HEADER, ["a.png", "a.png", "blur", ""]],
            "1 line is wrong: line 2: 'a.png' is damaged here, and the original",
        ),
        (
            [HEADER, ["a.png", "b.png", "blur", ""], ["b.png", "c.png", "blur", ""]],
            "1 line is wrong: line 2: 'b.png' is damaged here, and the original in line 3",
        ),
        (
            [HEADER, ["a.png", "c.png", "blur", ""], ["b.png", "./c.png", "blur", ""]],
            "1 line is wrong: line 3: 'c.png' is in line 2 too",
        ),
        (
            [HEADER, ["a.png", "b.png", "blur", "1"], ["a.png", "c.png", "blur", "1.0"]],
            "1 line is wrong: line 3: line 2 has the same original, type and level; tell them apart by the level",
        ),
        (
            [HEADER, ["a.png", "b.png", "blur", "1"], ["d.png", "c.png", "blur", ""]],
            "1 line is wrong: line 3: level is empty, but other rows of type blur have one",
        ),
    ],
)
def test_a_wrong_list_is_refused_in_one_line(tmp_path: Path, rows: list[list[str]], expected: str) -> None:
    write_csv(tmp_path / "wrong.csv", rows)
    with pytest.raises(UsageError) as caught:
        read_real_pairs("wrong.csv", None)
    assert "\n" not in str(caught.value)
    assert str(caught.value).removeprefix(f"{tmp_path / 'wrong.csv'}: ").startswith(expected)


def test_a_list_without_levels_is_read_and_paths_may_be_absolute(tmp_path: Path) -> None:
    home = tmp_path.as_posix()
    write_csv(tmp_path / "list.csv", [HEADER[:3], [f"{home}/x/a.png", f"{home}/y/b.png", "low light"]])
    (pair,) = read_real_pairs("list.csv", None)
    assert (pair.original.relative, pair.degraded.relative, pair.type) == ("x/a.png", "y/b.png", "low light")


def test_the_list_is_asked_for_by_the_damage_and_by_the_photos() -> None:
    with pytest.raises(MissingResource, match=r"give it as data=real_pairs data.file=pairs.csv"):
        real_ladders(None, None, "technical")
    with pytest.raises(UsageError, match=r"data.file is not set: give a CSV with the header original,degraded,type"):
        RealPairs(None, None, None, 0).photos()


def test_one_setting_names_the_list_for_both(pairs: Path) -> None:
    config = compose("bench", ["degradation=real", "data=real_pairs", "data.file=pairs.csv", "name=x", "out=x"])
    degradation = build(config.degradation.real, "degradation.real")
    assert [ladder.name for ladder in degradation.ladders] == ["blur", "noise"]


# The damaged photo


def test_the_damaged_photo_is_that_of_the_list_whatever_its_size(pairs: Path) -> None:
    picture = variants(pairs)["noise"].picture(scene(1), context(pairs, "sharp/1.png"))
    assert np.array_equal(picture, flat(60))


def test_a_damaged_photo_is_read_with_the_care_of_any_photo(pairs: Path) -> None:
    sideways = np.zeros((40, 60, 3), np.uint8)
    sideways[:, :20] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(sideways).save(pairs.parent / "noisy" / "1.png", exif=exif)
    picture = variants(pairs)["noise"].picture(scene(1), context(pairs, "sharp/1.png"))
    assert np.array_equal(picture, np.rot90(sideways, -1))


@pytest.mark.parametrize("name", ["sharp/0.png", "noisy/1.png", "elsewhere.png"])
def test_a_photo_without_a_partner_of_this_type_has_no_such_variant(pairs: Path, name: str) -> None:
    with pytest.raises(NotApplicable, match="the list has no photo with this damage of it"):
        variants(pairs)["noise"].picture(scene(0), context(pairs, name))


def test_another_file_is_other_damage_of_its_level_only(pairs: Path) -> None:
    before = rehearse(list(variants(pairs).values()))
    assert rehearse(list(variants(pairs).values())) == before
    save(pairs.parent / "noisy" / "1.png", flat(99))
    after = rehearse(list(variants(pairs).values()))
    assert [key for key in before if before[key] != after[key]] == ["real/noise"]


def test_a_file_that_changes_during_the_run_is_no_longer_judged(pairs: Path) -> None:
    noise = variants(pairs)["noise"]
    rehearse([noise])
    save(pairs.parent / "noisy" / "1.png", flat(99))
    with pytest.raises(PhotoError, match=r"noisy/1.png: is another file than when the run began") as caught:
        noise.picture(scene(1), context(pairs, "sharp/1.png"))
    assert caught.value.code == "changed"


# Runs


def test_each_original_is_judged_against_its_own_damaged_photos(pairs: Path, tmp_path: Path) -> None:
    assert bench("out=run", "engine.workers=0").exit_code == 0
    rows = rows_of(tmp_path / "run")
    assert len(rows) == 9
    judged = rows[rows["status"] == "ok"]
    assert sorted(judged.index) == [
        ("./sharp/0.png", "blur_10"),
        ("./sharp/0.png", "blur_9"),
        ("./sharp/1.png", "blur_9"),
        ("./sharp/1.png", "noise"),
        ("./sharp/2.png", "noise"),
    ]
    assert (judged["correct"] == 1).all()  # a flat picture has no sharpness
    assert set(rows["status"]) == {"ok", "not_applicable"}
    assert len(pd.read_csv(tmp_path / "run" / "manifest.csv")) == 3


def test_a_damaged_photo_that_cannot_be_read_is_no_fault_of_the_model(pairs: Path, tmp_path: Path) -> None:
    (tmp_path / "noisy" / "1.png").write_bytes((tmp_path / "noisy" / "1.png").read_bytes()[:60])
    (tmp_path / "noisy" / "2.png").unlink()
    outcome = bench("out=run", "engine.workers=0")
    assert outcome.exit_code == 3, outcome.err
    rows = rows_of(tmp_path / "run")
    for original, status in (("./sharp/1.png", "corrupt"), ("./sharp/2.png", "vanished")):
        row = rows.loc[(original, "noise")]
        assert row["status"] == status
        assert row["error"].startswith(f"noisy/{original[8]}.png: ")
        assert pd.isna(row["correct"])
    assert (rows["status"] == "ok").sum() == 3


@pytest.mark.slow
def test_a_run_is_resumed_and_another_damaged_photo_is_refused(pairs: Path, tmp_path: Path) -> None:
    bench("out=run", "engine.workers=0", "data.limit=2")
    assert bench("out=run", "engine.workers=0").exit_code == 0
    assert len(rows_of(tmp_path / "run")) == 9
    before = (tmp_path / "run" / "unified_results.csv").read_bytes()
    assert bench("out=run", "engine.workers=0").exit_code == 0
    assert (tmp_path / "run" / "unified_results.csv").read_bytes() == before
    save(tmp_path / "noisy" / "1.png", flat(99))
    refused = bench("out=run", "engine.workers=0")
    assert refused.exit_code == 2
    assert "pairs.csv has more or other photos of real/noise, or one was replaced; nothing was written" in refused.err


@pytest.mark.slow
def test_a_longer_list_adds_types_and_levels_and_is_judged_anew_with_more_photos_of_one(
    pairs: Path, tmp_path: Path
) -> None:
    assert bench("out=run", "engine.workers=0").exit_code == 0
    save(tmp_path / "dark" / "0.png", flat(3))
    write_csv(pairs, [HEADER, *ROWS, ["sharp/0.png", "dark/0.png", "dark", ""]])
    assert bench("out=run", "engine.workers=0").exit_code == 0
    assert (rows_of(tmp_path / "run")["status"] == "ok").sum() == 6
    save(tmp_path / "dark" / "1.png", flat(4))
    write_csv(pairs, [HEADER, *ROWS, *([f"sharp/{at}.png", f"dark/{at}.png", "dark", ""] for at in range(2))])
    refused = bench("out=run", "engine.workers=0")
    assert refused.exit_code == 2
    assert "differs in degradation.real: pairs.csv has more or other photos of real/dark" in refused.last_line
    assert refused.last_line.endswith("choose another out=, or set fresh=true, which moves it aside")
    assert bench("out=run", "engine.workers=0", "fresh=true").exit_code == 0
    assert (rows_of(tmp_path / "run")["status"] == "ok").sum() == 7


@pytest.mark.slow
def test_shards_and_workers_give_the_rows_of_one_run(pairs: Path, tmp_path: Path) -> None:
    bench("out=whole", "engine.workers=0")
    bench("-m", "out=shards", "shards=2", "shard=0,1", "engine.workers=1")
    whole, shards = (rows_of(tmp_path / name).sort_index() for name in ("whole", "shards"))
    columns = ["status", "margin", "correct", "input_change"]
    pd.testing.assert_frame_equal(whole[columns], shards[columns])


@pytest.mark.slow
def test_models_of_a_sweep_and_synthetic_damage_share_the_originals(pairs: Path, tmp_path: Path) -> None:
    outcome = run(
        *("bench", "-m", "model=sharpness,contrast", "data=real_pairs", "data.file=pairs.csv"),
        *("degradation=real,blur", "out=sweep", "engine.workers=0"),
    )
    assert outcome.exit_code == 0, outcome.err
    table = pd.read_parquet(tmp_path / "sweep" / "unified_results.parquet")
    assert set(table["degradation_type"]) == {"real", "blur", "control"}
    assert set(table["original"]) == {f"./sharp/{number}.png" for number in range(3)}


@pytest.mark.slow
def test_real_damage_is_benchmarked_from_python(pairs: Path) -> None:
    source = {"_target_": "iqbench.datasets.real_pairs.RealPairs", "file": str(pairs), "root": None, "limit": None}
    result = iqbench.benchmark("sharpness", photos=source | {"seed": 0}, suite="real")
    assert (result.pairs["status"] == "ok").sum() == 5
