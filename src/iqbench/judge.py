"""Compare, score or rank photos in one call."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Float64
from PIL import Image
from torch import Tensor

from iqbench import config
from iqbench.api.models import NamedModel, named_model, with_checkpoint
from iqbench.api.pictures import is_picture, pixels_of
from iqbench.errors import UsageError
from iqbench.inference import model_calls
from iqbench.inference.batching import Batcher, Encoded
from iqbench.inference.engine_config import EngineConfig
from iqbench.inference.failures import Failure
from iqbench.interfaces import Preference, QualityModel, SaysMember, is_scorer

Picture = str | Path | Image.Image | np.ndarray | Tensor
"""One photo: a path, an image of PIL, an array (height, width, 3) or a tensor (3, height, width) of uint8."""

Pictures = list[Any] | tuple[Any, ...]
"""Several photos."""

GPU_BATCH_SIZE = 32
"""Photos encoded together on a GPU. On a CPU each is encoded by itself, which is as fast and gives equal bits."""


@dataclass(frozen=True)
class Comparison:
    """A model's comparison of two photos.

    ``probability`` is the model's own probability that the first is better; it is not calibrated. ``member`` is the
    model that a router listened to, None of any other model.
    """

    preference: Preference
    margin: float
    probability: float
    member: str | None = None

    @classmethod
    def of(cls, margin: float, member: str | None = None) -> "Comparison":
        """Return the comparison that a margin expresses."""
        probability = 1 / (1 + math.exp(-margin)) if margin > -700 else 0.0
        return cls(Preference.of(margin), margin, probability, member)


class Judge:
    """A model that takes photos: paths, images of PIL, arrays or tensors, one or a list of them.

    A list gives the numbers that its photos give one by one: to the last bit on a CPU. On a GPU the size of a batch
    is always the same, so they agree there too.

    Args:
        named: The model, by its name.
        model: The quality model, ready on its device.
        engine: The engine config.
    """

    def __init__(self, named: NamedModel, model: QualityModel, engine: EngineConfig) -> None:
        self.named, self.model, self._engine = named, model, engine
        self.device = engine.torch_device

    @classmethod
    def load(cls, model: Any, checkpoint: str | Path | None, device: str) -> "Judge":
        """See `iqbench.load`."""
        named = named_model(model)
        if checkpoint is not None:
            named = with_checkpoint(named, checkpoint)
        engine = EngineConfig.for_api(device, batch_size=1, workers=0)
        if engine.torch_device.type != "cpu":
            engine = replace(engine, batch_size=GPU_BATCH_SIZE)
        built = config.build(named.settings, "model") if named.model is None else named.model
        placed = engine.place(built)
        return cls(named, placed, engine.for_model(placed))

    @overload
    def compare(self, first: Picture, second: Picture) -> Comparison: ...

    @overload
    def compare(self, first: Pictures, second: Pictures) -> list[Comparison]: ...

    def compare(self, first: Any, second: Any) -> Comparison | list[Comparison]:
        """Return the preferred photo of two, compared in both orders; of two lists, that of each two photos.

        Raises:
            UsageError: If there is no such photo, or the lists differ in length.
            PhotoError: If a photo cannot be read.
        """
        if is_picture(first) != is_picture(second):
            raise UsageError("compare: one photo and several; give two photos, or two lists of equal length")
        if is_picture(first):
            return self._compare([first], [second])[0]
        return self._compare(list(first), list(second))

    @overload
    def score(self, photo: Picture) -> float: ...

    @overload
    def score(self, photo: Pictures) -> Float64[np.ndarray, "n"]: ...

    def score(self, photo: Any) -> float | Float64[np.ndarray, "n"]:
        """Return a photo's score on the model's own scale; higher is better. Of a list, the score of each photo.

        Raises:
            UsageError: If there is no such photo, or the model has no scores.
            PhotoError: If a photo cannot be read.
        """
        self._check_scores()
        scores = self._encode([photo] if is_picture(photo) else photo)[:, 0].double().numpy()
        return float(scores[0]) if is_picture(photo) else scores

    def rank(self, photos: Iterable[Picture]) -> pd.DataFrame:
        """Return photos from best to worst: ``position`` in the list, ``photo``, and the number that ranks them.

        That is ``score`` of a model with scores, else ``margin``, the mean margin over all the other photos.

        Raises:
            UsageError: If there is no such photo.
            PhotoError: If a photo cannot be read.
        """
        pictures = list(photos)
        encodings = self._encode(pictures)
        if is_scorer(self.model):
            name, values = "score", encodings[:, 0].double().numpy()
        else:
            name, values = "margin", self._mean_margins(encodings)
        table = pd.DataFrame({"position": range(len(pictures)), "photo": [_label(each) for each in pictures]})
        return table.assign(**{name: values}).sort_values(name, ascending=False, kind="stable", ignore_index=True)

    def _compare(self, first: list[Any], second: list[Any]) -> list[Comparison]:
        if len(first) != len(second):
            raise UsageError(f"compare: {len(first)} and {len(second)} photos; give two lists of equal length")
        encodings = self._encode([*first, *second])
        sides = encodings[: len(first)], encodings[len(first) :]
        return [Comparison.of(*each) for each in zip(self._margins(*sides), self._members(*sides), strict=True)]

    def _members(self, first: Float[Tensor, "n d"], second: Float[Tensor, "n d"]) -> list[str | None]:
        """Return the member that the model listened to about each pair, None of a model that does not say."""
        if not isinstance(self.model, SaysMember) or not len(first):
            return [None] * len(first)
        with torch.inference_mode(), model_calls.turn():
            return self.model.listened_to(first.to(self.device), second.to(self.device))

    def _margins(self, first: Float[Tensor, "n d"], second: Float[Tensor, "n d"]) -> list[float]:
        """Return the margin of each pair, one pair at a time, so that no bit depends on the others."""
        with torch.inference_mode():
            pairs = zip(first.to(self.device), second.to(self.device), strict=True)
            each = ((a.unsqueeze(0), b.unsqueeze(0)) for a, b in pairs)
            both = ((self._margin(a, b), self._margin(b, a)) for a, b in each)
            return [(forward - backward) / 2 for forward, backward in both]

    def _margin(self, first: Float[Tensor, "1 d"], second: Float[Tensor, "1 d"]) -> float:
        return float(model_calls.margins(self.model.margin, first, second))

    def _mean_margins(self, encodings: Float[Tensor, "n d"]) -> Float64[np.ndarray, "n"]:
        n = len(encodings)
        firsts = encodings.repeat_interleave(n, dim=0)
        margins = np.array(self._margins(firsts, encodings.repeat(n, 1))).reshape(n, n)
        return np.asarray(margins.sum(axis=1) / max(1, n - 1))

    def _encode(self, pictures: Iterable[Any]) -> Float[Tensor, "n d"]:
        encodings: dict[int, Tensor] = {}
        batcher: Batcher[int] = Batcher(self.model, self._engine)
        with batcher:
            for at, picture in enumerate(pictures):
                prepared = model_calls.prepare(self.model, pixels_of(picture))
                encodings |= _answered(batcher.put(at, prepared.unsqueeze(0)))
            encodings |= _answered(batcher.flush())
        return torch.stack([encodings[at] for at in sorted(encodings)]) if encodings else torch.zeros(0, 1)

    def _check_scores(self) -> None:
        if not is_scorer(self.model):
            raise UsageError(
                f"{type(self.model).__name__} compares photos and has no score for one; use compare or rank"
            )


def _answered(encoded: Iterator[Encoded[int]]) -> dict[int, Tensor]:
    answers = {}
    for at, _, encodings in encoded:
        if isinstance(encodings, Failure):
            raise UsageError(f"the model gives no answer about photo {at}: {encodings.error}")
        answers[at] = encodings[0].cpu()
    return answers


def _label(picture: Any) -> str:
    return str(picture) if isinstance(picture, str | Path) else f"{type(picture).__name__}"
