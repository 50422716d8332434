"""A model made ready for inference: in eval mode, on its device, in the fastest form that gives the same answers."""

import logging
from collections.abc import Callable
from itertools import chain
from typing import Any, Protocol, runtime_checkable

import torch
from torch import nn

from iqbench.errors import UsageError, one_line
from iqbench.inference.failures import raise_if_fatal
from iqbench.interfaces import QualityModel

log = logging.getLogger(__name__)


@runtime_checkable
class FoldsBatchNorm(Protocol):
    """A module that can fold its batch normalisation into its convolutions, for inference."""

    def fold_batch_norm(self) -> None:
        """Fold the batch normalisation; training undoes it."""
        ...


def is_thread_safe(model: object) -> bool:
    """Return whether a network's batches may be encoded side by side.

    Its class must say so itself, ``thread_safe = True``, since a subclass may keep state. A hook may keep state, too.
    """
    if not vars(type(model)).get("thread_safe", False) or not isinstance(model, nn.Module):
        return False
    return not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def place(model: QualityModel, device: torch.device, channels_last: bool) -> QualityModel:
    """Return the model ready for inference. What only makes it faster is left out where a network does not take it.

    Args:
        model: The model; anything but an ``nn.Module`` is left as it is.
        device: Its device.
        channels_last: Whether its weights are kept in channels-last memory format.

    Raises:
        UsageError: If the model lacks a function, or cannot be moved to the device.
    """
    kind = type(model).__name__
    if missing := [name for name in ("prepare", "encode", "margin") if not callable(getattr(model, name, None))]:
        raise UsageError(f"model {kind}: has no {', '.join(missing)}; a model provides prepare, encode and margin")
    if not isinstance(model, nn.Module):
        return model
    try:
        model.eval()
        if not _is_on(model, device):
            model.to(device)
    except Exception as error:
        raise_if_fatal(error)
        raise UsageError(f"model {kind}: cannot be moved to {device} ({one_line(error)})") from error
    if channels_last:
        _try_faster(model, "channels_last", lambda: model.to(memory_format=torch.channels_last))
    for module in model.modules():
        if isinstance(module, FoldsBatchNorm):
            _try_faster(module, "folded batch normalisation", module.fold_batch_norm)
    return model


def _is_on(model: nn.Module, device: torch.device) -> bool:
    """Return whether all weights are on the device already: some quantised networks refuse to be moved at all."""
    devices = {tensor.device for tensor in chain(model.parameters(), model.buffers())}
    return devices == {device}


def _try_faster(model: nn.Module, what: str, change: Callable[[], Any]) -> None:
    """Make a change that is only faster; the network goes on without it where it fails."""
    try:
        change()
    except Exception as error:  # noqa: BLE001 - of other people's code
        raise_if_fatal(error)
        log.info("%s: is used without %s (%s)", type(model).__name__, what, one_line(error))
