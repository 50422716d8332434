import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fixtures.command_line import run
from fixtures.photos import noisy_gradient
from iqbench.degradations.jpeg import LONGEST_SIDE, jpeg, jpeg_ladder
from iqbench.interfaces import NotApplicable


def pillows(photo: np.ndarray, quality: int, subsampling: int = 2) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(file).convert("RGB"))


@pytest.mark.parametrize("quality", [95, 80, 60, 40, 20, 10, 100, 1])
@pytest.mark.parametrize("size", [(32, 32), (33, 47), (95, 128)])
def test_jpeg_is_pillows_to_the_bit(quality: int, size: tuple[int, int]) -> None:
    photo = noisy_gradient(*size)
    assert np.array_equal(jpeg(photo, quality), pillows(photo, quality))


def test_chroma_is_halved_in_both_directions() -> None:
    photo = noisy_gradient(64, 64)
    assert not np.array_equal(jpeg(photo, 80), pillows(photo, 80, subsampling=0))
    assert not np.array_equal(jpeg(photo, 80), pillows(photo, 80, subsampling=1))


def test_red_stays_red() -> None:
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 250
    assert np.abs(jpeg(red, 95)[16, 16].astype(int) - [250, 0, 0]).max() <= 3


@pytest.mark.parametrize("turned", [False, True])
def test_a_photo_with_a_side_that_libjpeg_cannot_encode_is_no_failure(turned: bool) -> None:
    longest, longer = ((side, 1, 3) if turned else (1, side, 3) for side in (LONGEST_SIDE, LONGEST_SIDE + 1))
    assert jpeg(np.zeros(longest, np.uint8), 80).shape == longest
    with pytest.raises(NotApplicable, match=r"JPEG has no side longer than 65,500 px"):
        jpeg(np.zeros(longer, np.uint8), 80)


def test_a_run_counts_a_photo_that_jpeg_cannot_hold_as_not_applicable(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for name, size in {"long": (8, 66_000), "usual": (40, 50)}.items():
        Image.fromarray(noisy_gradient(*size)).save(tmp_path / "photos" / f"{name}.png")
    data = "data=folder", f"data.root={tmp_path / 'photos'}", "data.min_side=8"
    small = "degradation=jpeg", "degradation.jpeg.quality=[50]", "engine.workers=0"
    outcome = run("bench", "model=contrast", *data, *small, f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 0, outcome.err
    rows = pd.read_csv(tmp_path / "out" / "unified_results.csv").set_index(["original", "degradation_level"])
    assert rows.loc["./long.png", "status"].to_dict() == {
        "50": "not_applicable", "identity": "ok", "reencode": "not_applicable",
    }  # fmt: skip
    assert rows.loc[("./long.png", "50"), "error"] == "JPEG has no side longer than 65,500 px"
    assert (rows.loc["./usual.png", "status"] == "ok").all()
    counts = json.loads((tmp_path / "out" / "summary.json").read_text())["counts"]["pairs"]
    assert counts == {"planned": 2, "ok": 1, "failed": 0, "not_applicable": 1}


@pytest.mark.parametrize("quality", [0, 101, -5, 80.5, "80", None])
def test_a_quality_that_libjpeg_does_not_have_is_refused(quality: int) -> None:
    with pytest.raises(ValueError, match="quality must be whole numbers from 1 to 100"):
        jpeg_ladder([50, quality])


def test_less_quality_is_worse() -> None:
    (ladder,) = jpeg_ladder([20, 90, 50]).ladders
    assert [level.name for level in ladder.levels] == ["90", "50", "20"]
