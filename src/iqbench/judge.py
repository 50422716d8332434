"""Compare two photo files, or score one, in two calls."""

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from hydra.errors import HydraException
from jaxtyping import Float
from omegaconf import OmegaConf
from torch import Tensor

from iqbench import cli, config, photos
from iqbench.config_errors import explain
from iqbench.errors import UsageError
from iqbench.inference.engine_config import EngineConfig
from iqbench.interfaces import Preference, QualityModel, Scorer


@dataclass(frozen=True)
class Comparison:
    """A model's comparison of two photos.

    ``probability`` is the model's own probability that the first is better; it is not calibrated.
    """

    preference: Preference
    margin: float
    probability: float


class Judge:
    """A model that takes photo files.

    Args:
        model: A quality model, ready on its device.
        device: The device.
    """

    def __init__(self, model: QualityModel, device: torch.device) -> None:
        self.model = model
        self.device = device

    @classmethod
    def load(cls, name: str, checkpoint: str | None, device: str) -> "Judge":
        """See `iqbench.load`."""
        overrides = [f"model={name}"]
        try:
            node = config.compose("bench", overrides).model
        except HydraException as error:
            raise UsageError(explain(error, overrides, "bench")) from error
        if checkpoint is not None:
            OmegaConf.update(node, "checkpoint", checkpoint, force_add=True)
            cli.adopt_checkpoint(node, given={})
        settings = EngineConfig.for_api(device, batch_size=1, workers=0)
        return cls(settings.place(config.build(node, "model")), settings.torch_device)

    def compare(self, first: str | Path, second: str | Path) -> Comparison:
        """Return the preferred photo of two, compared in both orders.

        Raises:
            PhotoError: If a photo cannot be read.
        """
        a, b = self._encode(first), self._encode(second)
        with torch.inference_mode():
            margin = float(self.model.margin(a, b) - self.model.margin(b, a)) / 2
        return Comparison(Preference.of(margin), margin, 1 / (1 + math.exp(-margin)))

    def score(self, photo: str | Path) -> float:
        """Return a photo's score on the model's own scale; higher is better.

        Raises:
            PhotoError: If the photo cannot be read.
            UsageError: If the model has no scores.
        """
        if not isinstance(self.model, Scorer):
            raise UsageError(f"{type(self.model).__name__} compares photos and has no score for one; use compare")
        return float(self._encode(photo))

    def _encode(self, photo: str | Path) -> Float[Tensor, "1 d"]:
        prepared = self.model.prepare(photos.read(Path(photo)).pixels)
        with torch.inference_mode():
            return self.model.encode(prepared.unsqueeze(0).to(self.device))
