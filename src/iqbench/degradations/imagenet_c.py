"""Noise, blur and digital damage of ImageNet-C, at its five levels. Snow and fog are in `iqbench.degradations.weather`.

Hendrycks and Dietterich, Benchmarking Neural Network Robustness to Common Corruptions and Perturbations, ICLR 2019.
Written anew from the paper's published parameters. They are in pixels and were made for photos of 224 px; they are
applied as they are to photos of any size, so a larger photo is damaged less, as seen as a whole.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float

from iqbench.degradations.jpeg import jpeg
from iqbench.degradations.ladder import Degradation, Ladder, Level
from iqbench.degradations.randomness import normal, random_bits, uniform
from iqbench.interfaces import Photo

Light = Float[np.ndarray, "height width 3"]
"""A photo from 0 to 1."""

LEVELS: dict[str, Sequence[Any]] = {
    "gaussian_noise": (0.08, 0.12, 0.18, 0.26, 0.38),
    "shot_noise": (60, 25, 12, 5, 3),
    "impulse_noise": (0.03, 0.06, 0.09, 0.17, 0.27),
    "defocus_blur": ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
    "glass_blur": ((0.7, 1, 2), (0.9, 2, 1), (1.0, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
    "motion_blur": ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
    "zoom_blur": ((0.01, 11), (0.01, 16), (0.02, 11), (0.02, 13), (0.03, 11)),
    "brightness": (0.1, 0.2, 0.3, 0.4, 0.5),
    "contrast": (0.4, 0.3, 0.2, 0.1, 0.05),
    "pixelate": (0.6, 0.5, 0.4, 0.3, 0.25),
    "jpeg_compression": (25, 18, 15, 10, 7),
}
"""The published parameters of the five levels of each kind."""


def light_of(photo: Photo) -> Light:
    """Return a photo as numbers from 0 to 1."""
    return photo.astype(np.float32) / 255


def photo_of(light: Light) -> Photo:
    """Return a photo of numbers from 0 to 1; others are clipped, and fractions cut off as in the publication."""
    photo: Photo = (np.clip(light, 0, 1) * 255).astype(np.uint8)
    return photo


def gaussian_noise(photo: Photo, std: float) -> Photo:
    """Return a photo with Gaussian noise of that standard deviation, where white is 1."""
    return photo_of(light_of(photo) + std * normal(random_bits(photo, "gaussian_noise"), photo.shape))


def shot_noise(photo: Photo, photons: float) -> Photo:
    """Return a photo with Poisson noise, as if white were so many photons."""
    drawn = np.random.Generator(random_bits(photo, "shot_noise")).poisson(light_of(photo) * photons)
    return photo_of((drawn / photons).astype(np.float32))


def impulse_noise(photo: Photo, share: float) -> Photo:
    """Return a photo of which that share of values is 0 or 255, with equal chances."""
    generator = np.random.Generator(random_bits(photo, "impulse_noise"))
    hit, white = (generator.random(photo.shape, dtype=np.float32) for _ in range(2))
    return np.where(hit < share, np.where(white < 0.5, 0, 255), photo).astype(np.uint8)


def defocus_blur(photo: Photo, radius: int, smooth: float) -> Photo:
    """Return a photo blurred by a disk of that radius in pixels, whose edge is smoothed by a Gaussian."""
    reach = max(8, radius)
    across = np.arange(-reach, reach + 1)
    disk = (across[:, None] ** 2 + across[None, :] ** 2 <= radius**2).astype(np.float32)
    side = 3 if radius <= 8 else 5
    kernel = cv2.GaussianBlur(disk / disk.sum(), (side, side), smooth)
    return photo_of(cv2.filter2D(light_of(photo), -1, kernel))


def glass_blur(photo: Photo, sigma: float, reach: int, passes: int) -> Photo:
    """Return a photo as behind frosted glass: blurred, then each pixel from up to ``reach`` pixels away, blurred again.

    The publication exchanges pixels one after the other. Here each pixel is drawn from its neighbourhood, all at once:
    as strong, and fast enough for large photos.
    """
    generator = np.random.Generator(random_bits(photo, "glass_blur"))
    height, width = photo.shape[:2]
    seen = cv2.GaussianBlur(photo, (0, 0), sigma)
    rows, columns = np.arange(height)[:, None], np.arange(width)[None, :]
    for _ in range(passes):
        down, right = (generator.integers(-reach, reach, (height, width)) for _ in range(2))
        seen = seen[np.clip(rows + down, 0, height - 1), np.clip(columns + right, 0, width - 1)]
    return cv2.GaussianBlur(seen, (0, 0), sigma)


def motion_blur(photo: Photo, radius: int, sigma: float) -> Photo:
    """Return a photo blurred along a line, at up to 45 degrees, that trails off like half a Gaussian."""
    angle = 90 * uniform(random_bits(photo, "motion_blur")) - 45
    return photo_of(cv2.filter2D(light_of(photo), -1, trail(radius, sigma, angle)))


def trail(radius: int, sigma: float, angle: float) -> Float[np.ndarray, "side side"]:
    """Return the kernel of a movement: half a Gaussian along a line at that angle in degrees, summing to 1."""
    length = 2 * radius + 1
    weights = np.exp(-(np.arange(length) ** 2) / (2 * sigma**2))
    kernel = np.zeros((2 * length + 1, 2 * length + 1), dtype=np.float32)
    down, right = math.sin(math.radians(angle)), math.cos(math.radians(angle))
    for step, weight in enumerate(weights / weights.sum()):
        kernel[length + round(step * down), length + round(step * right)] += weight
    return kernel


def zoom_blur(photo: Photo, step: float, zooms: int) -> Photo:
    """Return the mean of a photo and of ``zooms`` enlargements about its middle: 1, 1 + step, 1 + 2 step, ..."""
    light = light_of(photo)
    total = light.copy()
    for zoom in range(zooms):
        total += enlarged(light, 1 + zoom * step)
    return photo_of(total / (zooms + 1))


def enlarged(light: Float[np.ndarray, "height width *channels"], factor: float) -> Any:
    """Return the middle of a picture, enlarged to its size by a factor of at least 1."""
    height, width = light.shape[:2]
    middle = np.array([[factor, 0, (1 - factor) * (width - 1) / 2], [0, factor, (1 - factor) * (height - 1) / 2]])
    return cv2.warpAffine(light, middle, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def brightness(photo: Photo, added: float) -> Photo:
    """Return a photo whose value in HSV is raised by a share of the full range."""
    hsv = cv2.cvtColor(light_of(photo), cv2.COLOR_RGB2HSV)
    hsv[..., 2] = np.clip(hsv[..., 2] + added, 0, 1)
    return photo_of(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))


def contrast(photo: Photo, kept: float) -> Photo:
    """Return a photo with that share of each value's distance from the mean of its channel."""
    light = light_of(photo)
    mean = light.mean(axis=(0, 1), keepdims=True, dtype=np.float64).astype(np.float32)
    return photo_of(mean + (light - mean) * kept)


def pixelate(photo: Photo, kept: float) -> Photo:
    """Return a photo shrunk to that share of each side by averaging, and enlarged again in blocks."""
    height, width = photo.shape[:2]
    small = cv2.resize(photo, (max(1, int(width * kept)), max(1, int(height * kept))), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)


KINDS: dict[str, Callable[..., Photo]] = {
    "gaussian_noise": gaussian_noise,
    "shot_noise": shot_noise,
    "impulse_noise": impulse_noise,
    "defocus_blur": defocus_blur,
    "glass_blur": glass_blur,
    "motion_blur": motion_blur,
    "zoom_blur": zoom_blur,
    "brightness": brightness,
    "contrast": contrast,
    "pixelate": pixelate,
    "jpeg_compression": jpeg,
}


def corruption_ladder(kind: str, levels: Sequence[int]) -> Degradation:
    """Return a ladder of one kind of damage of ImageNet-C.

    Args:
        kind: Its published name, a key of `LEVELS`.
        levels: Which of its five levels, 1 to 5.

    Raises:
        ValueError: If there is no such kind or level.
    """
    return published_ladder(kind, levels, LEVELS, KINDS)


def published_ladder(
    kind: str, levels: Sequence[int], published: dict[str, Sequence[Any]], kinds: dict[str, Callable[..., Photo]]
) -> Degradation:
    """Return a ladder of published levels, which are named by their numbers.

    Args:
        kind: The kind of damage.
        levels: Which of its levels, from 1.
        published: The parameters of the levels of each kind.
        kinds: The function of each kind, which takes the photo and the parameters of a level.

    Raises:
        ValueError: If there is no such kind or level.
    """
    if kind not in kinds:
        raise ValueError(f"kind must be one of {', '.join(kinds)}, not {kind!r}")
    known = published[kind]
    if not all(isinstance(level, int) and 1 <= level <= len(known) for level in levels):
        raise ValueError(f"levels must be whole numbers from 1 to {len(known)}, not {list(levels)}")
    steps = []
    for level in sorted(levels):
        parameters = known[level - 1]
        arguments = parameters if isinstance(parameters, tuple) else (parameters,)
        steps.append(Level(str(level), partial(_called, kinds[kind], arguments), level))
    return Degradation("technical", [Ladder("", steps, "ImageNet-C level")])


def _called(function: Callable[..., Photo], arguments: Sequence[Any], photo: Photo) -> Photo:
    return function(photo, *arguments)
