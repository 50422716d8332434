"""Linear light: the values that a sensor counts and that lenses, air and lamps change; sRGB values are its encoding."""

from functools import cache

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

_STEPS = 65_535
"""Steps of linear light that `encoded` tells apart: 20 for the darkest step of sRGB."""


def to_linear(srgb: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Return the linear light of sRGB values; both from 0 to 1.

    Reference:
        The sRGB transfer function, IEC 61966-2-1:1999.
    """
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def to_srgb(light: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Return the sRGB values of linear light; both from 0 to 1."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def linear(pixels: UInt8[np.ndarray, "height width *channels"]) -> Float32[np.ndarray, "height width *channels"]:
    """Return the linear light of 8-bit sRGB pixels, from 0 to 1."""
    return np.asarray(cv2.LUT(pixels, _decoding())).reshape(pixels.shape)


def encoded(light: Float32[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """Return the 8-bit sRGB pixels of linear light; what is below 0 or above 1 is clipped.

    Example:
        >>> every_value = np.arange(256, dtype=np.uint8).reshape(16, 16)
        >>> np.array_equal(encoded(linear(every_value)), every_value)
        True
    """
    steps = light * np.float32(_STEPS)
    steps += np.float32(0.5)
    np.clip(steps, 0, _STEPS, out=steps)
    return np.take(_encoding(), steps.astype(np.uint16))


@cache
def _decoding() -> Float32[np.ndarray, "256"]:
    return np.asarray(to_linear(np.arange(256) / 255), dtype=np.float32)


@cache
def _encoding() -> UInt8[np.ndarray, "65536"]:
    return np.asarray(np.rint(255 * to_srgb(np.arange(_STEPS + 1) / _STEPS)), dtype=np.uint8)
