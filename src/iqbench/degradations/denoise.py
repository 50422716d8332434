"""Denoising smear: a noisy photo from which a phone removed the noise, and the texture with it."""

from collections.abc import Sequence
from functools import partial

import cv2
import numpy as np

from iqbench.degradations.ladder import Degradation, Ladder
from iqbench.degradations.levels import checked, levels
from iqbench.degradations.noise import noise
from iqbench.interfaces import Photo

PASSES = 2
"""Passes of the bilateral filter. One leaves speckles."""


def denoise(photo: Photo, sigma: float, strength: float, window: int, chroma: float) -> Photo:
    """Return ``photo`` with noise that was filtered away: edges stay, fine texture becomes patches, colours run.

    A bilateral filter removes the noise of luma, a Gaussian that of chroma, as phone cameras do.

    Args:
        photo: An sRGB photo.
        sigma: Standard deviation of the noise, in grey levels.
        strength: Range of the bilateral filter, in sigma.
        window: Side of the bilateral filter's window, in pixels.
        chroma: Standard deviation of the Gaussian, in pixels for each grey level of sigma.
    """
    parts = cv2.cvtColor(noise(photo, sigma, "denoise"), cv2.COLOR_RGB2YCrCb)
    luma = cv2.extractChannel(parts, 0)
    for _ in range(PASSES):
        luma = cv2.bilateralFilter(luma, window, strength * sigma, window)
    parts = cv2.GaussianBlur(parts, (0, 0), chroma * sigma)
    cv2.insertChannel(luma, parts, 0)
    return np.asarray(cv2.cvtColor(parts, cv2.COLOR_YCrCb2RGB))


def denoise_ladder(sigma: Sequence[float], strength: float, window: int, chroma: float) -> Degradation:
    """Return a ladder of denoised photos, one level per noise before it in grey levels; more is worse.

    Raises:
        ValueError: If a number is not positive, or ``window`` not an odd whole number above 1.
    """
    checked("strength", [strength], lambda times: times > 0, "above 0")
    checked("chroma", [chroma], lambda px: px > 0, "above 0, in px for each grey level")
    checked("window", [window], lambda px: isinstance(px, int) and px > 1 and bool(px % 2), "odd and above 1, in px")
    amounts = checked("sigma", sigma, lambda s: s > 0, "above 0, in grey levels")
    smeared = partial(denoise, strength=strength, window=window, chroma=chroma)
    return Degradation("technical", [Ladder("", levels(smeared, "sigma", amounts), "grey levels")])
