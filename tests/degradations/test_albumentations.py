"""Transforms of albumentations by name. What holds for every degradation is in test_contract.py."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from fixtures.photos import noisy_gradient
from iqbench.api.suites import suite_of
from iqbench.degradations.albumentations import transform_ladder, transformed
from iqbench.degradations.ladder import suite
from iqbench.errors import UsageError
from iqbench.interfaces import NotApplicable, Photo


def pictures(photo: Photo, *arguments: Any) -> list[Photo]:
    return [level.apply(photo) for level in transform_ladder(*arguments).ladders[0].levels]


def test_a_number_for_a_range_is_exactly_that_number() -> None:
    grey = np.full((40, 40, 3), 100, np.uint8)
    for stops, picture in zip(
        [0.1, 0.3],
        pictures(grey, "RandomBrightnessContrast", "brightness_limit", [0.1, 0.3], {"contrast_limit": [0, 0]}),
        strict=True,
    ):
        assert np.abs(picture.astype(float) - 100 - stops * 255).max() <= 1


def test_settings_and_levels_that_are_lists_reach_the_transform() -> None:
    photo = noisy_gradient(40, 60)
    (cropped,) = pictures(photo, "CropAndPad", "px", [[-1, -2, -3, -4]], {"keep_size": False})
    assert np.array_equal(cropped, photo[1:-3, 4:-2])


def test_levels_are_named_by_their_values() -> None:
    levels = {"CropAndPad": ("px", [[-1, -2, -3, -4]], {"keep_size": False}), "GlassBlur": ("sigma", [1, 2.5], {})}
    named = [transform_ladder(transform, *rest).ladders[0].levels for transform, rest in levels.items()]
    assert [(level.name, level.amount) for levels in named for level in levels] == [
        ("-1--2--3--4", None),
        ("1", 1.0),
        ("2.5", 2.5),
    ]


@pytest.mark.parametrize(
    ("transform", "parameter", "levels", "settings", "group"),
    [
        ("CropAndPad", "percent", [-0.1, -0.2], {"keep_size": False}, "compositional"),
        ("CropAndPad", "percent", [-0.1, -0.2], {"keep_size": True}, "technical"),
        ("GaussianBlur", "sigma_limit", [1.0, 2.0], {}, "technical"),
    ],
)
def test_a_change_of_size_is_compositional(
    transform: str, parameter: str, levels: list[float], settings: dict[str, Any], group: str
) -> None:
    assert transform_ladder(transform, parameter, levels, settings).group == group


def test_the_draws_depend_on_the_photo_alone_in_any_order_and_thread() -> None:
    (level,) = transform_ladder("ISONoise", "intensity", [0.5], {}).ladders[0].levels
    photos = [noisy_gradient(50, 60, seed=seed) for seed in range(8)]
    expected = [level.apply(photo) for photo in photos]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(level.apply, photos[::-1]))[::-1]
    assert all(np.array_equal(a, b) for a, b in zip(expected, found, strict=True))
    grain = [picture.astype(int) - photo for picture, photo in zip(expected, photos, strict=True)]
    assert not np.array_equal(grain[0], grain[1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("GlasBlur", "sigma", [1], {}), "has no transform GlasBlur. Did you mean 'GlassBlur'"),
        (("Compose", "p", [1], {}), "has no transform Compose"),
        (("GlassBlur", "sigmas", [1], {}), "no parameter sigmas. Did you mean 'sigma'. There are: sigma, max_delta"),
        (("GlassBlur", "sigma", [1], {"iteration": 2}), "no parameter iteration. Did you mean 'iterations'"),
        (("GlassBlur", "sigma", [1], {"p": 0.5}), "no parameter p"),
        (("GlassBlur", "sigma", [1], {"sigma": 2}), "take it out of settings"),
        (("GlassBlur", "sigma", [], {}), "no levels of sigma"),
        (("GlassBlur", "sigma", [-1], {}), "^GlassBlur: sigma Input should be greater than or equal to 0$"),
        (("GlassBlur", "sigma", ["a"], {}), "^GlassBlur: sigma Input should be a valid number, unable to parse"),
        (("FDA", "beta_limit", [0.1], {}), "needs fda_metadata besides the photo"),
        (("MaskDropout", "max_objects", [1], {}), "needs mask besides the photo"),
        (("Normalize", "max_pixel_value", [200], {}), "gives float32 .*, not a photo"),
        (("CenterCrop3D", "size", [[4, 4, 4]], {}), "^CenterCrop3D: fails on a synthetic photo"),
        (("ImageCompression", "quality_range", [4], {}), "red for blue: choose degradation=jpeg"),
        (
            ("RandomBrightnessContrast", "brightness_limit", [0.0, 0.1], {"contrast_limit": [0, 0]}),
            "level 1 of 2 gives the photo itself",
        ),
        (("RandomGamma", "gamma_limit", [80, 80.0], {}), "level 2 of 2 gives the same picture as level 1"),
    ],
)
def test_what_cannot_be_a_ladder_is_refused_in_one_line(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        transform_ladder(*arguments)
    assert "\n" not in str(caught.value)


def test_a_transform_is_a_suite_from_python() -> None:
    target = "iqbench.degradations.albumentations.transform_ladder"
    settings = {"transform": "GlassBlur", "parameter": "max_delta", "levels": [1, 4], "settings": {"sigma": 0.4}}
    config, variants = suite_of({"glass": {"_target_": target, **settings}})
    assert variants is None
    assert list(config) == ["glass"]
    assert [variant.key for variant in suite({"glass": transform_ladder(**settings)})] == ["glass/1", "glass/4"]


def test_albumentations_encodes_red_as_blue() -> None:
    """The reason for the refusal: if this fails, ImageCompression may be allowed again."""
    from iqbench.transform_library import albumentations

    transform = albumentations().ImageCompression(quality_range=(30, 30), p=1.0)
    red = np.zeros((64, 64, 3), np.uint8)
    red[::2, ::2, 0] = 255
    blue = np.ascontiguousarray(red[..., ::-1])
    kept = [int(transform(image=photo)["image"].max(axis=(0, 1))[channel]) for photo, channel in ((red, 0), (blue, 2))]
    from iqbench.degradations.jpeg import jpeg

    expected = [int(jpeg(photo, 30).max(axis=(0, 1))[channel]) for photo, channel in ((red, 0), (blue, 2))]
    assert kept == expected[::-1]


def test_a_photo_that_opencv_refuses_for_its_length_is_no_failure() -> None:
    settings = {"primary_distortion_limit": (0.1, 0.1), "secondary_distortion_limit": (0.1, 0.1)}
    with pytest.raises(NotApplicable, match="ChromaticAberration fails on a side longer than 32,766 px"):
        transformed(np.zeros((8, 40_000, 3), np.uint8), "ChromaticAberration", settings)
