"""AVA: a regressor of aesthetic votes."""

from typing import Any, ClassVar, Literal, final

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torchmetrics import CatMetric

from iqbench.errors import UsageError
from iqbench.interfaces import Labels, Scorer, Votes
from iqbench.losses import emd_loss, mean_vote
from iqbench.metrics import srcc
from iqbench.models.learned import Learned

Output = Literal["mean", "distribution"]


@final
class Ava(Learned, Scorer):
    """A scorer that predicts the votes a photo would get on a scale from 1 to 10.

    Args:
        output: ``mean`` regresses the mean vote; ``distribution`` the share of each of the ten
            ratings, whose mean is the score.
        head_width: Hidden units of the head.
        dropout: Share of hidden units silenced in training.
        checkpoint: ``reference``, ``untrained`` or a file; see `Learned.load_weights`.
        **shared: See `Learned`.

    Reference:
        Murray et al., *AVA: A large-scale database for aesthetic visual analysis*, CVPR 2012;
        Talebi and Milanfar, *NIMA: Neural image assessment*, IEEE TIP 2018.
    """

    labels: ClassVar[Labels] = "votes"
    quality: ClassVar[str] = "srcc"

    def __init__(
        self, output: Output, head_width: int, dropout: float, checkpoint: str = "untrained", **shared: Any
    ) -> None:
        super().__init__(**shared)
        if output not in ("mean", "distribution"):
            raise UsageError(f"model.output={output}: no such output; there are mean and distribution")
        self.save_hyperparameters(ignore=["checkpoint"])
        self.output = output
        self.votes = nn.Sequential(
            nn.Linear(self.backbone.width, head_width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(head_width, 10 if output == "distribution" else 1),
        )
        self.predicted = CatMetric()
        self.true = CatMetric()
        self.load_weights(checkpoint)

    @property
    def architecture(self) -> dict[str, Any]:
        """The hyperparameters that weights must agree with."""
        names = ("backbone", "preprocessing", "size", "output", "head_width")
        return {name: self.hparams[name] for name in names}

    def encode(self, inputs: UInt8[Tensor, "n 3 size size"]) -> Float[Tensor, "n 1"]:
        """Return the mean vote of each picture."""
        return self.score(self.votes(self.features(inputs))).unsqueeze(1)

    def score(self, answer: Float[Tensor, "n out"]) -> Float[Tensor, "n"]:
        """Return the mean vote that the head's answer stands for; 5.5 is the middle of the scale."""
        if self.output == "distribution":
            return mean_vote(answer.softmax(dim=1))
        return 5.5 + answer.squeeze(1)

    def loss(self, batch: Votes) -> tuple[Float[Tensor, ""], Tensor, Tensor]:
        """Return the loss of the votes, the predicted means and the true ones."""
        answer = self.votes(self.features(batch.pictures))
        predicted, true = self.score(answer), mean_vote(batch.votes)
        if self.output == "distribution":
            return emd_loss(answer.softmax(dim=1), batch.votes), predicted, true
        return torch.nn.functional.mse_loss(predicted, true), predicted, true

    def update_quality(self, predicted: Tensor, true: Tensor) -> None:
        """Keep the means for the rank correlation."""
        self.predicted.update(predicted)
        self.true.update(true)

    def compute_quality(self) -> float | None:
        """Return Spearman's rank correlation (SRCC) between predicted and true means."""
        predicted, true = torch.as_tensor(self.predicted.compute()), torch.as_tensor(self.true.compute())
        self.predicted.reset()
        self.true.reset()
        return srcc(predicted.float().cpu().numpy(), true.float().cpu().numpy())
