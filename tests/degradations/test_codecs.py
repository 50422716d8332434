import io

import numpy as np
import pytest
from PIL import Image, features

from fixtures.photos import noisy_gradient
from iqbench.config import build, compose
from iqbench.degradations.codecs import LONGEST_SIDE, avif, avif_ladder, jpeg2000, jpeg2000_ladder, webp, webp_ladder
from iqbench.errors import MissingResource
from iqbench.interfaces import NotApplicable

needs_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF codec")


def round_trip(photo: np.ndarray, **settings: object) -> tuple[np.ndarray, int]:
    file = io.BytesIO()
    Image.fromarray(photo).save(file, **settings)
    return np.asarray(Image.open(io.BytesIO(file.getvalue())).convert("RGB")), len(file.getvalue())


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (96, 128)])
def test_a_codec_is_pillows_to_the_bit(size: tuple[int, int]) -> None:
    photo = noisy_gradient(*size)
    assert np.array_equal(webp(photo, 25, 4), round_trip(photo, format="WEBP", quality=25, method=4)[0])
    lossy = {"quality_mode": "rates", "quality_layers": [30], "irreversible": True}
    assert np.array_equal(jpeg2000(photo, 30), round_trip(photo, format="JPEG2000", **lossy)[0])
    if features.check("avif"):
        settings = {"quality": 25, "speed": 8, "subsampling": "4:2:0", "max_threads": 1, "autotiling": False}
        assert np.array_equal(avif(photo, 25, 8), round_trip(photo, format="AVIF", **settings)[0])


def test_jpeg_2000_keeps_to_its_ratio() -> None:
    photo = noisy_gradient(256, 300)
    for ratio in (10, 40):
        lossy = {"quality_mode": "rates", "quality_layers": [ratio], "irreversible": True}
        assert photo.size / round_trip(photo, format="JPEG2000", **lossy)[1] == pytest.approx(ratio, rel=0.1)


@needs_avif
def test_avif_does_not_depend_on_the_machines_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    photo = noisy_gradient(300, 520)
    expected = avif(photo, 30, 8)
    monkeypatch.setattr("PIL.AvifImagePlugin.DEFAULT_MAX_THREADS", 3)
    monkeypatch.setattr("os.cpu_count", lambda: 7)
    assert np.array_equal(avif(photo, 30, 8), expected)


def test_red_stays_red() -> None:
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 0] = 240
    pictures = [webp(red, 75, 4), jpeg2000(red, 16)] + ([avif(red, 60, 8)] if features.check("avif") else [])
    for picture in pictures:
        assert np.abs(picture[32, 32].astype(int) - [240, 0, 0]).max() <= 6


def test_a_side_that_is_too_long_for_the_codec_is_not_applicable() -> None:
    for codec, apply in (("WEBP", lambda p: webp(p, 50, 4)), ("AVIF", lambda p: avif(p, 50, 8))):
        longest = LONGEST_SIDE[codec]
        with pytest.raises(NotApplicable, match=f"{codec} has no side longer than {longest:,} px"):
            apply(np.zeros((1, longest + 1, 3), np.uint8))
    assert webp(np.zeros((32, LONGEST_SIDE["WEBP"], 3), np.uint8), 0, 0).shape == (32, 16_383, 3)


@pytest.mark.slow
@needs_avif
def test_the_longest_avif_can_be_read_again() -> None:
    assert avif(np.zeros((32, LONGEST_SIDE["AVIF"], 3), np.uint8), 0, 10).shape == (32, LONGEST_SIDE["AVIF"], 3)


@pytest.mark.parametrize("name", ["avif", "webp", "jpeg2000"])
def test_a_codec_that_pillow_lacks_is_named_before_any_photo_is_read(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "check", lambda feature: False)
    node = compose("bench", [f"degradation={name}", "name=test", "out=nowhere"]).degradation[name]
    with pytest.raises(MissingResource, match=rf"^degradation {name}: this Pillow \(.*\) has no .* codec; install"):
        build(node, f"degradation.{name}")


@pytest.mark.parametrize("quality", [-1, 101, 50.5, "80"])
def test_a_quality_that_a_codec_does_not_have_is_refused(quality: int) -> None:
    ladders = [lambda: webp_ladder([quality], 4)] + [lambda: avif_ladder([quality], 8)] * features.check("avif")
    for ladder in ladders:
        with pytest.raises(ValueError, match="quality must be whole numbers from 0 to 100"):
            ladder()


def test_an_effort_or_a_ratio_that_a_codec_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="method must be a whole number from 0 to 6"):
        webp_ladder([50], 7)
    with pytest.raises(ValueError, match="ratio must be above 1"):
        jpeg2000_ladder([1])
