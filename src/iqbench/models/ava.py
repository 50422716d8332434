"""AVA: a scorer trained on aesthetic votes."""

from typing import Any, ClassVar, Literal, final

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from iqbench.errors import UsageError
from iqbench.interfaces import Labels, Scorer, Votes
from iqbench.labels import mean_vote
from iqbench.losses import loss_named
from iqbench.losses.votes import VotePrediction
from iqbench.models.checkpoint import Architecture
from iqbench.models.head import head
from iqbench.models.learned import Learned

Output = Literal["mean", "distribution"]


@final
class Ava(Learned, Scorer):
    """A scorer that predicts the votes for a photo, on a scale from 1 to 10.

    Args:
        output: ``mean`` predicts the mean vote; ``distribution`` the shares of the ten ratings, whose
            mean is the score. A model that learned from pairs alone orders photos by its mean, on no such scale.
        head_width: Hidden units of the head.
        dropout: Share of hidden units that training silences.
        checkpoint: ``reference``, ``untrained`` or a file; see `Learned`.
        **shared: See `Learned`.

    Reference:
        Murray et al., *AVA: A large-scale database for aesthetic visual analysis*, CVPR 2012;
        Talebi and Milanfar, *NIMA: Neural image assessment*, IEEE TIP 2018.
    """

    thread_safe: ClassVar[bool] = True

    teachable: ClassVar[tuple[Labels, ...]] = ("votes", "pairs")

    def __init__(
        self, output: Output, head_width: int, dropout: float, checkpoint: str = "untrained", **shared: Any
    ) -> None:
        super().__init__(checkpoint=checkpoint, **shared)
        if output not in ("mean", "distribution"):
            raise UsageError(f"model.output={output}: no such output; there are mean and distribution")
        self.save_hyperparameters(ignore=["checkpoint"])
        self.output = output
        self.votes = head(self.width, head_width, 10 if output == "distribution" else 1, dropout)
        if "votes" in self.losses and self._source is None:  # a new model: refuse losses that need another output
            loss_named("votes", self.losses["votes"])(
                self.predict(torch.zeros(1, self.width)), torch.full((1, 10), 0.1)
            )
        self.load()

    @property
    def architecture(self) -> Architecture:
        """The hyperparameters that must agree with the weights."""
        names = ("backbone", "levels", "preprocessing", "size", "output", "head_width")
        return {"normalization": self.normalization, **{name: self.hparams.get(name) for name in names}}

    def encode_features(self, features: Float[Tensor, "n d"]) -> Float[Tensor, "n 1"]:
        """Return the mean vote of each picture."""
        return self.predict(features).mean.unsqueeze(1)

    def shares(self, inputs: UInt8[Tensor, "n ... 3 size size"]) -> Float[Tensor, "n 10"] | None:
        """Return the share of each rating, None where only the mean is predicted."""
        logits = self.predict(self.features(inputs)).logits
        return None if logits is None else logits.softmax(dim=1)

    def predict(self, features: Float[Tensor, "n d"]) -> VotePrediction:
        """Return the predicted votes for features; 5.5 is the middle of the scale.

        Always in full precision: near 5.5 neighbouring bf16 numbers are 0.03 apart, so photos would tie.
        """
        with torch.autocast(features.device.type, enabled=False):
            answer = self.votes(features)
            if self.output == "distribution":
                return VotePrediction(mean_vote(answer.softmax(dim=1)), answer)
            return VotePrediction(5.5 + answer.squeeze(1), None)

    def answer_votes(self, batch: Votes) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"], Float[Tensor, "n"]]:
        """Return each photo's loss, and its predicted and true mean vote."""
        predicted = self.predict(self.augmented(self.features(batch.pictures), are_pairs=False))
        losses = loss_named("votes", self.losses["votes"])(predicted, batch.votes)
        return losses, predicted.mean, mean_vote(batch.votes)
