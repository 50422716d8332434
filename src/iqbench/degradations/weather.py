"""Snow and fog of ImageNet-C. Its frost is made of pictures that may not be redistributed, so it is left out.

Hendrycks and Dietterich, Benchmarking Neural Network Robustness to Common Corruptions and Perturbations, ICLR 2019.
Written anew from the paper's published parameters.
"""

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float

from iqbench.degradations.imagenet_c import enlarged, light_of, photo_of, published_ladder, trail
from iqbench.degradations.ladder import Degradation
from iqbench.degradations.randomness import normal, random_bits, uniform
from iqbench.interfaces import NotApplicable, Photo

LEVELS: dict[str, Sequence[Any]] = {
    "snow": (
        (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
        (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
        (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
        (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    ),
    "fog": ((1.5, 2.0), (2.0, 2.0), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4)),
}
"""The published parameters of the five levels of each kind."""

LONGEST_SIDE = 16_384
"""The longest side of a photo in fog, in pixels: the fog is a square, and needs 3 GB at this size."""


def snow(
    photo: Photo, mean: float, std: float, zoom: float, least: float, radius: int, sigma: float, kept: float
) -> Photo:
    """Return a photo in which it snows.

    Args:
        photo: An sRGB photo.
        mean: Mean of the flakes' noise, where white is 1.
        std: Its standard deviation.
        zoom: How far it is enlarged.
        least: What is below this is no flake.
        radius: How far flakes move, in pixels.
        sigma: How fast their trail fades, in pixels.
        kept: Share of the photo in the mixture with a bright grey copy, as under an overcast sky.
    """
    bits = random_bits(photo, "snow")
    angle = 90 * uniform(bits) - 135
    flakes = enlarged(mean + std * normal(bits, photo.shape[:2]), zoom)
    flakes = np.clip(np.where(flakes < least, 0, flakes), 0, 1).astype(np.float32)
    flakes = np.clip(cv2.filter2D(flakes, -1, trail(radius, sigma, angle)), 0, 1)[..., None]
    light = light_of(photo)
    grey = cv2.cvtColor(light, cv2.COLOR_RGB2GRAY)[..., None]
    mixed = kept * light + (1 - kept) * np.maximum(light, grey * 1.5 + 0.5)
    return photo_of(mixed + flakes + flakes[::-1, ::-1])


def fog(photo: Photo, amount: float, decay: float) -> Photo:
    """Return a photo in fog of uneven density, which is added to it; its brightest value stays what it was.

    Args:
        photo: An sRGB photo.
        amount: Density of the fog where it is thickest, where white is 1.
        decay: How much smoother than wide the fog is: each halving of the scale divides its changes by this.

    Raises:
        NotApplicable: If a side is so long that the fog would need more memory than most machines have.
    """
    if max(photo.shape) > LONGEST_SIDE:
        raise NotApplicable(f"fog has no side longer than {LONGEST_SIDE:,} px, for its memory")
    light = light_of(photo)
    brightest = float(light.max())
    layer = plasma(photo.shape[0], photo.shape[1], decay, random_bits(photo, "fog"))[..., None]
    return photo_of((light + amount * layer) * brightest / (brightest + amount))


def plasma(height: int, width: int, decay: float, bits: np.random.PCG64) -> Float[np.ndarray, "height width"]:
    """Return a plasma fractal from 0 to 1, by the diamond-square algorithm on the next power of two.

    Reference:
        Fournier, Fussell and Carpenter, Computer rendering of stochastic models, 1982.

    Example:
        >>> cloud = plasma(8, 8, decay=2.0, bits=np.random.PCG64(0))
        >>> cloud.shape, float(cloud.min()), float(cloud.max())
        ((8, 8), 0.0, 1.0)
    """
    side = 1 << max(1, (max(height, width) - 1).bit_length())
    generator = np.random.Generator(bits)
    cloud = np.zeros((side, side), dtype=np.float32)
    step, wibble = side, 100.0
    while step >= 2:
        half = step // 2
        corners = cloud[::step, ::step]
        sums = corners + np.roll(corners, -1, axis=0)
        sums = sums + np.roll(sums, -1, axis=1)
        cloud[half::step, half::step] = sums / 4 + _wibbles(generator, sums.shape, wibble)
        middles = cloud[half::step, half::step]
        up, left = middles + np.roll(middles, 1, axis=0), middles + np.roll(middles, 1, axis=1)
        cloud[::step, half::step] = (up + corners + np.roll(corners, -1, axis=1)) / 4
        cloud[::step, half::step] += _wibbles(generator, up.shape, wibble)
        cloud[half::step, ::step] = (left + corners + np.roll(corners, -1, axis=0)) / 4
        cloud[half::step, ::step] += _wibbles(generator, left.shape, wibble)
        step, wibble = half, wibble / decay
    cloud -= cloud.min()
    scaled: Float[np.ndarray, "height width"] = cloud[:height, :width] / cloud.max()
    return scaled


def _wibbles(generator: np.random.Generator, shape: tuple[int, ...], wibble: float) -> Float[np.ndarray, "h w"]:
    return wibble * generator.uniform(-wibble, wibble, shape).astype(np.float32)


KINDS: dict[str, Callable[..., Photo]] = {"snow": snow, "fog": fog}


def weather_ladder(kind: str, levels: Sequence[int]) -> Degradation:
    """Return a ladder of snow or fog.

    Args:
        kind: ``snow`` or ``fog``.
        levels: Which of the five published levels, 1 to 5.

    Raises:
        ValueError: If there is no such kind or level.
    """
    return published_ladder(kind, levels, LEVELS, KINDS)
