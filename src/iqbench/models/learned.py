"""What the learned judges share: a backbone with a head, how it is optimised, and what is logged."""

import inspect
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from jaxtyping import Float, UInt8
from lightning import LightningModule
from torch import Tensor, nn
from torchmetrics import MeanMetric

from iqbench.errors import UsageError, did_you_mean
from iqbench.interfaces import Labels, Pairs, Photo, Votes
from iqbench.models.backbone import Backbone
from iqbench.models.checkpoint import load_weights
from iqbench.preprocessing import check_rule, view


class Learned(LightningModule, ABC):
    """A judge that is trained: a backbone, and a head that a subclass adds.

    The hyperparameters are the plain values of conf/model/*.yaml, so a checkpoint loads without
    running anything that it holds. ``architecture`` is the part of them that weights must agree with.

    Args:
        backbone: See `Backbone`.
        weights: See `Backbone`.
        frozen: Whether only the head learns; the backbone then also keeps its batch statistics.
        preprocessing: See `iqbench.preprocessing.view`.
        size: Side of the network's input, in pixels.
        optimizer: ``name`` in torch.optim, ``lr`` for the head, ``backbone_lr``, and that
            optimiser's own arguments.

    Raises:
        UsageError: If one of them names something that does not exist.
    """

    labels: ClassVar[Labels]
    quality: ClassVar[str]
    """The validation metric besides the loss: its name in the log."""

    def __init__(
        self, backbone: str, weights: str, frozen: bool, preprocessing: str, size: int, optimizer: dict[str, Any]
    ) -> None:
        super().__init__()
        self.rule = check_rule(preprocessing)
        self.size = size
        self.frozen = frozen
        self.optimizer_settings = optimizer
        _check_optimizer(optimizer)
        self.backbone = Backbone(backbone, weights, size)
        if frozen:
            self.backbone.requires_grad_(False).eval()
        self.normalize = nn.LayerNorm(self.backbone.width, elementwise_affine=False)
        self.trained_on: dict[str, Any] = {}
        self.validation_loss = MeanMetric()

    @property
    @abstractmethod
    def architecture(self) -> dict[str, Any]:
        """The hyperparameters that weights must agree with."""

    @abstractmethod
    def loss(self, batch: Any) -> tuple[Float[Tensor, ""], Tensor, Tensor]:
        """Return the loss of a batch, with what was predicted and what was true, for `quality`."""

    @abstractmethod
    def update_quality(self, predicted: Tensor, true: Tensor) -> None:
        """Take a validation batch into account."""

    @abstractmethod
    def compute_quality(self) -> float | None:
        """Return the validation metric and start afresh; None where it is undefined."""

    def load_weights(self, checkpoint: str) -> None:
        """Load ``untrained`` (nothing), ``reference`` (the packaged weights), or a checkpoint file."""
        family = type(self).__name__.lower()
        self.trained_on = load_weights(self, checkpoint, family, self.architecture, self.hparams["weights"])

    def prepare(self, photo: Photo) -> UInt8[Tensor, "3 size size"]:
        """Return the photo as the network sees it; see `iqbench.preprocessing.view`."""
        return view(photo, self.rule, self.size)

    def features(self, pictures: UInt8[Tensor, "n 3 size size"]) -> Float[Tensor, "n d"]:
        """Return the backbone's features, each picture's scaled to mean 0 and variance 1."""
        normalized: Tensor = self.normalize(self.backbone(pictures).float())
        return normalized

    def train(self, mode: bool = True) -> "Learned":
        """Switch to training, but for a frozen backbone."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    def training_step(self, batch: Pairs | Votes, batch_index: int) -> Tensor:
        """Return the loss of one batch."""
        loss, _, _ = self.loss(batch)
        self.log("train/loss", loss, prog_bar=True, batch_size=len(batch[0]))
        return loss

    def validation_step(self, batch: Pairs | Votes, batch_index: int) -> None:
        """Take one batch into the validation metrics."""
        loss, predicted, true = self.loss(batch)
        self.validation_loss.update(loss, len(batch[0]))
        self.update_quality(predicted, true)

    def on_validation_epoch_end(self) -> None:
        """Log the epoch's loss, and its metric where that is defined."""
        self.log("val/loss", self.validation_loss.compute(), prog_bar=True)
        self.validation_loss.reset()
        quality = self.compute_quality()
        if quality is not None:
            self.log(f"val/{self.quality}", quality, prog_bar=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimiser: one learning rate for the head, another for the backbone."""
        settings = dict(self.optimizer_settings)
        kind = _optimizer_class(settings.pop("name"))
        backbone = {"params": list(self.backbone.parameters()), "lr": settings.pop("backbone_lr"), "name": "backbone"}
        inside = {id(parameter) for parameter in self.backbone.parameters()}
        head = {"params": [p for p in self.parameters() if id(p) not in inside], "name": "head"}
        optimizer: torch.optim.Optimizer = kind([head] if self.frozen else [head, backbone], **settings)
        return optimizer

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Say in the checkpoint what it is and what it was trained on."""
        checkpoint["iqbench"] = {
            "family": type(self).__name__.lower(),
            "architecture": self.architecture,
            "trained_on": self.trained_on,
        }


def _check_optimizer(settings: dict[str, Any]) -> None:
    known = [*inspect.signature(_optimizer_class(settings["name"])).parameters, "name", "backbone_lr"]
    for key in settings:
        if key not in known:
            raise UsageError(
                f"model.optimizer.{key}: {settings['name']} has no such setting.{did_you_mean(key, known)}"
            )


def _optimizer_class(name: str) -> Any:
    known = [word for word, value in vars(torch.optim).items() if isinstance(value, type)]
    if name not in known:
        raise UsageError(f"model.optimizer.name={name}: torch.optim has no such optimiser.{did_you_mean(name, known)}")
    return getattr(torch.optim, name)
