"""The messiest folder: 300 files that are broken or odd among 50 good photos."""

import json
import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from fixtures.broken_files import dng, encoded, heic, with_broken_chunk, with_png_size, with_text_bomb
from fixtures.command_line import run
from fixtures.photos import noisy_gradient
from fixtures.systems import needs_pipes

pytestmark = pytest.mark.slow

GOOD, ODD = 50, 300
JUDGED = ("model=contrast", "degradation=blur", "max_failures=0")


def picture(draw: random.Random) -> Image.Image:
    return Image.fromarray(noisy_gradient(40 + draw.randrange(20), 40 + draw.randrange(20), seed=draw.randrange(999)))


def jpeg(draw: random.Random, **options: object) -> bytes:
    return encoded(picture(draw), "JPEG", **options)


def png(draw: random.Random) -> bytes:
    return encoded(picture(draw), "PNG")


def cut(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randrange(1, len(data))]


def flipped(data: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(20, len(data))
    return data[:at] + bytes([data[at] ^ (1 << draw.randrange(8))]) + data[at + 1 :]


def oriented(draw: random.Random) -> bytes:
    exif = Image.Exif()
    exif[274] = draw.randrange(12)
    return jpeg(draw, exif=exif)


def in_mode(mode: str, format: str) -> Callable[[random.Random], bytes]:
    return lambda draw: encoded(picture(draw).convert(mode), format)


BYTES: tuple[Callable[[random.Random], bytes], ...] = (
    lambda draw: cut(jpeg(draw), draw),
    lambda draw: cut(png(draw), draw),
    lambda draw: flipped(jpeg(draw), draw),
    lambda draw: flipped(png(draw), draw),
    lambda draw: with_broken_chunk(png(draw)),
    lambda draw: with_text_bomb(png(draw)),
    lambda draw: with_png_size(png(draw), 100_000, 100_000),
    lambda draw: b"",
    lambda draw: b"<!doctype html><title>404</title>" + bytes(draw.randrange(99)),
    lambda draw: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    lambda draw: b"%PDF-1.7\n" + draw.randbytes(200),
    lambda draw: b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    lambda draw: draw.randbytes(draw.randrange(1, 500)),
    lambda draw: b"\xff\xd8\xff\xe0" + draw.randbytes(300),
    lambda draw: heic(),
    lambda draw: dng(),
    png,
    oriented,
    lambda draw: jpeg(draw, exif=b"Exif\0\0" + draw.randbytes(60)),
    lambda draw: jpeg(draw, icc_profile=draw.randbytes(200)),
    in_mode("L", "PNG"),
    in_mode("P", "GIF"),
    in_mode("RGBA", "PNG"),
    in_mode("CMYK", "JPEG"),
    in_mode("I;16", "PNG"),
    in_mode("1", "PNG"),
    lambda draw: encoded(picture(draw).resize((9, 700)), "PNG"),
    lambda draw: encoded(picture(draw), "WEBP"),
)
"""What may stand in a file that calls itself a photo."""

NAMES = (
    "{} a.jpg",
    "{},'\"{}.jpg",
    "{}\n.jpg",
    "{}\r.jpg",
    "={}.jpg",
    "NA{}.JPG",
    "{}é模.jpg",
    "%s{}.jpg",
    "{}" + "x" * 200 + ".jpg",
)


def write_odd(root: Path, draw: random.Random) -> None:
    """Write 300 things that may lie in a folder of photos."""
    for number in range(ODD - 12):
        name = NAMES[number % len(NAMES)].format(number, number)
        (root / name).write_bytes(BYTES[number % len(BYTES)](draw))
    (root / "folder.jpg").mkdir()
    (root / "folder.jpg" / "inside.jpg").write_bytes(jpeg(draw))
    (root / "loop").symlink_to(root, target_is_directory=True)
    (root / "nowhere.jpg").symlink_to(root / "gone.jpg")
    (root / "link.jpg").symlink_to(root / "good 00.png")
    os.mkfifo(root / "pipe.jpg")
    (root / ".hidden.jpg").write_bytes(jpeg(draw))
    (root / "._good 00.png").write_bytes(b"resource fork")
    (root / "Thumbs.db").write_bytes(b"thumbs")
    (root / "NA.jpg").write_bytes(jpeg(draw))
    (root / "007.jpg").write_bytes(jpeg(draw))
    Path(os.fsdecode(os.fsencode(root) + b"/\xff\xfe.jpg")).write_bytes(jpeg(draw))


@needs_pipes
def test_300_odd_files_cost_no_row_of_50_good_photos(tmp_path: Path) -> None:
    draw = random.Random(7)
    for name in ("good", "mixed"):
        (tmp_path / name).mkdir()
    for number in range(GOOD):
        data = encoded(Image.fromarray(noisy_gradient(60, 80, seed=1000 + number)), "PNG")
        for name in ("good", "mixed"):
            (tmp_path / name / f"good {number:02}.png").write_bytes(data)
    write_odd(tmp_path / "mixed", draw)
    outcomes = {
        name: run("bench", *JUDGED, "data=folder", f"data.root={tmp_path / name}", f"out={tmp_path / name}-out")
        for name in ("good", "mixed")
    }
    assert outcomes["good"].exit_code == 0, outcomes["good"].err
    assert outcomes["mixed"].exit_code == 3, outcomes["mixed"].err
    assert "Traceback" not in outcomes["mixed"].err
    rows = {name: pd.read_parquet(tmp_path / f"{name}-out" / "unified_results.parquet") for name in outcomes}

    # every entry of the folder is a photo with all its rows, or counted as something else
    summary = json.loads((tmp_path / "mixed-out" / "summary.json").read_text())
    photos = rows["mixed"]["original"].nunique()
    ignored = sum(summary["runs"][0]["details"]["ignored_files"].values())
    entries = len(list((tmp_path / "mixed").iterdir())) - 1  # the loop is visited once; folder.jpg stands for its photo
    assert photos + ignored in (entries, entries + 1)
    assert set(Counter(rows["mixed"]["original"]).values()) == {4 + 2}
    failed = rows["mixed"][rows["mixed"]["status"] != "ok"]
    assert failed["error"].str.len().min() > 10
    assert {
        "corrupt",
        "empty",
        "not_an_image",
        "unsupported_format",
        "too_small",
        "too_many_pixels",
        "not_a_file",
    } <= set(failed["status"])

    # every name survives CSV as it survives parquet
    for file, column, names in (
        ("unified_results.csv", "original", rows["mixed"]["original"]),
        ("manifest.csv", "name", sorted(set(rows["mixed"]["original"]))),
    ):
        text = pd.read_csv(tmp_path / "mixed-out" / file, keep_default_na=False)
        assert text[column].tolist() == list(names)

    # the good photos' rows are the same to the bit
    good = rows["mixed"][rows["mixed"]["original"].isin(set(rows["good"]["original"]))].reset_index(drop=True)
    calibrated = ["probability"]  # it is fitted on the other photos
    pd.testing.assert_frame_equal(
        good.drop(columns=calibrated), rows["good"].drop(columns=calibrated), check_exact=True
    )
    assert run("verify", tmp_path / "mixed-out").exit_code == 0
