"""Settling: a network that has learned, made ready to judge, in fewer steps and with less rounding."""

import copy
from collections import Counter
from collections.abc import Sequence

import torch
from jaxtyping import Float
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

NEAR = 0.01
"""How far the answers of the settled network may be from the other's, of the answers' own size; tf32 is at 0.001."""

Step = tuple[nn.Module, Tensor, Tensor]
"""A module, what it took and what it gave."""


@torch.no_grad()
def settled(net: nn.Module, picture: Float[Tensor, "1 3 height width"]) -> nn.Module:
    """Return a copy of a network that judges as it does, or the network itself where there is no such copy.

    Two things are done. Batch normalisation becomes part of the convolution before it: that saves a pass over
    the pictures, and in a low precision two roundings. And the convolutions up to the first one that sees each
    channel by itself stay in full precision: it takes differences of neighbouring pixels while they are still
    almost equal, and in bf16 most of what goes wrong in such a network goes wrong there.

    Args:
        net: In evaluation mode.
        picture: What it takes; it is let through to see what follows what, and to try both on.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).eval()
        >>> settled(net, torch.rand(1, 3, 9, 9))
        Sequential(
          (0): Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))
          (1): Identity()
          (2): ReLU()
        )
    """
    copied = copy.deepcopy(net)
    names = {module: name for name, module in copied.named_modules()}
    steps = _steps(copied, picture)
    for convolution, normalization in _neighbours(steps):
        _fold(convolution, normalization)
        copied.set_submodule(names[normalization], _rest(normalization))
    for convolution in _exact(steps):
        copied.set_submodule(names[convolution], FullPrecision(convolution))
    before, after = net(picture), copied(picture)
    return copied if bool((after - before).norm() <= NEAR * before.norm()) else net


class FullPrecision(nn.Module):
    """A convolution that computes in float32, whatever the network around it computes in."""

    def __init__(self, convolution: nn.Module) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, maps: Float[Tensor, "n c height width"]) -> Float[Tensor, "n d h w"]:
        """Return what the convolution makes of it."""
        with torch.autocast(maps.device.type, enabled=False):
            made: Tensor = self.convolution(maps.float())
            return made


def _steps(net: nn.Module, picture: Tensor) -> list[Step]:
    """Return the convolutions and normalisations in the order in which a picture comes through them."""
    steps: list[Step] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        steps.append((module, inputs[0], output))

    kept = [module for module in net.modules() if isinstance(module, nn.Conv2d | nn.BatchNorm2d)]
    hooks = [module.register_forward_hook(note) for module in kept]
    net(picture)
    for hook in hooks:
        hook.remove()
    return steps


def _neighbours(steps: Sequence[Step]) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Return each normalisation with the convolution whose output it takes, where both are used once."""
    uses = Counter(module for module, _, _ in steps)
    made_by = {id(output): module for module, _, output in steps if isinstance(module, nn.Conv2d)}
    return [
        (made_by[id(taken)], module)
        for module, taken, _ in steps
        if isinstance(module, nn.BatchNorm2d)
        and type(module) in (nn.BatchNorm2d, BatchNormAct2d)  # others may do more
        and module.running_mean is not None
        and id(taken) in made_by
        and uses[module] == uses[made_by[id(taken)]] == 1
    ]


def _fold(convolution: nn.Conv2d, normalization: nn.BatchNorm2d) -> None:
    """Scale and shift what the convolution gives by its weights, as the normalisation would."""
    weight, bias = fuse_conv_bn_weights(
        convolution.weight,
        convolution.bias,
        normalization.running_mean,  # type: ignore[arg-type]  # there is one, see `_neighbours`
        normalization.running_var,  # type: ignore[arg-type]
        normalization.eps,
        normalization.weight,
        normalization.bias,
    )
    convolution.weight.copy_(weight)  # into the same layout
    convolution.bias = bias


def _rest(normalization: nn.BatchNorm2d) -> nn.Module:
    """Return what else the module does than to normalise: timm's end in an activation."""
    return normalization.act if isinstance(normalization, BatchNormAct2d) else nn.Identity()


def _exact(steps: Sequence[Step]) -> list[nn.Conv2d]:
    """Return the convolutions up to the first one that sees each channel by itself, none where none does."""
    convolutions = [module for module, _, _ in steps if isinstance(module, nn.Conv2d)]
    alone = [place for place, one in enumerate(convolutions) if one.groups == one.in_channels > 1]
    return list(dict.fromkeys(convolutions[: alone[0] + 1])) if alone else []
