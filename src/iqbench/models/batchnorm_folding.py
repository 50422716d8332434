"""Batch-norm folding: a copy of a trained network for inference, with fewer steps and less rounding."""

import copy
from collections import Counter
from collections.abc import Sequence

import torch
from jaxtyping import Float
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

TOLERANCE = 0.01
"""Maximum relative difference of the folded network's output; tf32 alone causes 0.001."""

Step = tuple[nn.Module, Tensor, Tensor]
"""A module, its input and its output."""


@torch.no_grad()
def fold_batch_norm(net: nn.Module, picture: Float[Tensor, "1 3 height width"]) -> nn.Module:
    """Return a copy of a network for inference, or the network itself if the copy's output differs.

    Batch normalisation is folded into the convolution before it, which saves a pass over the feature
    maps, and two roundings in low precision. The convolutions up to the first depthwise one stay in
    full precision. That one takes differences of neighbouring pixels while they are still almost
    equal, which causes most of the error of such a network in bf16.

    Args:
        net: The network, in evaluation mode.
        picture: Sample input for tracing the order of layers and for comparing the outputs.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).eval()
        >>> fold_batch_norm(net, torch.rand(1, 3, 9, 9))
        Sequential(
          (0): Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))
          (1): Identity()
          (2): ReLU()
        )
    """
    folded = copy.deepcopy(net)
    names = {module: name for name, module in folded.named_modules()}
    steps = _trace(folded, picture)
    for convolution, batch_norm in _foldable(steps):
        _fold(convolution, batch_norm)
        folded.set_submodule(names[batch_norm], _replacement(batch_norm))
    for convolution in _full_precision_convolutions(steps):
        folded.set_submodule(names[convolution], FullPrecision(convolution))
    before, after = net(picture), folded(picture)
    return folded if bool((after - before).norm() <= TOLERANCE * before.norm()) else net


class FullPrecision(nn.Module):
    """A convolution that computes in float32, whatever the precision of the network around it."""

    def __init__(self, convolution: nn.Module) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, maps: Float[Tensor, "n c height width"]) -> Float[Tensor, "n d h w"]:
        """Return the output of the convolution."""
        with torch.autocast(maps.device.type, enabled=False):
            output: Tensor = self.convolution(maps.float())
            return output


def _trace(net: nn.Module, picture: Tensor) -> list[Step]:
    """Return the convolutions and batch norms in the order of their execution."""
    steps: list[Step] = []

    def record(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        steps.append((module, inputs[0], output))

    traced = [module for module in net.modules() if isinstance(module, nn.Conv2d | nn.BatchNorm2d)]
    hooks = [module.register_forward_hook(record) for module in traced]
    net(picture)
    for hook in hooks:
        hook.remove()
    return steps


def _foldable(steps: Sequence[Step]) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Return each batch norm with the convolution before it, if both run once."""
    runs = Counter(module for module, _, _ in steps)
    source = {id(output): module for module, _, output in steps if isinstance(module, nn.Conv2d)}
    return [
        (source[id(maps)], module)
        for module, maps, _ in steps
        if isinstance(module, nn.BatchNorm2d)
        and type(module) in (nn.BatchNorm2d, BatchNormAct2d)  # other subclasses may do more
        and module.running_mean is not None
        and id(maps) in source
        and runs[module] == runs[source[id(maps)]] == 1
    ]


def _fold(convolution: nn.Conv2d, batch_norm: nn.BatchNorm2d) -> None:
    """Change the convolution's weights and bias so that its output is normalised."""
    weight, bias = fuse_conv_bn_weights(
        convolution.weight,
        convolution.bias,
        batch_norm.running_mean,  # type: ignore[arg-type]  # not None, see `_foldable`
        batch_norm.running_var,  # type: ignore[arg-type]
        batch_norm.eps,
        batch_norm.weight,
        batch_norm.bias,
    )
    convolution.weight.copy_(weight)  # keeps the memory layout
    convolution.bias = bias


def _replacement(batch_norm: nn.BatchNorm2d) -> nn.Module:
    """Return the rest of a folded batch norm: timm's include an activation."""
    return batch_norm.act if isinstance(batch_norm, BatchNormAct2d) else nn.Identity()


def _full_precision_convolutions(steps: Sequence[Step]) -> list[nn.Conv2d]:
    """Return the convolutions up to the first depthwise one, or none if the network has no depthwise convolution."""
    convolutions = [module for module, _, _ in steps if isinstance(module, nn.Conv2d)]
    depthwise = [index for index, module in enumerate(convolutions) if module.groups == module.in_channels > 1]
    return list(dict.fromkeys(convolutions[: depthwise[0] + 1])) if depthwise else []
