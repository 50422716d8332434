"""The saliency of a photo: how much each pixel belongs to what one looks at first."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import cv2
import numpy as np
from jaxtyping import Float32

from iqbench.inference.process_state import one_cv2_thread
from iqbench.interfaces import Photo

SIDE = 320
"""Side of the saliency map in pixels; the input of U²-Net."""

MEAN, DEVIATION = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]], dtype=np.float32)
"""Mean and standard deviation of ImageNet's photos, R, G and B, by which the input is normalised."""

FRAME = 0.05
"""Share of each side that GrabCut takes for background at the start."""

ROUNDS = 4
"""Iterations of GrabCut."""

Saliency = Float32[np.ndarray, "320 320"]


@dataclass(frozen=True)
class Segmenter:
    """A function from photo to saliency.

    Args:
        name: ``u2netp`` or ``grabcut``.
        file: The ONNX file of U²-Net, "" for GrabCut.
    """

    name: Literal["u2netp", "grabcut"]
    file: str = ""

    def saliency(self, photo: Photo) -> Saliency:
        """Return the saliency of the photo, from 0 to 1, stretched to a square."""
        with one_cv2_thread():
            picture = cv2.resize(photo, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
            return _u2netp(picture, self.file) if self.name == "u2netp" else _grabcut(picture)


def _u2netp(picture: Photo, file: str) -> Saliency:
    """Run U²-Net (small).

    Reference:
        Qin et al., *U²-Net: going deeper with nested U-structure for salient object detection*, Pattern Recognition
        2020.
    """
    values = picture.astype(np.float32) / max(1, int(picture.max()))
    blob = ((values - MEAN) / DEVIATION).transpose(2, 0, 1)[None]
    network, outputs = _network(file)
    network.setInput(np.ascontiguousarray(blob, dtype=np.float32))
    saliency = np.clip(network.forward(outputs)[0][0, 0], 0.0, 1.0)
    rounded: Saliency = (np.rint(saliency * 255) / 255).astype(np.float32)  # without the last bits of the processor
    return rounded


@lru_cache(maxsize=1)
def _network(file: str) -> tuple[Any, Any]:
    network: Any = cv2.dnn.readNetFromONNX(np.fromfile(file, np.uint8))  # OpenCV cannot open every path on Windows
    return network, network.getUnconnectedOutLayersNames()


def _grabcut(picture: Photo) -> Saliency:
    """Separate the middle of a picture from its frame by colour.

    Reference:
        Rother, Kolmogorov and Blake, *GrabCut*, SIGGRAPH 2004.
    """
    side = SIDE // 2  # four times as fast
    inset = round(FRAME * side)
    mask = np.zeros((side, side), np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    reduced = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    cv2.setRNGSeed(0)
    cv2.grabCut(
        reduced, mask, (inset, inset, side - 2 * inset, side - 2 * inset), *models, ROUNDS, cv2.GC_INIT_WITH_RECT
    )
    subject = ((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)).astype(np.float32)
    return np.asarray(cv2.resize(subject, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST))
