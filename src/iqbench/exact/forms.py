"""Which functions of a photo have a form that works on tensors, with the same bytes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from jaxtyping import UInt8
from torch import Tensor

Function = TypeVar("Function", bound=Callable[..., Any])

ATTRIBUTE = "tensor_form"


@dataclass(frozen=True)
class TensorForm:
    """What does to photos as tensors, on any device, what a function does to a photo.

    Args:
        apply: Returns the copies of photos of one size. Its parameters have the names that the function's have.
        start: What calls with other parameters have in common, computed once and given to ``apply`` instead of the
            photos; None for nothing.
    """

    apply: Callable[..., UInt8[Tensor, "n 3 rows columns"]]
    start: Callable[[UInt8[Tensor, "n 3 height width"]], Any] | None = None


def has_tensor_form(
    apply: Callable[..., UInt8[Tensor, "n 3 rows columns"]],
    start: Callable[[UInt8[Tensor, "n 3 height width"]], Any] | None = None,
) -> Callable[[Function], Function]:
    """Return a decorator that gives a function of a photo its `TensorForm`.

    Example:
        >>> @has_tensor_form(lambda photos, amount: photos // amount)
        ... def darkened(photo, amount):
        ...     return photo // amount
        >>> tensor_form_of(partial(darkened, amount=2)) is None
        False
    """

    def decorated(function: Function) -> Function:
        setattr(function, ATTRIBUTE, TensorForm(apply, start))
        return function

    return decorated


def tensor_form_of(function: Callable[..., Any]) -> TensorForm | None:
    """Return the tensor form of a function, or of a `functools.partial` of one with keywords; None if it has none.

    Example:
        >>> tensor_form_of(print) is None
        True
    """
    own, arguments, keywords = function, (), {}
    if isinstance(function, partial):
        own, arguments, keywords = function.func, function.args, function.keywords
    form = getattr(own, ATTRIBUTE, None)
    if not isinstance(form, TensorForm) or arguments:
        return None
    return replace(form, apply=partial(form.apply, **keywords)) if keywords else form
