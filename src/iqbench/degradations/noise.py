"""Gaussian noise: the noise of the literature, of one strength everywhere; `sensor_noise` is a camera's."""

from collections.abc import Sequence

from iqbench.degradations.bands import by_bands, eight_bit
from iqbench.degradations.ladder import Degradation, Ladder
from iqbench.degradations.levels import checked, levels
from iqbench.degradations.randomness import normal, random_bits
from iqbench.interfaces import Photo


def noise(photo: Photo, sigma: float, name: str = "noise") -> Photo:
    """Return ``photo`` with independent normal noise in each sRGB value.

    Args:
        photo: An sRGB photo.
        sigma: Standard deviation, in grey levels.
        name: Another name draws another pattern.

    Example:
        >>> import numpy as np
        >>> grey = np.full((100, 100, 3), 100, dtype=np.uint8)
        >>> round(float(noise(grey, sigma=10).std()))
        10
    """
    bits = random_bits(photo, name)
    return by_bands(photo, lambda band, rows: eight_bit(normal(bits, band.shape) * sigma + band))


def noise_ladder(sigma: Sequence[float]) -> Degradation:
    """Return a ladder of noise, one level per ``sigma`` in grey levels; more is worse.

    Raises:
        ValueError: If a sigma is not a positive number.
    """
    amounts = checked("sigma", sigma, lambda s: s > 0, "above 0, in grey levels")
    return Degradation("technical", [Ladder("", levels(noise, "sigma", amounts), "grey levels")])
