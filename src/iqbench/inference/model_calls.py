"""Calls of a model's functions: each on memory of its own, one at a time, with an answer as promised.

A model is other people's code. It may write into what it is given, return the same memory each time, and keep
state in itself from one step to the next. None of that may change another answer.
"""

import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from iqbench.inference.failures import BrokenPromise
from iqbench.inference.float_format import computing_in
from iqbench.interfaces import Photo, Prepares, QualityModel

_turn = threading.RLock()


def turn() -> threading.RLock:
    """Return the lock of this process that all code of models runs under, but the ``encode`` of thread-safe networks.

    A forked process has a lock of its own, because an inference thread may hold this one at that moment.
    """
    return _turn


def _renew_turn() -> None:
    global _turn
    _turn = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_turn)


def prepare(model: Prepares, photo: Photo, is_copy: bool = False) -> Shaped[Tensor, "..."]:
    """Return the network input for a photo, in memory that nothing else uses: a plain tensor on the CPU.

    The model gets a copy of the photo, which it may change. A tensor with a gradient, a parameter or a subclass
    of tensors is as good as a plain one.

    Args:
        model: The model, or what prepares for it.
        photo: The photo.
        is_copy: Whether that is a copy already.

    Raises:
        BrokenPromise: If the model gives no tensor, or one without plain memory.
    """
    with turn():
        given: Any = model.prepare(photo if is_copy else np.array(photo, order="C"))
        picture = _tensor(given, "prepare", "a torch.Tensor")
        return picture.to("cpu").resolve_conj().resolve_neg().clone()


def one_at_a_time(encode: Callable[[Tensor], Tensor], model: QualityModel) -> Callable[[Tensor], Tensor]:
    """Return an ``encode`` that waits until no other code of a model runs in this process.

    A network that has left eval mode returns to it before each batch.
    """

    def encode_in_turn(inputs: Tensor) -> Tensor:
        with turn():
            if isinstance(model, nn.Module) and model.training:
                model.eval()
            return encode(inputs)

    return encode_in_turn


def encodings(encode: Callable[[Tensor], Tensor], inputs: Shaped[Tensor, "n ..."]) -> Float[Tensor, "n d"]:
    """Return the encodings of a batch, in memory that nothing else uses, as float32 or float64.

    Args:
        encode: The model's ``encode``, or a replacement.
        inputs: The batch, which the model may change.

    Raises:
        BrokenPromise: If the model does not give one row of floats per picture.
    """
    promise = "a tensor of floats of shape (n, d)"
    given = _floats(encode(inputs), "encode", promise)
    if given.ndim != 2 or len(given) != len(inputs):
        raise BrokenPromise(
            f"encode gave shape {tuple(given.shape)} for n = {len(inputs)} pictures, promised is {promise}"
        )
    return given.to(torch.float64 if given.dtype == torch.float64 else torch.float32, copy=True)


def margins(
    margin: Callable[[Tensor, Tensor], Tensor], first: Float[Tensor, "n d"], second: Float[Tensor, "n d"]
) -> Float[Tensor, "n"]:
    """Return the model's margin of each pair of encodings, which it gets as copies, computed in exact float32.

    The answer stays on the device where the model gave it, in memory that nothing else uses.

    Raises:
        BrokenPromise: If the model does not give one float per pair.
    """
    promise = "a tensor of floats of shape (n,)"
    with turn(), computing_in("fp32"):
        given = _floats(margin(first.clone(), second.clone()), "margin", promise)
        if given.shape != (len(first),):
            raise BrokenPromise(
                f"margin gave shape {tuple(given.shape)} for n = {len(first)} pairs, promised is {promise}"
            )
        return given.clone()


def _floats(given: object, function: str, promise: str) -> Tensor:
    tensor = _tensor(given, function, promise)
    if not tensor.is_floating_point():
        raise BrokenPromise(f"{function} gave a tensor of {str(tensor.dtype)[6:]}, promised is {promise}")
    return tensor


def _tensor(given: object, function: str, promise: str) -> Tensor:
    """Return what a function gave as a plain tensor without a gradient."""
    if not isinstance(given, Tensor):
        kind = type(given).__name__ if type(given).__module__ == "builtins" else _full_name(type(given))
        raise BrokenPromise(f"{function} gave {'None' if given is None else kind}, promised is {promise}")
    for is_other, kind, way_out in (
        (given.is_nested, "a nested tensor", "give one of equal sizes"),
        (given.layout is not torch.strided, f"a tensor of layout {str(given.layout)[6:]}", "call .to_dense()"),
        (given.is_quantized, f"a quantised tensor ({given.dtype})", "call .dequantize()"),
        (given.is_meta, "a tensor on the device meta, which has no values", "load its weights"),
    ):
        if is_other:
            raise BrokenPromise(f"{function} gave {kind}, promised is {promise}; {way_out}")
    return given.detach().as_subclass(Tensor)


def _full_name(kind: type) -> str:
    return f"{kind.__module__.partition('.')[0]}.{kind.__qualname__}"
