"""Any single-photo metric of the package pyiqa, by its name there."""

import logging
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from iqbench.interfaces import Photo, Scorer
from iqbench.models.adapters.pyiqa_loading import create

log = logging.getLogger(__name__)


@final
class PyiqaMetric(nn.Module, Scorer):
    """A metric of pyiqa, computed on each photo by itself, at its own size, in full precision.

    Its direction is pyiqa's ``lower_better``: such a score is negated. pyiqa's score ranges are not used, because they
    are estimates and scores leave them.

    All metrics are deterministic: pyiqa draws random crops in training only. A pickled copy can only prepare photos: it
    is for workers, and some of the networks cannot be pickled.

    Args:
        metric: Its name in pyiqa, such as ``nima`` or ``musiq-ava``.
        weights: The metric's weights file, or a folder with all files that it would download, by their names. None to
            use pyiqa's cache, and to download into it what is missing.

    Raises:
        UsageError: If pyiqa has no such metric, or it does not judge a single photo.
        MissingResource: If pyiqa, a package or a weights file is missing.
        CheckpointError: If a weights file does not fit.
    """

    def __init__(self, metric: str, weights: str | None) -> None:
        super().__init__()
        self.network = create(metric, weights)
        self.sign = -1 if self.network.lower_better else 1
        self._has_warned = False

    def prepare(self, photo: Photo) -> UInt8[Tensor, "3 height width"]:
        """Return the photo, channels first."""
        return torch.from_numpy(np.array(photo)).permute(2, 0, 1).contiguous()

    def encode(self, inputs: UInt8[Tensor, "n 3 height width"]) -> Float[Tensor, "n 1"]:
        """Return the scores.

        Raises:
            ValueError: If the metric does not return one number for a photo.
        """
        kind = inputs.device.type
        if torch.is_autocast_enabled(kind) and not self._has_warned:
            self._has_warned = True
            log.warning("engine.precision: metrics of pyiqa are computed in fp32 all the same")
        scores: list[Tensor] = []
        with torch.autocast(kind, enabled=False):
            for at, picture in enumerate(inputs):
                is_padding = at > 0 and torch.equal(picture, inputs[at - 1])
                scores.append(scores[-1] if is_padding else self._score(picture))
        return torch.stack(scores).unsqueeze(1)

    def _score(self, picture: UInt8[Tensor, "3 height width"]) -> Float[Tensor, ""]:
        score = self.network(picture.unsqueeze(0).float() / 255)
        if not isinstance(score, Tensor) or score.numel() != 1:
            given = f"shape {tuple(score.shape)}" if isinstance(score, Tensor) else type(score).__name__
            raise ValueError(f"the metric gave {given} for a photo; a score is one number")
        return self.sign * score.float().reshape(())

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_modules": {}}
