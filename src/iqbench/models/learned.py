"""Base class of the learned models: a backbone with a head, its optimisation and its logged metrics."""

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from jaxtyping import Float, Float64, Shaped, UInt8
from lightning import LightningModule
from torch import Tensor, nn
from torchmetrics.utilities.distributed import gather_all_tensors

from iqbench.errors import UsageError, diverged
from iqbench.interfaces import Labels, Pairs, Photo, QualityModel, Votes
from iqbench.losses import loss_named
from iqbench.metrics.pairs import constant_accuracy, pair_accuracy
from iqbench.metrics.votes import plcc, rmse, srcc
from iqbench.models.backbone import Backbone
from iqbench.models.checkpoint import Architecture, Target, Weights, checkpoint_file, load_weights, read_weights
from iqbench.models.feature_cache import FeatureCache
from iqbench.models.optimization import check_optimizer, check_schedule, make_optimizer, make_schedules
from iqbench.preprocessing import Preprocessing, check_rule, separate_patches, view_groups
from iqbench.training_provenance import joined_provenance

CPU_PIXELS = 2**18
"""Pixels that a CPU encodes at a time: the maps of more pictures leave its caches, and take twice as long."""

SHOWN_IN_BAR = ("val/loss", "val/accuracy", "val/srcc")


class Learned(LightningModule, ABC):
    """A trainable model: a backbone, and a head that a subclass adds.

    The hyperparameters are the plain values of conf/model/*.yaml, so a checkpoint loads without
    executing code. ``architecture`` is the part of them that must agree with the weights.

    A subclass calls `load` at the end of its constructor, when its head exists.

    Args:
        backbone: See `Backbone`.
        weights: See `Backbone`.
        checkpoint: ``untrained``; ``reference``, the packaged weights; or a file. A complete file replaces
            ``weights``, which are then not read.
        frozen: Whether only the head learns. A frozen backbone also keeps its batch statistics.
        unfreeze_every: With ``frozen``: epochs after which one more stage of the backbone learns, from the
            last one backwards. None keeps all frozen.
        batch_statistics: See `Backbone`.
        preprocessing: See `iqbench.preprocessing.view`.
        size: Side of the network's input, in pixels.
        normalization: What scales the features before the head. ``layer``: within each picture. ``batch``: each
            feature, by its mean and variance over a batch in training (of one process), and over all batches
            afterwards.
        feature_noise: Standard deviation of the normal noise that training adds to the scaled features.
        feature_shift: Training on pairs moves both photos by the same random vector: up to so many times the
            difference between the features of two other pictures. What is learned of a difference then holds for
            other photos too. DeVries and Taylor, *Dataset augmentation in feature space*, 2017, extrapolate
            between features in a similar way.
        losses: The loss for each kind of label; see `iqbench.losses`.
        optimizer: See `iqbench.models.optimization.make_optimizer`.
        schedule: See `iqbench.models.optimization.make_schedules`.
        levels: See `Backbone`.

    Raises:
        UsageError: If a setting names something that does not exist.
        CheckpointError: If the checkpoint cannot be used.
    """

    teachable: ClassVar[Sequence[Labels]]
    """The kinds of labels that the model can learn from."""

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
        checkpoint: str = "untrained",
        levels: list[int] | None = None,
        normalization: str = "layer",
        feature_noise: float = 0.0,
        feature_shift: float = 0.0,
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
        self._source = self._read(checkpoint)
        if self._source is not None and not self._source[1].is_head:  # the file has all weights and statistics
            batch_statistics = "kept" if batch_statistics == "auto" else batch_statistics
            weights = "none"
        self.is_head_on_packaged_backbone = weights == "packaged" and frozen and unfreeze_every is None
        """True if its head alone is a complete checkpoint, since the package has the rest."""
        self.backbone = Backbone(backbone, weights, size, batch_statistics, levels)
        if frozen:
            self.backbone.open(0)
        groups = view_groups(self.rule)
        for side in {size // group.per_side for group in groups} - {size}:
            self.backbone.check_size(side, f"model.preprocessing={preprocessing}, model.size={size}")
        self.width = self.backbone.width * len(groups)
        self.normalization = normalization
        self.normalize = _normalization(normalization, self.width)
        for name, amount in (("feature_noise", feature_noise), ("feature_shift", feature_shift)):
            if not 0 <= amount < math.inf:
                raise UsageError(f"model.{name}={amount}: must be a number, at least 0")
        self.feature_noise, self.feature_shift = feature_noise, feature_shift
        self.trained_on: dict[str, Any] = {}
        self.recipe: dict[str, Any] = {}
        """The config of the training, by which a resumed run is checked."""
        self.data: dict[str, Any] = {}
        """The contents of the data set of the training, by which a resumed run is checked too."""
        self.learns_pairs = True
        """True if the last validation was of pairs; else it was of votes."""
        self._answers: list[Float64[Tensor, "n 4"]] = []
        self.answers: Float64[Tensor, "n 4"] = torch.empty(0, 4, dtype=torch.float64)
        """The last validation, one row per example: its index, prediction, label and loss."""
        self._feature_cache: FeatureCache | None = None
        self.validation_metrics: dict[str, float] = {}
        """The metrics of the last validation, under the names in the log. Undefined ones are missing."""

    @property
    @abstractmethod
    def architecture(self) -> Architecture:
        """The hyperparameters that must agree with the weights."""

    @abstractmethod
    def encode_features(self, features: Float[Tensor, "n d"]) -> Float[Tensor, "n e"]:
        """Return the encodings of pictures, given by their scaled features."""

    def encode(self, inputs: UInt8[Tensor, "n ... 3 size size"]) -> Float[Tensor, "n e"]:
        """Return the encodings of pictures; see `iqbench.interfaces.QualityModel`."""
        return self.encode_features(self.features(inputs))

    def answer(self, batch: Pairs | Votes) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"], Float[Tensor, "n"]]:
        """Return each example's loss, its prediction and its label, as one number each."""
        if isinstance(batch, Votes):
            return self.answer_votes(batch)
        features = self.augmented(self.features(torch.cat([batch.first, batch.second])), are_pairs=True)
        first, second = self.encode_features(features).chunk(2)
        margin = cast(QualityModel, self).margin(first, second)
        return loss_named("pairs", self.losses["pairs"])(margin, batch.preference), margin, batch.preference

    def augmented(self, features: Float[Tensor, "n d"], are_pairs: bool) -> Float[Tensor, "n d"]:
        """Return features with ``feature_noise`` and ``feature_shift`` while training, else as they are.

        Args:
            features: Scaled features; of pairs all first photos, then all second ones.
            are_pairs: Whether they are of pairs.
        """
        if not self.training:
            return features
        if self.feature_shift and are_pairs:
            pairs = len(features) // 2
            some, others = features[torch.randint(len(features), (2, pairs), device=features.device)]
            share = torch.rand(pairs, 1, device=features.device)
            features = features + (self.feature_shift * share * (some - others)).repeat(2, 1)
        if self.feature_noise:
            features = features + self.feature_noise * torch.randn_like(features)
        return features

    def answer_votes(self, batch: Votes) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"], Float[Tensor, "n"]]:
        """Return each photo's loss, and its predicted and true mean vote."""
        raise UsageError(f"{type(self).__name__} learns from preferences, not from votes; use examples.labels=pairs")

    @property
    def family(self) -> str:
        """The name of the model's class in checkpoints: ``siamese`` or ``ava``."""
        return type(self).__name__.lower()

    def load_weights(self, checkpoint: str) -> None:
        """Load the weights and their training provenance: of ``reference``, or of a checkpoint file.

        Raises:
            CheckpointError: If the file cannot be used, or is of another architecture.
        """
        self._source = self._read(checkpoint)
        self.load()

    def load(self) -> None:
        """Load the weights that the constructor has read, if there are any, and forget the copy."""
        if self._source is not None:
            path, weights = self._source
            load_weights(self, path, weights, Target(self.family, self.architecture, self.hparams["weights"]))
            self.trained_on, self.data = weights.trained_on, weights.data
            self._source = None

    def _read(self, checkpoint: str) -> tuple[Path, Weights] | None:
        path = checkpoint_file(checkpoint, self.family)
        return None if path is None else (path, read_weights(path))

    @property
    def preprocessing(self) -> Preprocessing:
        """The model's preprocessing, without the model, for worker processes."""
        return Preprocessing(self.rule, self.size)

    @property
    def preparation(self) -> Preprocessing:
        """The preprocessing, which models of the same rule and size share; see `QualityModel`."""
        return self.preprocessing

    def prepare(self, photo: Photo) -> UInt8[Tensor, "..."]:
        """Return the network input for a photo; see `iqbench.preprocessing.view`."""
        return self.preprocessing(photo)

    def features(self, pictures: Shaped[Tensor, "n ..."]) -> Float[Tensor, "n d"]:
        """Return the backbone's features, scaled to mean 0 and variance 1: within each picture, or over pictures.

        Takes prepared pictures, or the `kept_features` of them.

        Of several views of a photo, the means at each scale are joined; see `iqbench.preprocessing.view_groups`.
        """
        raw = pictures if pictures.is_floating_point() else self._raw_features(pictures)
        if len(raw) == 1 and isinstance(self.normalize, nn.BatchNorm1d):  # one picture has no variance
            mean, variance = self.normalize.running_mean, self.normalize.running_var
            return nn.functional.batch_norm(raw, mean, variance, training=False, eps=self.normalize.eps)
        normalized: Tensor = self.normalize(raw)
        return normalized

    @property
    def keeps_features(self) -> bool:
        """True if training never changes the features of a picture, since the whole backbone stays frozen."""
        return self.frozen and self.unfreeze_every is None

    @property
    def features_digest(self) -> str:
        """A digest of all that `kept_features` depends on besides the pictures: preprocessing and backbone."""
        content = hashlib.sha256(f"{self.rule} {self.size} {self.hparams['backbone']} {self.backbone.levels}".encode())
        for name, value in sorted(self.backbone.state_dict().items()):
            content.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
        return content.hexdigest()

    @torch.no_grad()
    def kept_features(self, pictures: UInt8[Tensor, "n ... 3 size size"]) -> Float[Tensor, "n d"]:
        """Return the features before their scaling, on the CPU; `features` takes these in place of the pictures."""
        if not self.backbone.folded_net:
            self.backbone.fold_batch_norm()
        return self._raw_features(pictures.to(self.device)).cpu()

    def _raw_features(self, pictures: UInt8[Tensor, "n ... 3 size size"]) -> Float[Tensor, "n d"]:
        if pictures.ndim == 4:
            return self._encoded(pictures)
        groups = view_groups(self.rule)
        means = []
        for group, some in zip(groups, torch.split(pictures, [each.pictures for each in groups], dim=1), strict=True):
            patches = separate_patches(some, group.per_side)
            of_patches = self._encoded(patches.flatten(0, 1))
            means.append(of_patches.reshape(*patches.shape[:2], -1).mean(dim=1))
        return torch.cat(means, dim=1)

    def _encoded(self, pictures: UInt8[Tensor, "n 3 height width"]) -> Float[Tensor, "n d"]:
        """Return the backbone's output. In a training on the CPU, equal pictures are encoded once where possible."""
        if pictures.device.type != "cpu" or not self.backbone.is_constant:
            return cast(Tensor, self.backbone(pictures)).float()
        return (
            self._in_parts(pictures) if self._feature_cache is None else self._feature_cache(pictures, self._in_parts)
        )

    def _in_parts(self, pictures: UInt8[Tensor, "n 3 height width"]) -> Float[Tensor, "n d"]:
        """Return the backbone's output, encoding few pictures at a time; see `CPU_PIXELS`."""
        count = max(1, CPU_PIXELS // pictures[0, 0].numel()) if len(pictures) else 1
        return torch.cat([self.backbone(some).float() for some in torch.split(pictures, count)])

    def on_fit_start(self) -> None:
        """Keep features from now on. On a GPU it is faster to compute them again."""
        self._feature_cache = FeatureCache()

    def _forget_features(self) -> None:
        """Forget the features of a backbone that learns: they hold during one validation only."""
        if self._feature_cache is not None and self.backbone.learns:
            self._feature_cache.clear()

    def on_fit_end(self) -> None:
        """Free the memory of the features."""
        self._feature_cache = None

    def on_train_start(self) -> None:
        """Unfreeze the stages of a resumed epoch, for which Lightning calls no epoch start."""
        self.on_train_epoch_start()

    def on_train_epoch_start(self) -> None:
        """Unfreeze one more stage of the backbone after every ``unfreeze_every`` epochs."""
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
        """Clear the answers of the previous validation."""
        self._answers = []
        self._forget_features()

    def validation_step(self, batch: Pairs | Votes, batch_index: int) -> None:
        """Collect the answers to one batch."""
        losses, predicted, true = self.answer(batch)
        self.learns_pairs = isinstance(batch, Pairs)
        columns = (batch.row, predicted, true, losses * batch.weight)
        self._answers.append(torch.stack([column.double() for column in columns], dim=1))

    def on_validation_epoch_end(self) -> None:
        """Log the epoch's loss and metrics over the answers of all processes. Undefined metrics are not logged.

        Raises:
            Stopped: If an answer is NaN or infinity.
        """
        self._forget_features()
        mine = torch.cat(self._answers) if self._answers else torch.empty(0, 4, dtype=torch.float64, device=self.device)
        distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
        answers = torch.cat(gather_all_tensors(mine)) if distributed else mine
        self.answers = answers[answers[:, 0].argsort()].cpu()
        _, predicted, true, losses = self.answers.numpy().T
        if not np.isfinite(losses).all():
            raise diverged(f"the validation loss of epoch {self.current_epoch} is not finite")
        measures = {"loss": float(losses.mean()), **self.measures(predicted, true)}
        for group, mask in getattr(getattr(self.trainer, "datamodule", None), "validation_groups", {}).items():
            rows = mask[self.answers[:, 0].long().numpy()]
            measures |= {f"{name}_{group}": value for name, value in self.measures(predicted[rows], true[rows]).items()}
        self.validation_metrics = {f"val/{name}": value for name, value in measures.items() if value is not None}
        for name, value in self.validation_metrics.items():  # equal in all processes
            self.log(name, value, prog_bar=name in SHOWN_IN_BAR, sync_dist=distributed)

    def measures(self, predicted: Any, true: Any) -> dict[str, float | None]:
        """Return the validation metrics for pairs or for votes."""
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

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put the training provenance of a checkpoint that Lightning loads before the model's own."""
        before = checkpoint.get("iqbench", {}).get("trained_on", {})
        self.trained_on = joined_provenance(before, self.trained_on)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add family, architecture, training provenance and recipe to the checkpoint."""
        checkpoint["iqbench"] = {
            "family": self.family,
            "architecture": self.architecture,
            "trained_on": self.trained_on,
            "recipe": self.recipe,
            "data": self.data,
        }


def _normalization(name: str, width: int) -> nn.Module:
    """Return what scales the features before the head.

    Raises:
        UsageError: If there is no such normalization.
    """
    if name == "layer":
        return nn.LayerNorm(width, elementwise_affine=False)
    if name == "batch":
        return nn.BatchNorm1d(width, affine=False, momentum=None)  # no momentum: the mean over all batches
    raise UsageError(f"model.normalization={name}: must be layer or batch")
