"""Siamese: one backbone encodes both photos, and a head compares the encodings."""

from typing import Any, ClassVar, final

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from iqbench.interfaces import Labels
from iqbench.models.checkpoint import Architecture
from iqbench.models.head import head
from iqbench.models.learned import Learned


@final
class Siamese(Learned):
    """A model of pairs that is antisymmetric by construction.

    The head is a small network ``lean(first, second)``, and the margin is ``lean(a, b) - lean(b, a)``:
    swapping the photos flips its sign, whatever the weights are. The last layer has no bias, since it
    would cancel.

    Args:
        head_width: Hidden units of the head.
        dropout: Share of hidden units that training silences.
        checkpoint: ``reference``, ``untrained`` or a file; see `Learned`.
        **shared: See `Learned`.

    Reference:
        Chang et al., *Automatic triage for a photo series*, SIGGRAPH 2016.
    """

    thread_safe: ClassVar[bool] = True

    teachable: ClassVar[tuple[Labels, ...]] = ("pairs",)

    def __init__(self, head_width: int, dropout: float, checkpoint: str = "untrained", **shared: Any) -> None:
        super().__init__(checkpoint=checkpoint, **shared)
        self.save_hyperparameters(ignore=["checkpoint"])
        self.head_width = head_width
        self.lean = head(2 * self.width, head_width, 1, dropout, bias=False)
        self.load()

    @property
    def architecture(self) -> Architecture:
        """The hyperparameters that must agree with the weights."""
        names = ("backbone", "levels", "preprocessing", "size", "head_width")
        return {name: self.hparams.get(name) for name in names}

    def encode(self, inputs: UInt8[Tensor, "n ... 3 size size"]) -> Float[Tensor, "n d"]:
        """Return each picture's features."""
        return self.features(inputs)

    def margin(self, first: Float[Tensor, "n d"], second: Float[Tensor, "n d"]) -> Float[Tensor, "n"]:
        """Return the log-odds that ``first`` is better. Swapping the photos flips the sign exactly."""
        forward = self.lean(torch.cat([first, second], dim=1))
        backward = self.lean(torch.cat([second, first], dim=1))
        margin: Tensor = (forward - backward).squeeze(1)
        return margin
