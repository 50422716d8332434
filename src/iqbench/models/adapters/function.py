"""Functions as models: of one photo to a score, or of two photos to a margin, one at a time or in batches."""

import inspect
import logging
import numbers as abstract_numbers
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64, UInt8
from PIL import Image
from torch import Tensor

from iqbench.errors import UsageError, described, one_line, raise_if_terminated
from iqbench.interfaces import Photo, QualityModel, Scorer
from iqbench.models.adapters.pictures import KeptPicture, PictureComparer, PicturePair
from iqbench.photos import synthetic_photo
from iqbench.target import located

log = logging.getLogger(__name__)

STEPS = ("prepare", "encode", "margin")
"""The methods of a quality model."""


class FunctionScorer(Scorer):
    """A scorer that calls a function with one photo.

    The function gets the photo as an array, (height, width, 3) uint8 RGB, or as a ``PIL.Image`` in RGB: as its first
    argument is annotated, else the first of the two that it can use.

    Args:
        function: Returns one number.
        higher_is_better: False negates the number.

    Raises:
        UsageError: If the function needs more than one argument.
    """

    def __init__(self, function: Callable[[Any], Any], higher_is_better: bool = True) -> None:
        self.function = function
        self.sign = 1 if higher_is_better else -1
        required = required_arguments(function)
        if len(required) > 1:
            names = ", ".join(required)
            raise UsageError(f"model {_name(function)}: takes {names}; a function that scores takes one photo")
        self.takes_images: bool | None = None  # is tried out in the worker, which may crash or hang

    def prepare(self, photo: Photo) -> Float64[Tensor, "1"]:
        """Return the score. It is all of the work, so it is done here.

        Raises:
            TypeError: If the function does not return one number.
        """
        if self.takes_images is None:
            self.takes_images = _takes_images(self.function, 1)
        value = self.function(Image.fromarray(photo) if self.takes_images else photo)
        return torch.tensor([self.sign * _number(value)], dtype=torch.float64)

    def encode(self, inputs: Float64[Tensor, "n 1"]) -> Float64[Tensor, "n 1"]:
        """Return the scores."""
        return inputs


class BatchFunctionScorer(Scorer):
    """A scorer that calls a function with photos of one size together, in the main process.

    Args:
        function: Takes an array (n, height, width, 3) of uint8 RGB, and returns n numbers.
        higher_is_better: False negates them.
    """

    def __init__(self, function: Callable[[Any], Any], higher_is_better: bool) -> None:
        self.function = function
        self.sign = 1 if higher_is_better else -1

    def prepare(self, photo: Photo) -> UInt8[Tensor, "height width 3"]:
        """Return the photo."""
        return torch.from_numpy(np.array(photo))

    def encode(self, inputs: UInt8[Tensor, "n height width 3"]) -> Float64[Tensor, "n 1"]:
        """Return the scores.

        Raises:
            TypeError: If the function does not return one number per photo.
        """
        scores = numbers(self.function(inputs.cpu().numpy()), len(inputs), "photos")
        return self.sign * torch.from_numpy(scores).unsqueeze(1)


class FunctionComparer(PictureComparer):
    """A model that calls a function with two photos, in both orders.

    Args:
        function: Takes two arrays (height, width, 3) of uint8 RGB, or two images of PIL as `FunctionScorer` does, and
            returns the margin: positive if the first is better, in log-odds if it is calibrated. With ``batched`` it
            takes two arrays (n, height, width, 3), whose sizes may differ from each other, and returns n margins.
        batched: Whether it takes several pairs at once.
        higher_is_better: False where a positive margin means that the second is better.
    """

    def __init__(self, function: Callable[[Any, Any], Any], batched: bool, higher_is_better: bool) -> None:
        super().__init__(longest_side=None)
        self.function, self.batched = function, batched
        self.takes_images = False if batched else None
        self.sign = 1 if higher_is_better else -1

    def compare(self, pairs: Sequence[PicturePair]) -> Sequence[float | Exception]:
        """Return the margin of each pair, or the error of the function."""
        return self._together(pairs) if self.batched else [self._margin(*pair) for pair in pairs]

    def _margin(self, first: KeptPicture, second: KeptPicture) -> float | Exception:
        pictures: list[Any] = [first.pixels(), second.pixels()]
        try:
            if self.takes_images is None:
                self.takes_images = _takes_images(self.function, 2)
            if self.takes_images:
                pictures = [Image.fromarray(pixels) for pixels in pictures]
            return self.sign * _number(self.function(*pictures))
        except Exception as error:  # noqa: BLE001 - of other people's code; the engine says which ones end the run
            return error

    def _together(self, pairs: Sequence[PicturePair]) -> list[float | Exception]:
        """Return the margins of pairs of equal sizes from one call each."""
        groups: dict[tuple[object, ...], list[int]] = {}
        for at, (first, second) in enumerate(pairs):
            groups.setdefault((first.pixels().shape, second.pixels().shape), []).append(at)
        margins: dict[int, float | Exception] = {}
        for places in groups.values():
            sides = [np.stack([pairs[at][side].pixels() for at in places]) for side in (0, 1)]
            given: Sequence[float | Exception]
            try:
                given = [self.sign * number for number in numbers(self.function(*sides), len(places), "pairs").tolist()]
            except Exception as error:  # noqa: BLE001 - as above
                given = [error] * len(places)
            margins |= dict(zip(places, given, strict=True))
        return [margins[at] for at in range(len(pairs))]


def function_model(
    target: str, takes: str | None, batched: bool, higher_is_better: bool, arguments: dict[str, Any] | None
) -> QualityModel:
    """Return the model of a function, of a class whose objects can be called, or of a class of quality models.

    Args:
        target: Its name; see `iqbench.target.located`.
        takes: ``photo`` for a score, ``pair`` for a margin; None reads it off the function's arguments.
        batched: Whether it takes several photos at once: an array (n, height, width, 3), or two of them.
        higher_is_better: Whether a higher score is better; of a margin, whether a positive one means the first photo.
        arguments: Arguments of a class; None for none.

    Raises:
        UsageError: If there is no such function, or it cannot be used.
    """
    function = _callable(target, arguments or {})
    if all(callable(getattr(function, step, None)) for step in STEPS):
        if not higher_is_better:
            raise UsageError(f"model.higher_is_better: {target} has a margin of its own, which says which is better")
        return function  # type: ignore[no-any-return]
    if not callable(function):
        raise UsageError(f"model.target={target}: {type(function).__name__} is no function")
    if takes not in ("photo", "pair", None):
        raise UsageError(f"model.takes={takes}: must be photo, pair, or null, which reads it off the function")
    required = required_arguments(function)
    count = {"photo": 1, "pair": 2}[takes] if takes else len(required) or 1
    if count > 2:
        raise UsageError(f"model.target={target}: takes {', '.join(required)}; a function takes one photo, or two")
    _check_call(function, count, f"model.target={target}")
    if count == 2:
        log.info(
            "%s: takes two photos (%s); its number is a margin, positive if the first is better",
            target,
            ", ".join(required),
        )
        return FunctionComparer(function, batched, higher_is_better)
    return BatchFunctionScorer(function, higher_is_better) if batched else FunctionScorer(function, higher_is_better)


def required_arguments(function: Callable[..., Any]) -> list[str]:
    """Return the names of the positional arguments that a function needs; none where they are not known.

    Example:
        >>> required_arguments(lambda photo, size=3: 0)
        ['photo']
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # of compiled code
        return []
    return [each.name for each in parameters if each.default is each.empty and each.kind in (0, 1)]


def numbers(given: Any, count: int, what: str) -> Float64[np.ndarray, "n"]:
    """Return what a function of several photos or pairs gave as that many numbers.

    Raises:
        TypeError: If it gave anything else.
    """
    array = _array(given)
    if array.dtype.kind not in "biuf" or array.size != count:
        kind = f"shape {array.shape}" if array.dtype.kind in "biuf" else type(given).__name__
        raise TypeError(f"the function gave {kind} for {count} {what}; it must give one number for each")
    return array.reshape(-1).astype(np.float64)


def _callable(target: str, arguments: dict[str, Any]) -> Any:
    found = located(target, "model.target")
    if not isinstance(found, type):
        if arguments:
            raise UsageError(f"model.arguments: {target} is no class, so nothing is made from them")
        return found
    try:
        return found(**arguments)
    except (Exception, SystemExit) as error:
        if isinstance(error, SystemExit):
            raise_if_terminated(error)
        raise UsageError(f"model.target={target}: {found.__name__} cannot be made ({described(error)})") from error


def _check_call(function: Callable[..., Any], count: int, setting: str) -> None:
    """Refuse a function that cannot be called with ``count`` photos, or gives its answer later."""
    call = {1: "function(photo)", 2: "function(first, second)"}[count]
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None)):  # noqa: B004
        raise UsageError(f"{setting}: is async; give a function that returns its number")
    try:
        inspect.signature(function).bind(*[None] * count)
    except ValueError:  # of compiled code, which tells no signature
        return
    except TypeError as error:
        raise UsageError(f"{setting}: cannot be called as {call} ({error})") from error


def _array(given: Any) -> np.ndarray[Any, Any]:
    """Return what a function gave as an array; a masked number is NaN."""
    if isinstance(given, Tensor):
        given = given.detach().cpu()
        given = given.double() if given.is_floating_point() else given  # NumPy knows no bfloat16
    if isinstance(given, np.ma.MaskedArray):
        given = np.ma.filled(given.astype(np.float64), np.nan)
    return np.asarray(given)


def _number(value: Any) -> float:
    if isinstance(value, abstract_numbers.Real):  # fractions, and whole numbers beyond int64, too
        return float(value)
    number = _array(value)
    if number.size == 1 and number.dtype.kind in "biuf":
        return float(number.reshape(-1)[0])
    raise TypeError(f"the function gave {type(value).__name__}; a score is one number")


def _takes_images(function: Callable[..., Any], count: int) -> bool:
    """Return whether a function of ``count`` photos wants images of PIL instead of arrays.

    The kind of its annotation is tried first, and is the answer if the function can use neither.
    """
    photo = np.tile(synthetic_photo(), (4, 4, 1))
    is_annotated = re.search(r"\b(PIL|Image)\b", _annotation(function) or "") is not None
    reason = ""
    for as_images in (is_annotated, not is_annotated):
        try:
            function(*[Image.fromarray(photo) if as_images else photo.copy() for _ in range(count)])
        except Exception as error:  # noqa: BLE001 - any error of other people's code: the other kind may suit it
            reason = reason or one_line(error)
            continue
        if reason:
            kind = "images of PIL" if as_images else "arrays"
            log.info("%s: called with %s, since it cannot use the other kind (%s)", _name(function), kind, reason)
        return as_images
    return is_annotated  # the rehearsal says what is wrong with it


def _annotation(function: Callable[..., Any]) -> str | None:
    """Return the annotation of a function's first argument as text, None without one."""
    try:
        parameters: Sequence[Any] = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # of compiled code
        return None
    if not parameters or parameters[0].annotation is parameters[0].empty:
        return None
    annotation = parameters[0].annotation
    return f"{getattr(annotation, '__module__', '')}{annotation}"


def _name(function: Callable[[Any], Any]) -> str:
    return str(getattr(function, "__name__", type(function).__name__))
