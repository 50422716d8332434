"""Scorers made of what people have: a function that scores a photo, or a network that scores a batch."""

import inspect
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, UInt8
from PIL import Image
from torch import Tensor, nn

from iqbench.errors import UsageError, one_line
from iqbench.interfaces import Photo, Scorer
from iqbench.photos import synthetic_photo

log = logging.getLogger(__name__)


class FunctionScorer(Scorer):
    """A scorer that calls a function with one photo; a higher number is better.

    The function gets the photo as an array, (height, width, 3) uint8 RGB, or as a ``PIL.Image`` in RGB: as its first
    argument is annotated, else the first of the two that it can use.

    Args:
        function: Returns one number.

    Raises:
        UsageError: If the function needs more than one argument.
    """

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function
        self.takes_images = _takes_images(function)

    def prepare(self, photo: Photo) -> Float64[Tensor, "1"]:
        """Return the score. It is all of the work, so it is done here.

        Raises:
            TypeError: If the function does not return one number.
        """
        value = self.function(Image.fromarray(photo) if self.takes_images else photo)
        return torch.tensor([_number(value)], dtype=torch.float64)

    def encode(self, inputs: Float64[Tensor, "n 1"]) -> Float64[Tensor, "n 1"]:
        """Return the scores."""
        return inputs


class NetworkScorer(nn.Module, Scorer):
    """A scorer that calls a network with a batch of photos, (n, 3, height, width), float RGB from 0 to 1.

    Photos keep their size, so a network of a fixed size resizes and normalises them itself. Where the network says
    ``lower_better = True``, as the metrics of pyiqa do, its score is negated.

    Args:
        network: Returns one number per photo, in the shape (n) or (n, 1).
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.sign = -1 if getattr(network, "lower_better", False) is True else 1
        if self.sign < 0:
            log.warning("%s: its scores are negated, because it says lower_better", type(network).__name__)

    def prepare(self, photo: Photo) -> UInt8[Tensor, "3 height width"]:
        """Return the photo, channels first."""
        return torch.from_numpy(np.array(photo)).permute(2, 0, 1).contiguous()

    def encode(self, inputs: UInt8[Tensor, "n 3 height width"]) -> Float[Tensor, "n 1"]:
        """Return the scores.

        Raises:
            ValueError: If the network does not return one number per photo.
        """
        scores = self.network(inputs.float() / 255)
        if not isinstance(scores, Tensor) or scores.numel() != len(inputs):
            given = f"shape {tuple(scores.shape)}" if isinstance(scores, Tensor) else type(scores).__name__
            raise ValueError(f"the network gave {given} for {len(inputs)} photos; a score is one number per photo")
        return self.sign * scores.reshape(-1, 1).float()


def _number(value: Any) -> float:
    number = np.asarray(value.detach().cpu() if isinstance(value, Tensor) else value)
    if number.size == 1 and number.dtype.kind in "biuf":
        return float(number.reshape(-1)[0])
    raise TypeError(f"the function gave {type(value).__name__}; a score is one number")


def _takes_images(function: Callable[[Any], Any]) -> bool:
    """Return whether a function wants images of PIL instead of arrays."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # of compiled code
        parameters = []
    required = [each for each in parameters if each.default is each.empty and each.kind in (0, 1)]
    if len(required) > 1:
        names = ", ".join(each.name for each in required)
        raise UsageError(f"model {_name(function)}: takes {names}; a function that scores takes one photo")
    if parameters and parameters[0].annotation is not parameters[0].empty:
        annotation = str(getattr(parameters[0].annotation, "__module__", "")) + str(parameters[0].annotation)
        if "PIL" in annotation or "Image" in annotation:
            return True
    photo = np.tile(synthetic_photo(), (4, 4, 1))
    try:
        function(photo)
    except Exception as error:  # noqa: BLE001 - any error of other people's code: an image may suit it
        try:
            function(Image.fromarray(photo))
        except Exception:  # noqa: BLE001 - then the rehearsal says what is wrong with the array
            return False
        log.info("%s: called with images of PIL, since it cannot use arrays (%s)", _name(function), one_line(error))
        return True
    return False


def _name(function: Callable[[Any], Any]) -> str:
    return str(getattr(function, "__name__", type(function).__name__))
