"""The gallery: small pictures of a model's most confident mistakes, stored when its run ends.

The store holds the pictures, so a report can be made from it alone, wherever the photos are by then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from jaxtyping import Shaped
from torch import Tensor

from iqbench.benchmark.pictures import Picture, PicturePair, detail_pair, jpeg, shrunk, whole_pair
from iqbench.inference import model_calls
from iqbench.interfaces import Photo, QualityModel
from iqbench.results.model_summary import Mistake, TypeMistakes
from iqbench.results.schema import GalleryPicture

INPUT_SIDE = 320
"""Longest side of a model's input, in pixels."""

MAX_NUMBERS = 8
"""The largest input that is shown as numbers; of a larger one that is not a picture, only the size is given."""

Key = tuple[str, str]
"""The sha256 of a photo, and the key of a variant."""


@runtime_checkable
class NamesInputs(Protocol):
    """A model that names the few numbers of its input."""

    input_names: Sequence[str]


def mistakes(rows: pd.DataFrame, limit: int) -> pd.DataFrame:
    """Return each model's most confident mistakes of each type, the surest first, at most one per photo.

    Args:
        rows: The verdict table.
        limit: Mistakes per model and type.
    """
    wrong = rows[(rows["degradation_group"] != "control") & (rows["prediction"] == 0).fillna(False)]
    wrong = wrong.sort_values(["margin", "original", "degraded"], kind="stable")
    wrong = wrong.drop_duplicates(["model_name", "degradation_type", "original"])
    return wrong.groupby(["model_name", "degradation_type"], sort=False).head(limit)


def failures(rows: pd.DataFrame, limit: int) -> dict[str, dict[str, TypeMistakes]]:
    """Return per model and type the number of wrong pairs, and the most confident mistakes.

    Args:
        rows: The verdict table, with the ``probability`` of `iqbench.benchmark.diagnostics.probabilities`.
        limit: Mistakes per model and type that are listed.
    """
    judged = rows[(rows["degradation_group"] != "control") & (rows["status"] == "ok")]
    wide = judged.pivot(index="degraded", columns="model_name", values="prediction")
    names = [str(name) for name in wide.columns]
    predictions = dict(zip(wide.index, wide.astype("float64").to_numpy(), strict=True))
    listed: dict[tuple[str, str], list[Mistake]] = {}
    for row in mistakes(judged, limit).to_dict("records"):
        answers = dict(zip(names, predictions[row["degraded"]], strict=True))
        key = str(row["model_name"]), str(row["degradation_type"])
        listed.setdefault(key, []).append(_mistake(row, answers))
    by_model: dict[str, dict[str, TypeMistakes]] = {}
    for (name, kind), pairs in judged.groupby(["model_name", "degradation_type"], sort=False):
        by_model.setdefault(str(name), {})[str(kind)] = TypeMistakes(
            pairs=len(pairs), wrong=int((pairs["prediction"] == 0).sum()), worst=listed.get((str(name), str(kind)), [])
        )
    return by_model


def _mistake(row: Mapping[Any, Any], answers: Mapping[str, float]) -> Mistake:
    """Return a mistake with the other models that make it, too, and those that are right about the pair."""
    others = {name: answer for name, answer in answers.items() if name != row["model_name"]}
    probability = row["probability"]
    return Mistake(
        photo=str(row["original"]),
        sha256=str(row["photo_sha256"]),
        ladder=str(row["ladder"]),
        level=str(row["degradation_level"]),
        severity=int(row["severity"]),
        margin=float(row["margin"]),
        probability=None if pd.isna(probability) else float(probability),
        wrong_too=[name for name, answer in others.items() if answer == 0],
        right=[name for name, answer in others.items() if answer == 1],
    )


def gallery_picture(key: Key, original: Photo, degraded: Photo, model: QualityModel) -> GalleryPicture:
    """Return the pictures of one mistake: both photos whole, in detail, and as the model's input."""
    inputs = model_calls.prepare(model, original), model_calls.prepare(model, degraded)
    return with_inputs(pair_pictures(key, original, degraded), *inputs, names_of_inputs(model))


def pair_pictures(key: Key, original: Photo, degraded: Photo) -> GalleryPicture:
    """Return the pictures of one mistake that do not depend on the model: both photos whole and in detail."""
    whole, detail = whole_pair(original, degraded), detail_pair(original, degraded)
    return GalleryPicture(
        *key,
        whole_original=jpeg(whole[0]),
        whole_degraded=jpeg(whole[1]),
        detail_original=jpeg(detail[0]),
        detail_degraded=jpeg(detail[1]),
        input_original=None,
        input_degraded=None,
        input_about="",
    )


def names_of_inputs(model: object) -> Sequence[str] | None:
    """Return the names that a model gives to the few numbers of its input, None if it gives none."""
    return tuple(model.input_names) if isinstance(model, NamesInputs) else None


def with_inputs(
    picture: GalleryPicture,
    original: Shaped[Tensor, "..."],
    degraded: Shaped[Tensor, "..."],
    names: Sequence[str] | None,
) -> GalleryPicture:
    """Return the pictures of one mistake with the model's input of both photos.

    Args:
        picture: The pictures that do not depend on the model.
        original: The original, prepared.
        degraded: The copy, prepared.
        names: The names of the numbers of an input that is no picture, None if they have none.
    """
    view = input_view(original, degraded)
    inputs = view.pictures or (None, None)
    return replace(
        picture,
        input_original=None if inputs[0] is None else jpeg(inputs[0]),
        input_degraded=None if inputs[1] is None else jpeg(inputs[1]),
        input_about=view.about if names is None else _named_numbers(view, names),
    )


class InputView(NamedTuple):
    """A model's input of a pair: as pictures if it is a picture, as numbers if there are few, and in words."""

    pictures: PicturePair | None
    numbers: tuple[list[float], list[float]] | None
    about: str


def input_view(original: Shaped[Tensor, "..."], degraded: Shaped[Tensor, "..."]) -> InputView:
    """Return a view of two prepared pictures; several views of a photo stand side by side.

    Values that are not 0 to 255 are stretched to that range, in the same way in both pictures.

    Example:
        >>> import torch
        >>> input_view(torch.tensor([0.5]), torch.tensor([0.25])).about
        '0.5 and 0.25'
        >>> input_view(torch.zeros(3, 40, 50, dtype=torch.uint8), torch.zeros(3, 40, 50, dtype=torch.uint8)).about
        '50 x 40 px'
    """
    inputs = (original, degraded)
    if all(_is_picture(prepared) for prepared in inputs):
        count = original[..., 0, 0, 0].numel()
        size = f"{original.shape[-1]} x {original.shape[-2]} px"
        return InputView(_as_pictures(inputs), None, size if count == 1 else f"{count} views of {size}")
    if max(prepared.numel() for prepared in inputs) <= MAX_NUMBERS:
        first, second = ([float(value) for value in prepared.flatten()] for prepared in inputs)
        texts = (", ".join(f"{value:.3g}" for value in values) for values in (first, second))
        return InputView(None, (first, second), " and ".join(texts))
    return InputView(None, None, f"not a picture, but {original.numel():,} numbers")


def _is_picture(prepared: Tensor) -> bool:
    return prepared.ndim >= 3 and prepared.shape[-3] in (1, 3) and min(prepared.shape[-2:]) >= 8


def _named_numbers(view: InputView, names: Sequence[str]) -> str:
    if view.numbers is None or len(names) != len(view.numbers[0]):
        return view.about
    return ", ".join(f"{name} {a:.3g} and {b:.3g}" for name, a, b in zip(names, *view.numbers, strict=True))


def _as_pictures(inputs: tuple[Tensor, Tensor]) -> PicturePair:
    low, high = 0.0, 255.0
    if any(prepared.is_floating_point() for prepared in inputs):
        low = min(float(prepared.min()) for prepared in inputs)
        high = max(max(float(prepared.max()) for prepared in inputs), low + 1e-9)
    first, second = (_as_picture(prepared, low, high) for prepared in inputs)
    return first, second


def _as_picture(prepared: Tensor, low: float, high: float) -> Picture:
    values = (prepared.double().reshape(-1, *prepared.shape[-3:]) - low) * (255 / (high - low))
    views = values.clamp(0, 255).round().byte().permute(0, 2, 3, 1).numpy()
    return np.concatenate(
        [shrunk(np.ascontiguousarray(view), INPUT_SIDE / max(view.shape[:2])) for view in views], axis=1
    )
