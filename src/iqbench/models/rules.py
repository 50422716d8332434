"""Rule-based judges: sharpness, exposure, colourfulness and contrast, alone or weighted together.

No learning: each term is a number computed from the pixels, clipped to 0..1. They are the yardstick
that a learned model has to beat, and the clipping is part of them: on very sharp photos
``sharpness`` ties.
"""

import math
from typing import final

import cv2
import numpy as np
import torch
from jaxtyping import Float64, UInt8
from torch import Tensor

from iqbench.errors import UsageError
from iqbench.interfaces import Photo, Scorer

Grey = UInt8[np.ndarray, "height width"]


def sharpness(grey: Grey) -> float:
    """Return the variance of the 3x3 Laplacian, over 1000.

    Reference:
        Pech-Pacheco et al., *Diatom autofocusing in brightfield microscopy*, ICPR 2000.
    """
    return float(cv2.Laplacian(grey, cv2.CV_64F).var()) / 1000


def exposure(grey: Grey) -> float:
    """Return half the share of pixels neither black nor white, plus half the relative entropy of the histogram."""
    share = np.bincount(grey.ravel(), minlength=256) / grey.size
    seen = share[share > 0]
    entropy = -float((seen * np.log(seen)).sum()) / math.log(256)
    return 0.5 * (1 - float(share[0] + share[255])) + 0.5 * entropy


def colorfulness(photo: Photo) -> float:
    """Return the colourfulness of Hasler and Suesstrunk, over 100.

    Reference:
        Hasler and Suesstrunk, *Measuring colourfulness in natural images*, SPIE 2003.
    """
    red, green, blue = (photo[..., channel].astype(np.float64) for channel in range(3))
    rg, yb = red - green, 0.5 * (red + green) - blue
    return float(math.hypot(rg.std(), yb.std()) + 0.3 * math.hypot(rg.mean(), yb.mean())) / 100


def contrast(grey: Grey) -> float:
    """Return the standard deviation over the mean, over 0.8; 0 for a black picture."""
    mean = float(grey.mean())
    return float(grey.std()) / mean / 0.8 if mean > 0 else 0.0


TERMS = ("sharpness", "exposure", "colorfulness", "contrast")


def terms(photo: Photo) -> Float64[np.ndarray, "4"]:
    """Return the four terms in the order of `TERMS`, unclipped.

    Example:
        >>> terms(np.full((8, 8, 3), 128, dtype=np.uint8)).tolist()
        [0.0, 0.5, 0.0, 0.0]
    """
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    return np.array([sharpness(grey), exposure(grey), colorfulness(photo), contrast(grey)])


@final
class Rules(Scorer):
    """A weighted sum of the terms.

    Args:
        weights: Weight by term; a term that is not named has none.
        clipped: Whether each term is cut to 0..1 first, as in the published score. Unclipped terms
            tie less often, but one of them may outweigh the others.

    Raises:
        UsageError: If a weight is for a term that does not exist.
    """

    input_names = TERMS

    def __init__(self, weights: dict[str, float], clipped: bool) -> None:
        unknown = sorted(set(weights) - set(TERMS))
        if unknown:
            raise UsageError(f"model.weights: no term {', '.join(unknown)}; the terms are {', '.join(TERMS)}")
        self.weights = torch.tensor([weights.get(term, 0.0) for term in TERMS], dtype=torch.float64)
        self.clipped = clipped

    def prepare(self, photo: Photo) -> Float64[Tensor, "4"]:
        """Return the four terms: they are the whole work, and belong in a worker."""
        return torch.from_numpy(terms(photo))

    def encode(self, inputs: Float64[Tensor, "n 4"]) -> Float64[Tensor, "n 1"]:
        """Return the weighted sum, 0..1 if clipped."""
        values = inputs.clamp(0, 1) if self.clipped else inputs
        return (values * self.weights.to(inputs.device)).sum(dim=1, keepdim=True)
