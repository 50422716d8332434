"""ImageNet-C: its damage against values by hand. What holds for every degradation is in test_contract.py."""

import numpy as np
import pytest

from fixtures.scenes import scene
from iqbench.degradations import imagenet_c, weather
from iqbench.degradations.imagenet_c import corruption_ladder
from iqbench.degradations.weather import plasma, weather_ladder
from iqbench.interfaces import NotApplicable

GREY = np.full((200, 200, 3), 128, np.uint8)


def test_gaussian_noise_has_its_standard_deviation() -> None:
    assert imagenet_c.gaussian_noise(GREY, 0.08).astype(float).std() == pytest.approx(0.08 * 255, rel=0.02)


def test_shot_noise_has_the_variance_of_its_photons() -> None:
    light = imagenet_c.shot_noise(GREY, 60).astype(float) / 255
    assert light.var() == pytest.approx(128 / 255 / 60, rel=0.03)


def test_impulse_noise_hits_its_share_with_black_and_white_alike() -> None:
    hit = imagenet_c.impulse_noise(GREY, 0.27)
    assert (hit != 128).mean() == pytest.approx(0.27, abs=0.01)
    assert (hit == 255).mean() == pytest.approx((hit == 0).mean(), abs=0.01)


def test_defocus_spreads_a_point_over_a_disk() -> None:
    point = np.zeros((41, 41, 3), np.uint8)
    point[20, 20] = 255
    spread = imagenet_c.defocus_blur(np.repeat(point, 1, axis=0), 4, 0.01)[..., 0]
    across = np.arange(41) - 20
    disk = across[:, None] ** 2 + across**2 <= 16
    assert np.array_equal(spread > 0, disk)


def test_a_zoom_keeps_the_middle_and_blurs_the_edge() -> None:
    photo = scene(1.0, 3)
    change = np.abs(imagenet_c.zoom_blur(photo, 0.01, 11).astype(float) - photo).mean(axis=2)
    height, width = change.shape
    middle = change[height // 2 - 5 : height // 2 + 5, width // 2 - 5 : width // 2 + 5].mean()
    assert middle < 0.6 * change[:, :10].mean()


def test_a_trail_sums_to_one_and_fades() -> None:
    kernel = imagenet_c.trail(10, 3, 0)
    line = kernel[kernel.shape[0] // 2, kernel.shape[1] // 2 :]
    assert kernel.sum() == pytest.approx(1)
    assert (np.diff(line[line > 0]) < 0).all()
    assert line[:2].tolist() == pytest.approx([line[0], line[0] * np.exp(-1 / 18)])


def test_contrast_keeps_the_mean_and_a_share_of_the_distances() -> None:
    photo = np.concatenate([np.full((10, 10, 3), 100, np.uint8), np.full((10, 10, 3), 200, np.uint8)])
    assert sorted(set(imagenet_c.contrast(photo, 0.4).ravel().tolist())) == [130, 170]


def test_brightness_adds_to_the_value() -> None:
    assert imagenet_c.brightness(GREY, 0.1)[0, 0].tolist() == [153, 153, 153]


def test_a_plasma_is_rougher_with_less_decay() -> None:
    smooth, rough = (plasma(128, 100, decay, np.random.PCG64(0)) for decay in (3.0, 1.4))
    assert smooth.shape == (128, 100)
    assert np.abs(np.diff(rough)).mean() > 2 * np.abs(np.diff(smooth)).mean()


def test_fog_never_exceeds_the_brightest_value_and_snow_brightens() -> None:
    photo = scene(1.0, 3)
    assert weather.fog(photo, 1.5, 2.0).max() <= photo.max()
    assert weather.snow(photo, 0.1, 0.3, 3, 0.5, 10, 4, 0.8).mean() > photo.mean() + 5


@pytest.mark.parametrize(
    ("ladder", "kind", "levels", "message"),
    [
        (corruption_ladder, "frost", [1], "kind must be one of gaussian_noise"),
        (corruption_ladder, "pixelate", [0], "whole numbers from 1 to 5"),
        (weather_ladder, "snow", [6], "whole numbers from 1 to 5"),
        (weather_ladder, "fog", ["1"], "whole numbers from 1 to 5"),
    ],
)
def test_what_was_not_published_is_refused(ladder: object, kind: str, levels: list[object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ladder(kind, levels)  # type: ignore[operator]


@pytest.mark.parametrize("size", [(8, 20_000), (20_000, 8)])
def test_fog_that_would_not_fit_into_memory_is_not_made(size: tuple[int, int]) -> None:
    with pytest.raises(NotApplicable, match="fog has no side longer than 16,384 px"):
        weather.fog(np.zeros((*size, 3), np.uint8), 1.5, 2.0)
