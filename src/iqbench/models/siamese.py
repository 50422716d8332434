"""Siamese: one backbone encodes both photos, and a head compares the encodings, or scores each."""

from typing import Any, ClassVar, final

import torch
from jaxtyping import Float
from torch import Tensor

from iqbench.errors import UsageError
from iqbench.interfaces import Labels
from iqbench.models.checkpoint import Architecture
from iqbench.models.head import head as network
from iqbench.models.learned import Learned


@final
class Siamese(Learned):
    """A model of pairs that is antisymmetric by construction.

    With ``head="compare"`` the head is a small network ``lean(first, second)``, and the margin is
    ``lean(a, b) - lean(b, a)``: swapping the photos flips its sign, whatever the weights are. With ``head="score"`` it
    is a small network of one photo, and the margin is the difference of two scores, so that preferences are
    transitive. The last layer has no bias, since it would cancel.

    Args:
        head_width: Hidden units of the head; 0 for a linear one.
        dropout: Share of hidden units that training silences.
        head: ``compare`` or ``score``.
        checkpoint: ``reference``, ``untrained`` or a file; see `Learned`.
        **shared: See `Learned`.

    Reference:
        Chang et al., *Automatic triage for a photo series*, SIGGRAPH 2016.
    """

    thread_safe: ClassVar[bool] = True

    teachable: ClassVar[tuple[Labels, ...]] = ("pairs",)

    def __init__(
        self, head_width: int, dropout: float, checkpoint: str = "untrained", head: str = "compare", **shared: Any
    ) -> None:
        super().__init__(checkpoint=checkpoint, **shared)
        if head not in ("compare", "score"):
            raise UsageError(f"model.head={head}: no such head; there are compare and score")
        self.save_hyperparameters(ignore=["checkpoint"])
        self.head_width = head_width
        self.is_scorer = head == "score"
        self.lean = network((1 if self.is_scorer else 2) * self.width, head_width, 1, dropout, bias=False)
        self.load()

    @property
    def architecture(self) -> Architecture:
        """The hyperparameters that must agree with the weights."""
        names = ("backbone", "levels", "preprocessing", "size", "head", "head_width")
        return {"normalization": self.normalization, **{name: self.hparams.get(name) for name in names}}

    def encode_features(self, features: Float[Tensor, "n d"]) -> Float[Tensor, "n e"]:
        """Return each picture's features, or its score if the head scores."""
        if not self.is_scorer:
            return features
        with torch.autocast(features.device.type, enabled=False):  # neighbouring bf16 numbers would tie
            score: Tensor = self.lean(features)
            return score

    def margin(self, first: Float[Tensor, "n d"], second: Float[Tensor, "n d"]) -> Float[Tensor, "n"]:
        """Return the log-odds that ``first`` is better. Swapping the photos flips the sign exactly."""
        if self.is_scorer:
            return (first - second).squeeze(1)
        forward = self.lean(torch.cat([first, second], dim=1))
        backward = self.lean(torch.cat([second, first], dim=1))
        margin: Tensor = (forward - backward).squeeze(1)
        return margin
