"""Cheap models, each with one number of a photo as its score, for `sweep`."""

from collections.abc import Callable

import cv2
import numpy as np
import torch
from torch import Tensor

from iqbench.interfaces import Photo, Scorer


def small(photo: Photo) -> Photo:
    return np.asarray(cv2.resize(photo, (256, 256), interpolation=cv2.INTER_LINEAR))


SCORES: dict[str, Callable[[Photo], float]] = {
    "mean": lambda photo: photo.mean(),
    "spread": lambda photo: small(photo).std(),
    "red": lambda photo: small(photo)[..., 0].mean() - small(photo)[..., 2].mean(),
    "saturation": lambda photo: cv2.cvtColor(small(photo), cv2.COLOR_RGB2HSV)[..., 1].mean(),
    "edges": lambda photo: cv2.Canny(small(photo), 50, 150).mean(),
    "range": lambda photo: np.percentile(small(photo), 95) - np.percentile(small(photo), 5),
    "bytes": lambda photo: len(cv2.imencode(".jpg", small(photo))[1]),
}


class Cheap(Scorer):
    """The score of that name."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def prepare(self, photo: Photo) -> Tensor:
        return torch.tensor([float(SCORES[self.kind](photo))], dtype=torch.float64)

    def encode(self, inputs: Tensor) -> Tensor:
        return inputs
