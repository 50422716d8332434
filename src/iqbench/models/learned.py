"""What the learned judges share: a backbone with a head, how it is optimised, and what is logged."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, cast

import numpy as np
import torch
from jaxtyping import Float, Float64, UInt8
from lightning import LightningModule
from torch import Tensor, nn
from torchmetrics.utilities.distributed import gather_all_tensors

from iqbench.errors import UsageError
from iqbench.interfaces import Labels, Pairs, Photo, QualityModel, Votes
from iqbench.losses import loss_named
from iqbench.metrics.pairs import constant_accuracy, pair_accuracy
from iqbench.metrics.votes import plcc, rmse, srcc
from iqbench.models.backbone import Backbone
from iqbench.models.checkpoint import load_weights
from iqbench.models.optimization import check_optimizer, check_schedule, make_optimizer, make_schedules
from iqbench.preprocessing import Preprocessing, check_rule, view_count
from iqbench.training.checkpoint_io import diverged


class Learned(LightningModule, ABC):
    """A judge that is trained: a backbone, and a head that a subclass adds.

    The hyperparameters are the plain values of conf/model/*.yaml, so a checkpoint loads without
    running anything that it holds. ``architecture`` is the part of them that weights must agree with.

    Args:
        backbone: See `Backbone`.
        weights: See `Backbone`.
        frozen: Whether only the head learns; the backbone then also keeps its batch statistics.
        unfreeze_every: With ``frozen``: after so many epochs the backbone's last stage learns too, after
            as many again the stage before it, and so on. None keeps it frozen.
        batch_statistics: See `Backbone`.
        preprocessing: See `iqbench.preprocessing.view`.
        size: Side of the network's input, in pixels.
        losses: The loss for each kind of label that the model can learn from; see `iqbench.losses`.
        optimizer: See `iqbench.models.optimization.make_optimizer`.
        schedule: See `iqbench.models.optimization.make_schedules`.

    Raises:
        UsageError: If one of them names something that does not exist.
    """

    teachable: ClassVar[Sequence[Labels]]
    """The kinds of label that the model can learn from at all."""

    def __init__(
        self,
        backbone: str,
        weights: str,
        frozen: bool,
        unfreeze_every: int | None,
        batch_statistics: str,
        preprocessing: str,
        size: int,
        losses: dict[Labels, str],
        optimizer: dict[str, Any],
        schedule: dict[str, Any],
    ) -> None:
        super().__init__()
        self.rule = check_rule(preprocessing)
        self.size = size
        self.frozen = frozen
        self.unfreeze_every = unfreeze_every
        if unfreeze_every is not None and unfreeze_every < 1:
            raise UsageError(f"model.unfreeze_every={unfreeze_every}: epochs, at least 1, or null")
        self.losses = losses
        for labels, name in losses.items():
            if labels not in self.teachable:
                raise UsageError(f"model.losses.{labels}: this model learns from {' or '.join(self.teachable)}")
            loss_named(labels, name)
        self.optimizer_settings, self.schedule_settings = optimizer, schedule
        check_optimizer(optimizer)
        check_schedule(schedule)
        self.backbone = Backbone(backbone, weights, size, batch_statistics)
        if frozen:
            self.backbone.open(0)
        self.width = self.backbone.width * (1 if view_count(self.rule) == 1 else 2)
        self.normalize = nn.LayerNorm(self.width, elementwise_affine=False)
        self.trained_on: dict[str, Any] = {}
        self.recipe: dict[str, Any] = {}
        """The config that it is trained by, for a run that goes on later."""
        self.learns_pairs = True
        """What the last validation was about."""
        self._answers: list[Float64[Tensor, "n 4"]] = []
        self.answers: Float64[Tensor, "n 4"] = torch.empty(0, 4, dtype=torch.float64)
        """Of the last validation, a row an example: its index, what was predicted and true, its loss."""

    @property
    @abstractmethod
    def architecture(self) -> dict[str, Any]:
        """The hyperparameters that weights must agree with."""

    @abstractmethod
    def encode(self, inputs: UInt8[Tensor, "n ..."]) -> Float[Tensor, "n d"]:
        """See `iqbench.interfaces.QualityModel.encode`."""

    def answer(self, batch: Pairs | Votes) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"], Float[Tensor, "n"]]:
        """Return each example's loss, and what was predicted and what was true as one number."""
        if isinstance(batch, Votes):
            return self.answer_votes(batch)
        first, second = self.encode(torch.cat([batch.first, batch.second])).chunk(2)
        margin = cast(QualityModel, self).margin(first, second)
        return loss_named("pairs", self.losses["pairs"])(margin, batch.preference), margin, batch.preference

    def answer_votes(self, batch: Votes) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"], Float[Tensor, "n"]]:
        """Return each photo's loss, and its predicted and true mean vote."""
        raise UsageError(f"{type(self).__name__} learns from preferences, not from votes; say examples.labels=pairs")

    def load_weights(self, checkpoint: str) -> None:
        """Load ``untrained`` (nothing), ``reference`` (the packaged weights), or a checkpoint file."""
        family = type(self).__name__.lower()
        self.trained_on = load_weights(self, checkpoint, family, self.architecture, self.hparams["weights"])

    @property
    def preprocessing(self) -> Preprocessing:
        """The model's preprocessing, without the model, for worker processes."""
        return Preprocessing(self.rule, self.size)

    def prepare(self, photo: Photo) -> UInt8[Tensor, "..."]:
        """Return the photo as the network sees it; see `iqbench.preprocessing.view`."""
        return self.preprocessing(photo)

    def features(self, pictures: UInt8[Tensor, "n ... 3 size size"]) -> Float[Tensor, "n d"]:
        """Return the backbone's features, each picture's scaled to mean 0 and variance 1.

        Of several views of a photo, the features of the first, the whole frame, stand beside the mean of the others.
        """
        if pictures.ndim == 5:
            of_views = self.backbone(pictures.flatten(0, 1)).float().unflatten(0, pictures.shape[:2])
            raw = torch.cat([of_views[:, 0], of_views[:, 1:].mean(dim=1)], dim=1)
        else:
            raw = self.backbone(pictures).float()
        normalized: Tensor = self.normalize(raw)
        return normalized

    def on_train_start(self) -> None:
        """Open what the epoch opens; a resumed epoch has no start of its own."""
        self.on_train_epoch_start()

    def on_train_epoch_start(self) -> None:
        """Let one more stage of the backbone learn, if it is time."""
        if self.frozen and self.unfreeze_every is not None:
            self.backbone.open(self.current_epoch // self.unfreeze_every)

    def training_step(self, batch: Pairs | Votes, batch_index: int) -> Tensor:
        """Return the loss of one batch.

        Raises:
            Stopped: If it is NaN or infinity.
        """
        losses, _, _ = self.answer(batch)
        loss = (losses * batch.weight).mean()
        if not loss.isfinite():
            raise diverged(f"the loss of step {self.global_step} is {loss.item()}")
        self.log("train/loss", loss, prog_bar=True, batch_size=len(batch.weight))
        return loss

    def on_validation_epoch_start(self) -> None:
        """Forget the answers of the validation before."""
        self._answers = []

    def validation_step(self, batch: Pairs | Votes, batch_index: int) -> None:
        """Keep the answers to one batch."""
        losses, predicted, true = self.answer(batch)
        self.learns_pairs = isinstance(batch, Pairs)
        columns = (batch.row, predicted, true, losses * batch.weight)
        self._answers.append(torch.stack([column.double() for column in columns], dim=1))

    def on_validation_epoch_end(self) -> None:
        """Log the epoch's loss and metrics, from the answers of all processes; what is undefined is not logged.

        Raises:
            Stopped: If an answer is NaN or infinity.
        """
        mine = torch.cat(self._answers) if self._answers else torch.empty(0, 4, dtype=torch.float64, device=self.device)
        distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
        answers = torch.cat(gather_all_tensors(mine)) if distributed else mine
        self.answers = answers[answers[:, 0].argsort()].cpu()
        _, predicted, true, losses = self.answers.numpy().T
        if not np.isfinite(losses).all():
            raise diverged(f"the validation loss of epoch {self.current_epoch} is not finite")
        everywhere: dict[str, Any] = {"sync_dist": distributed}  # all processes have the same values
        self.log("val/loss", float(losses.mean()), prog_bar=True, **everywhere)
        for name, value in self.measures(predicted, true).items():
            if value is not None:
                self.log(f"val/{name}", value, prog_bar=name in ("accuracy", "srcc"), **everywhere)

    def measures(self, predicted: Any, true: Any) -> dict[str, float | None]:
        """Return the validation metrics of what is being learned, pairs or votes."""
        if self.learns_pairs:
            alike = np.ones(len(true))
            accuracy, constant = pair_accuracy(predicted, true, alike), constant_accuracy(true, alike)
            return {"accuracy": accuracy, "constant_accuracy": constant}
        return {"srcc": srcc(predicted, true), "plcc": plcc(predicted, true), "rmse": rmse(predicted, true)}

    def configure_optimizers(self) -> Any:
        """Return the optimiser and its schedules, for Lightning."""
        inside = {id(parameter) for parameter in self.backbone.parameters()}
        head = [parameter for parameter in self.parameters() if id(parameter) not in inside]
        stages = [] if self.frozen and self.unfreeze_every is None else self.backbone.stages()
        optimizer = make_optimizer(self.optimizer_settings, head, stages)
        if self.schedule_settings["name"] == "constant" and not self.schedule_settings["warmup"]:
            return optimizer
        steps = int(self.trainer.estimated_stepping_batches)
        return [optimizer], make_schedules(optimizer, self.schedule_settings, steps)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Say in the checkpoint what it is and what it was trained on."""
        checkpoint["iqbench"] = {
            "family": type(self).__name__.lower(),
            "architecture": self.architecture,
            "trained_on": self.trained_on,
            "recipe": self.recipe,
        }


def head(width: int, hidden: int, answers: int, dropout: float, bias: bool = True) -> nn.Sequential:
    """Return a network of one hidden layer.

    Args:
        width: How many features come in.
        hidden: ``model.head_width``: hidden units.
        answers: How many numbers come out.
        dropout: ``model.dropout``: share of hidden units silenced in training.
        bias: Whether the last layer has one.

    Raises:
        UsageError: If there can be no such network.
    """
    if not isinstance(hidden, int) or hidden < 1:
        raise UsageError(f"model.head_width={hidden}: must be a whole number of hidden units, at least 1")
    if not 0 <= dropout < 1:
        raise UsageError(f"model.dropout={dropout}: must be a share, at least 0 and below 1")
    return nn.Sequential(
        nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, answers, bias=bias)
    )
