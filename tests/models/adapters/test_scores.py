"""Scores from a file: whatever program made them, they are the scores of exactly these pictures."""

import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fixtures.command_line import run
from fixtures.exports import CROPS, brightness, exported, manifest, request, scored, write_scores
from fixtures.photos import noisy_gradient
from iqbench.errors import MissingResource, UsageError
from iqbench.interfaces import PhotoFile, StoredAnswers
from iqbench.models.adapters.scores import Scores
from iqbench.provenance import fingerprint


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Three photos, and their export with two kinds of crops, which no test changes."""
    place = tmp_path_factory.mktemp("export")
    for at, name in enumerate(("ä, b.png", "b.png", "c.png")):
        (place / "photos").mkdir(exist_ok=True)
        Image.fromarray(noisy_gradient(60 + at, 80 - 9 * at, seed=at)).save(place / "photos" / name)
    exported(place / "photos", place / "out")
    return place / "photos", place / "out"


@pytest.fixture
def folder(export: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the photos."""
    return Path(shutil.copytree(export[0], tmp_path / "photos"))


@pytest.fixture
def out(export: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the export, not yet scored."""
    return Path(shutil.copytree(export[1], tmp_path / "out"))


def load(file: Path, manifest: Path | None = None, higher_is_better: bool = True) -> Scores:
    return Scores(str(file), None if manifest is None else str(manifest), higher_is_better)


def answer(model: Scores, picture: np.ndarray) -> float:
    prepared = model.prepare(picture)
    assert prepared.dtype.itemsize == 8
    return model.encode(prepared.unsqueeze(0)).item()


def pixels(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        return np.asarray(image)


def check(model: Scores, folder: Path, *overrides: str) -> None:
    assert isinstance(model, StoredAnswers)
    asked = request(folder, *overrides)
    model.check_answers(asked.photos().files, asked.suite())


EXACT = [0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0.0, 1 / 3, 2.0**53 + 2, -1e-17, 12345678901234567.0]


def test_every_score_comes_back_to_the_last_bit(out: Path) -> None:
    files = [row["file"] for row in manifest(out) if row["variant"] != "control/identity"][: len(EXACT)]
    numbers = dict(zip(files, EXACT, strict=True))
    write_scores(out / "scores.csv", {name: repr(number) for name, number in numbers.items()})
    model = load(out / "scores.csv")
    for name, number in numbers.items():
        assert answer(model, pixels(out / name)).hex() == number.hex()
    copy = pickle.loads(pickle.dumps(model))  # as a worker gets it
    assert [answer(copy, pixels(out / name)) for name in files] == EXACT
    assert answer(load(out / "scores.csv", higher_is_better=False), pixels(out / files[0])) == -EXACT[0]


def test_a_picture_that_was_not_exported_has_no_score_and_the_reason_is_plain(out: Path, photo: np.ndarray) -> None:
    scored(out)
    model = load(out / "scores.csv")
    with pytest.raises(LookupError, match="no scored picture of the export has these pixels"):
        model.prepare(photo)
    changed = pixels(out / manifest(out)[0]["file"]).copy()
    changed[0, 0, 0] ^= 1
    with pytest.raises(LookupError, match="the photo or the damage has changed"):
        model.prepare(changed)


def with_bom(scores: dict[str, str]) -> bytes:
    return b"\xef\xbb\xbf" + plain(scores)


def plain(scores: dict[str, str]) -> bytes:
    return "".join(["file,score\r\n", *(f"{name},{score}\r\n" for name, score in scores.items())]).encode()


def reversed_rows(scores: dict[str, str]) -> bytes:
    return plain(dict(reversed(scores.items())))


def german(scores: dict[str, str]) -> bytes:
    rows = (f"{name};{score.replace('.', ',')}\n" for name, score in scores.items())
    return "".join(["File;Score\n", *rows]).encode()


def with_tabs(scores: dict[str, str]) -> bytes:
    return "".join(["score\tfile\tseconds\n", *(f"{score}\t{name}\t0.1\n" for name, score in scores.items())]).encode()


def of_windows(scores: dict[str, str]) -> bytes:
    return plain({"C:\\Users\\ich\\my export\\" + name.replace("/", "\\"): score for name, score in scores.items()})


def bare_names(scores: dict[str, str]) -> bytes:
    return plain({name.rpartition("/")[2]: score for name, score in scores.items()})


def quoted(scores: dict[str, str]) -> bytes:
    return plain({f'"{name}"': f'"{score}"' for name, score in scores.items()})


def given_twice(scores: dict[str, str]) -> bytes:
    return plain(scores) + plain(scores).partition(b"\n")[2]


def json_lines(scores: dict[str, str]) -> bytes:
    return "\n".join(json.dumps({"file": name, "score": float(score)}) for name, score in scores.items()).encode()


def joined_objects(scores: dict[str, str]) -> bytes:
    return json_lines(scores).replace(b"\n", b"")


def json_list(scores: dict[str, str]) -> bytes:
    return b"[" + json_lines(scores).replace(b"\n", b",\n ") + b"]\n"


@pytest.mark.parametrize(
    "write",
    [
        plain,
        with_bom,
        reversed_rows,
        german,
        with_tabs,
        of_windows,
        bare_names,
        quoted,
        given_twice,
        json_lines,
        joined_objects,
        json_list,
    ],
)
def test_a_file_may_be_written_in_many_ways(out: Path, write: Callable[[dict[str, str]], bytes]) -> None:
    scores = scored(out)
    (out / "scores.csv").write_bytes(write(scores))
    model = load(out / "scores.csv")
    for name, score in scores.items():
        assert answer(model, pixels(out / name)) == float(score)


def test_a_picture_may_be_named_by_its_photo_and_its_variant(folder: Path, out: Path) -> None:
    table = pd.DataFrame(manifest(out))[["variant", "photo", "file"]]
    table["score"] = [brightness(out / name) for name in table["file"]]
    table["photo"] = table["photo"].str.removeprefix("./")
    table.drop(columns="file").to_csv(out / "scores.csv", index=False)
    model = load(out / "scores.csv")
    check(model, folder)
    assert answer(model, pixels(out / table["file"][4])) == table["score"][4]


def test_the_photo_alone_with_a_manifest_is_the_original(folder: Path, out: Path) -> None:
    originals = {row["photo"]: row["file"] for row in manifest(out) if row["variant"] == "original"}
    rows = "".join(f'"{name}",{at}\n' for at, name in enumerate(originals))
    (out / "mine.csv").write_text(f"photo,score\n{rows}", encoding="utf-8")
    model = load(out / "mine.csv", out / "manifest.csv")
    model.check_answers(request(folder).photos().files, [])
    assert [answer(model, pixels(out / file)) for file in originals.values()] == [0, 1, 2]
    assert model.scores_by_name(request(folder).photos().files) is None
    with pytest.raises(MissingResource, match=r"no score for \d+ of 15 pictures"):
        check(model, folder)


A, B = "A.png", "B.png"
"""Stand for the first two exported files."""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the file is empty"),
        ("file,score\n", "no scores below the header"),
        (f"{A},1\n{B},2\n", "line 1: the header must be file,score; photo,variant,score; or photo,score; not"),
        ("0.5\n0.7\n", "The first line must be the header."),
        (f"file,scores\n{A},1\n", "Is 'scores' the score? Rename it."),
        ("variant,score\noriginal,1\n", "the header must be file,score"),
        (f"file,score,score\n{A},1,2\n", "two columns are called 'score'"),
        (f"file,score\n{A},1\n{A},2\n", "line 3: 'A.png' has another score in line 2"),
        (f"file,score\n{A},1\nx/{A},1\n", "line 3: the same picture as in line 2"),
        (f"file,score\n{A},nan\n{A},1\n", "has another score in line 2"),
        (f"file,score\n{A},\n", "line 2: score is empty; write nan where the model has no answer"),
        ("file,score\n,1\n", "line 2: file is empty"),
        (f"file,score\n{A},good\n", "line 2: score is 'good', not a number"),
        (f"file,score\n{A},tensor(0.5)\n", "line 2: score is 'tensor(0.5)', not a number"),
        (f"file,score\n{A},None\n", "line 2: score is 'None', not a number"),
        (f"file,score\n{A},1_000\n", "line 2: score is '1_000', not a number"),
        (f"file,score\n{A},inf\n", "line 2: score is 'inf', not a number"),
        (f"file,score\n{A},1e400\n", "line 2: score is '1e400', beyond the range of float64"),
        (f'file,score\n{A},"0,5"\n', "line 2: score is '0,5'; write a decimal point, or separate cells by ;"),
        (f"file,score\n{A},0,5\n", "line 2: 3 cells instead of 2; a decimal comma must not separate cells"),
        (f"file;score\n{A};0,5\n{B};0.5\n", "line 3: score is '0.5': some numbers have a decimal comma, others"),
        (f"file;score\n{A};1.234,5\n", "line 2: score is '1.234,5', not a number"),
        (f"file,score\n{A},1\n\n{B},2\n", "line 3: blank"),
        (f'file,score\n"{A},1\n', "not CSV from here on"),
        (f"file,score\n{A}\n", "line 2: 1 cell instead of 2"),
        (f'{{"file": "{A}", "score": 1}}\n{{"file": "{B}"}}', "line 2: not an object with file, score"),
        (f'{{"file": "{A}", "score": 1}}{{"file": ', "line 2: not JSON from here on"),
        (f'{{"file": "{A}", "score": null}}', "line 1: score is empty"),
        (f'{{"file": "{A}", "score": true}}', "line 1: score is 'True', not a number"),
        (f'{{"file": "{A}", "score": [1, 2]}}', "line 1: score is '[1, 2]', not a number"),
        (f"file,score\n{A},1\nother.png,2\n", "line 3: 'other.png' is not in "),
        ("file,score\nother.png,2\nmore.png,3\n", "none of its pictures is in "),
        (f"file,score\n{A.replace('.png', '.jpg')},1\n", "score the .png files themselves"),
        (f"file,score\n{A},1\n{B.replace('.png', '.jpg')},1\n", "line 3: 'B.jpg': the export wrote a .png of this"),
        ("photo,variant,score\nb.png,blur/1.0,2\nb.png,original,1\n", "line 2: 'b.png blur/1.0' is not in "),
        ("<!DOCTYPE html>", "is a web page, not a list"),
        ("file,score\nA\0,1", "holds a NUL byte"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_line(out: Path, text: str, reason: str) -> None:
    first, second = (row["file"].rpartition("/")[2].removesuffix(".png") for row in manifest(out)[:2])
    (out / "scores.csv").write_text(text.replace("A.", f"{first}.").replace("B.", f"{second}."), encoding="utf-8")
    with pytest.raises(UsageError) as error:
        load(out / "scores.csv")
    assert str(error.value).startswith(f"{out / 'scores.csv'}: ")
    assert reason.replace("A.", f"{first}.").replace("B.", f"{second}.") in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_utf8_is_refused(out: Path) -> None:
    for content, reason in ((b"\xff\xfef\0", "is UTF-16 text; save it as UTF-8"), (b"file\n\xe4", "is not UTF-8 text")):
        (out / "scores.csv").write_bytes(content)
        with pytest.raises(UsageError, match=reason):
            load(out / "scores.csv")


def test_scores_without_a_manifest_say_where_it_comes_from(out: Path) -> None:
    scored(out)
    (out / "manifest.csv").rename(out / "moved.csv")
    with pytest.raises(MissingResource, match=r"manifest.csv: no such file; .*python -m iqbench.export writes them"):
        load(out / "scores.csv")
    load(out / "scores.csv", out / "moved.csv")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("photo,sha256\n./a.png,0\n", "has no column file, variant, status, digest, so python -m iqbench.export did"),
        ("{}", "has no column"),
        ('a,b\n1,2,3,4\n1\n"', "is not CSV|has no column"),
    ],
)
def test_another_file_in_place_of_the_manifest_is_refused(out: Path, text: str, reason: str) -> None:
    scored(out)
    (out / "manifest.csv").write_text(text)
    with pytest.raises(UsageError, match=reason):
        load(out / "scores.csv")


def test_a_damaged_digest_is_refused(out: Path) -> None:
    scored(out)
    text = (out / "manifest.csv").read_text(encoding="utf-8")
    digest = manifest(out)[1]["digest"]
    (out / "manifest.csv").write_text(text.replace(digest, digest[:-1]), encoding="utf-8")
    with pytest.raises(UsageError, match=r"row 2: the digest of the pixels is damaged"):
        load(out / "scores.csv")


class TestCheckBeforeTheRun:
    def test_a_whole_file_of_scores_is_fine_and_nan_is_an_answer(self, folder: Path, out: Path) -> None:
        scores = scored(out)
        scores[next(iter(scores))] = "NaN"
        write_scores(out / "scores.csv", scores)
        check(load(out / "scores.csv"), folder)

    def test_half_of_the_scores_are_refused_with_their_number(self, folder: Path, out: Path) -> None:
        scores = scored(out)
        write_scores(out / "scores.csv", dict(list(scores.items())[:7]))
        with pytest.raises(MissingResource, match=r"no score for 7 of 15 pictures, such as pictures/.*png; score them"):
            check(load(out / "scores.csv"), folder)

    def test_the_scores_of_another_suite_are_refused(self, folder: Path, out: Path) -> None:
        scored(out)
        with pytest.raises(MissingResource, match=r"the export has no blur/1.0 \(4 of 7 kinds of pictures are missing"):
            check(load(out / "scores.csv"), folder, "degradation=blur")

    def test_photos_that_were_not_exported_are_refused(self, folder: Path, out: Path) -> None:
        scored(out)
        Image.fromarray(noisy_gradient(40, 50, seed=5)).save(folder / "new.png")
        with pytest.raises(MissingResource, match=r"1 of 4 photos were not exported, such as ./new.png"):
            check(load(out / "scores.csv"), folder)

    def test_photos_that_were_renamed_or_moved_are_found_by_their_content(self, folder: Path, out: Path) -> None:
        scored(out)
        moved = folder.rename(folder.with_name("elsewhere"))
        (moved / "b.png").rename(moved / "z.png")
        check(load(out / "scores.csv"), moved)

    def test_a_part_of_the_photos_and_of_the_suite_is_enough(self, folder: Path, out: Path) -> None:
        scored(out)
        (folder / "b.png").unlink()
        asked = request(folder)
        load(out / "scores.csv").check_answers(asked.photos().files, asked.suite()[1:])

    def test_a_damaged_photo_needs_no_score(self, folder: Path, out: Path) -> None:
        (folder / "b.png").write_bytes(b"")
        exported(folder, out)
        scored(out)
        check(load(out / "scores.csv"), folder)

    def test_scores_by_name_are_refused_in_a_benchmark(self, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "s.csv").write_text("photo,score\na.png,1\nb.png,2\nc.png,3\n")
        with pytest.raises(MissingResource, match=r"and none of their degraded copies; python -m iqbench.export"):
            check(load(tmp_path / "s.csv"), folder)


def test_files_of_equal_pixels_with_different_scores_are_warned_of(
    folder: Path, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scores = scored(out)
    load(out / "scores.csv")
    assert not caplog.messages
    identical = [row["file"] for row in manifest(out) if row["variant"] == "control/identity"]
    write_scores(out / "scores.csv", scores | {identical[0]: "99.5"})
    model = load(out / "scores.csv")
    (message,) = caplog.messages
    assert "1 pictures are in several files and have different scores there (by up to" in message
    original = next(row["file"] for row in manifest(out) if row["variant"] == "original")
    assert answer(model, pixels(out / identical[0])) == float(scores[original])


def test_the_fingerprint_counts_the_scores_and_not_the_place(out: Path, tmp_path: Path) -> None:
    scores = scored(out)

    def identity(file: Path) -> str:
        settings = {"_target_": "iqbench.models.adapters.scores.Scores", "file": str(file), "manifest": None}
        return fingerprint(load(file), settings | {"higher_is_better": True})

    first = identity(out / "scores.csv")
    shutil.copytree(out, tmp_path / "copy")
    assert identity(tmp_path / "copy" / "scores.csv") == first
    write_scores(out / "scores.csv", scores | {next(iter(scores)): "0.25"})
    assert identity(out / "scores.csv") != first


class TestByName:
    FILES = tuple(PhotoFile(f"./{name}", Path("/data") / name) for name in ("a.jpg", "sub/b c.jpg", "été.jpg"))

    @pytest.mark.parametrize(
        "names",
        [
            ("a.jpg", "sub/b c.jpg", "été.jpg"),
            ("./a.jpg", "./sub/b c.jpg", "./e\u0301te\u0301.jpg"),
            ("a.jpg", "sub\\b c.jpg", "été.jpg"),
            ("/data/a.jpg", "/data/sub/b c.jpg", "/data/été.jpg"),
            ("a.jpg", "b c.jpg", "/elsewhere/été.jpg"),
        ],
    )
    def test_a_photo_is_found_by_its_path_or_its_file_name(self, tmp_path: Path, names: tuple[str, ...]) -> None:
        rows = "".join(f"{name},{at}.5\n" for at, name in enumerate(names))
        (tmp_path / "s.csv").write_text(f"photo,score\n{rows}", encoding="utf-8")
        model = load(tmp_path / "s.csv")
        files = [PhotoFile(file.name, Path(f"/data/{file.name}")) for file in self.FILES]
        model.check_answers(files, [])
        assert model.scores_by_name(files).tolist() == [0.5, 1.5, 2.5]  # type: ignore[union-attr]

    def test_a_file_name_that_two_rows_share_stands_for_neither(self, tmp_path: Path) -> None:
        (tmp_path / "s.csv").write_text("photo,score\nx/a.jpg,1\ny/a.jpg,2\n")
        with pytest.raises(MissingResource, match=r"no score for 1 of 1 photos, such as ./a.jpg"):
            load(tmp_path / "s.csv").check_answers(self.FILES[:1], [])

    def test_two_rows_of_one_photo_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "s.csv").write_text("photo,score\na.jpg,1\n./a.jpg,2\n")
        with pytest.raises(UsageError, match=r"two rows name one photo, such as 'a.jpg'"):
            load(tmp_path / "s.csv")

    def test_the_outputs_of_q_bench_are_the_difference_of_two_logits(self, tmp_path: Path) -> None:
        row = '{"img_path": "a.jpg", "gt_score": 63.9, "logit_good": 15.5859375, "logit_poor": 15.890625}'
        (tmp_path / "s.json").write_text(row + row.replace("a.jpg", "sub/b c.jpg").replace("15.8", "14.8"))
        assert load(tmp_path / "s.json").scores_by_name(self.FILES[:2]).tolist() == [-0.3046875, 0.6953125]  # type: ignore[union-attr]


OUTSIDE = """
import csv, math, sys
from pathlib import Path
import numpy as np
from PIL import Image

root = Path(sys.argv[1])
assert "iqbench" not in sys.modules
with open(root / "manifest.csv", newline="", encoding="utf-8") as listed:
    files = [row["file"] for row in csv.DictReader(listed) if row["status"] == "ok"]
with open(root / "scores.csv", "w", newline="", encoding="utf-8") as scores:
    writer = csv.writer(scores)
    writer.writerow(["file", "score"])
    for name in files:
        rgb = np.asarray(Image.open(root / name)).astype(np.int64)
        grey = (rgb @ [9798, 19235, 3735] + (1 << 14)) >> 15  # OpenCV's weights
        n, total, squares = grey.size, int(grey.sum()), int((grey * grey).sum())
        contrast = math.sqrt((n * squares - total * total) / (n * n)) / (total / n) / 0.8 if total else 0.0
        writer.writerow([name, repr(min(1.0, max(0.0, contrast)))])
"""


@pytest.mark.slow
def test_another_program_and_the_same_model_built_in_give_the_same_table(folder: Path, tmp_path: Path) -> None:
    data = ("data=folder", f"data.root={folder}", "engine.workers=0")
    out = tmp_path / "out"
    assert run("export", *data, f"out={out}").exit_code == 0
    subprocess.run([sys.executable, "-I", "-c", OUTSIDE, str(out)], check=True)
    outcome = run("bench", "model=scores", f"model.file={out / 'scores.csv'}", *data, f"out={tmp_path / 'scores'}")
    assert outcome.exit_code == 0, outcome.err
    assert run("bench", "model=contrast", *data, f"out={tmp_path / 'contrast'}").exit_code == 0
    tables = [pd.read_parquet(tmp_path / name / "unified_results.parquet") for name in ("scores", "contrast")]
    different = [name for name in tables[0] if not tables[0][name].equals(tables[1][name])]
    assert set(different) <= {"model_name", "model_type", "model_fingerprint", "input_change", "input_change_max"}
    assert len(tables[0]) == 3 * 29


@pytest.mark.slow
def test_a_benchmark_of_scores_ends_in_one_line_where_they_do_not_fit(folder: Path, out: Path, tmp_path: Path) -> None:
    scores = scored(out)
    bench = ("bench", "model=scores", f"model.file={out / 'scores.csv'}", "data=folder", f"data.root={folder}")
    write_scores(out / "scores.csv", dict(list(scores.items())[:7]))
    outcome = run(*bench, CROPS, "engine.workers=0", f"out={tmp_path / 'half'}")
    assert outcome.exit_code == 2
    assert outcome.last_line.startswith(f"iqbench.bench: {out / 'scores.csv'}: no score for 7 of 15 pictures")
    write_scores(out / "scores.csv", scores | {next(iter(scores)): "nan"})
    outcome = run(*bench, CROPS, "engine.workers=0", f"out={tmp_path / 'nan'}")
    assert outcome.exit_code == 3
    assert "rows failed: 2 nonfinite" in outcome.last_line
