"""The failures to look at: a model's most confident mistakes, kept as small pictures when its run ends.

The pictures lie in the store, so that a report can be made at any time, from the store alone, wherever
the photos are by then.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import cv2
import numpy as np
import pandas as pd
from jaxtyping import Shaped, UInt8
from torch import Tensor

from iqbench import photos
from iqbench.benchmark.verdict_table import verdict_rows
from iqbench.inference.worker import ON_ONE_PICTURE
from iqbench.interfaces import Photo, PhotoFile, QualityModel, Variant
from iqbench.progress import track
from iqbench.results.reader import read_store
from iqbench.results.schema import Exhibit
from iqbench.results.store import Store

WHOLE, DETAIL, INPUT = 144, 160, 320
"""Longest sides, in pixels: of the whole picture made small, of the detail at 100 %, of a view of a model's input."""

ENCODING = (cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
"""Fine enough that what is looked at is the damage, and not the way it was kept."""

MOST_NUMBERS = 8
"""An input of so many numbers is shown as such; of a larger one that is no picture only its shape is told."""

Picture = UInt8[np.ndarray, "height width colours"]
Pair = tuple[Picture, Picture]


@runtime_checkable
class NamesInputs(Protocol):
    """A model whose input is a few numbers may say what they are."""

    input_names: Sequence[str]


def mistakes(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return each model's most confident mistakes of each type, the surest first, at most one a photo.

    Args:
        rows: As `iqbench.benchmark.verdict_table.verdict_rows` returns them.
        most: How many of each model and type.
    """
    wrong = rows[(rows["degradation_group"] != "control") & (rows["prediction"] == 0).fillna(False)]
    wrong = wrong.sort_values(["margin", "original", "degraded"], kind="stable")
    wrong = wrong.drop_duplicates(["model_name", "degradation_type", "original"])
    return wrong.groupby(["model_name", "degradation_type"], sort=False).head(most)


def failures(rows: pd.DataFrame, most: int) -> dict[str, dict[str, Any]]:
    """Return per model and type how many pairs it got wrong, and the worst of them with what the others said.

    Args:
        rows: As `iqbench.benchmark.verdict_table.verdict_rows` returns them, with the ``probability`` of
            `iqbench.benchmark.diagnostics.probabilities`.
        most: How many of each model and type are told one by one.
    """
    judged = rows[(rows["degradation_group"] != "control") & (rows["status"] == "ok")]
    predictions = judged.pivot(index="degraded", columns="model_name", values="prediction")
    worst = mistakes(judged, most)
    found: dict[str, dict[str, Any]] = {}
    for (name, kind), own in judged.groupby(["model_name", "degradation_type"], sort=False):
        chosen = worst[(worst["model_name"] == name) & (worst["degradation_type"] == kind)]
        found.setdefault(str(name), {})[str(kind)] = {
            "pairs": len(own),
            "wrong": int((own["prediction"] == 0).sum()),
            "worst": [_told(row, predictions.loc[row["degraded"]]) for _, row in chosen.iterrows()],
        }
    return found


def _told(row: "pd.Series[Any]", said: "pd.Series[Any]") -> dict[str, Any]:
    others = said.drop(row["model_name"])
    chance = row["probability"]
    return {
        "photo": str(row["original"]),
        "sha256": str(row["photo_sha256"]),
        "ladder": str(row["ladder"]),
        "level": str(row["degradation_level"]),
        "severity": int(row["severity"]),
        "margin": float(row["margin"]),
        "probability": None if pd.isna(chance) else float(chance),
        "wrong_too": [str(name) for name in others.index[(others == 0).fillna(False)]],
        "right": [str(name) for name in others.index[(others == 1).fillna(False)]],
    }


def renew(
    store: Store, files: Sequence[PhotoFile], variants: Sequence[Variant], model: QualityModel, most: int
) -> None:
    """Bring the pictures in a store up to date with its verdicts: of the worst mistakes, and of no others.

    A photo that is not there any more, or no longer the same, has no pictures.

    Args:
        store: The store of a run that is through.
        files: The run's photos.
        variants: Its suite.
        model: Its judge.
        most: How many mistakes of each type; 0 keeps none.
    """
    rows = verdict_rows([read_store(store.path)])
    worst = mistakes(rows, most)
    wanted = {
        (str(sha), f"{kind}/{level}"): str(photo)
        for sha, kind, level, photo in worst[
            ["photo_sha256", "degradation_type", "degradation_level", "original"]
        ].itertuples(index=False)
    }
    missing = sorted(set(wanted) - store.exhibits(), key=lambda key: (wanted[key], key))
    paths = {file.name: file for file in files}
    of_photo: dict[str, list[tuple[str, str]]] = {}
    for key in missing:
        of_photo.setdefault(wanted[key], []).append(key)
    by_key = {variant.key: variant for variant in variants}
    work = ((paths[name], keys) for name, keys in of_photo.items() if name in paths)
    made = _exhibits(track(work, "pictures of the worst mistakes", len(of_photo)), by_key, model)
    store.exhibit(list(made), keep=set(wanted))


def _exhibits(
    work: Iterable[tuple[PhotoFile, list[tuple[str, str]]]], variants: dict[str, Variant], model: QualityModel
) -> Iterator[Exhibit]:
    for file, keys in work:
        try:
            decoded = photos.read(file.path, file.limits)
        except photos.PhotoError:
            continue
        for sha256, key in keys:
            if sha256 != decoded.sha256:
                continue
            try:
                yield exhibit(sha256, key, decoded.pixels, variants[key].apply(decoded.pixels), model)
            except ON_ONE_PICTURE:
                continue


def exhibit(sha256: str, variant: str, original: Photo, degraded: Photo, model: QualityModel) -> Exhibit:
    """Return the pictures of one mistake: both photos whole, in detail, and as the model saw them."""
    views = seen(model.prepare(original), model.prepare(degraded))
    first, second = views.pictures or (None, None)
    whole, detail = _whole(original, degraded), _detail(original, degraded)
    return Exhibit(
        sha256,
        variant,
        whole_original=_encoded(whole[0]),
        whole_degraded=_encoded(whole[1]),
        detail_original=_encoded(detail[0]),
        detail_degraded=_encoded(detail[1]),
        input_original=None if first is None else _encoded(first),
        input_degraded=None if second is None else _encoded(second),
        input_about=_named(views, model.input_names) if isinstance(model, NamesInputs) else views.about,
    )


class Seen(NamedTuple):
    """A pair as a model saw it: as pictures where they are some, as numbers where those are few, and in words."""

    pictures: Pair | None
    numbers: tuple[list[float], list[float]] | None
    about: str


def seen(original: Shaped[Tensor, "..."], degraded: Shaped[Tensor, "..."]) -> Seen:
    """Return what can be shown of two prepared pictures, several views of a photo side by side.

    Colours that are not 0 to 255 are stretched to it, both pictures in the same way.

    Example:
        >>> import torch
        >>> seen(torch.tensor([0.5]), torch.tensor([0.25])).about
        '0.5 and 0.25'
        >>> seen(torch.zeros(3, 40, 50, dtype=torch.uint8), torch.zeros(3, 40, 50, dtype=torch.uint8)).about
        '50 x 40 px'
    """
    both = (original, degraded)
    if all(one.ndim >= 3 and one.shape[-3] in (1, 3) and min(one.shape[-2:]) >= 8 for one in both):
        count = original[..., 0, 0, 0].numel()
        size = f"{original.shape[-1]} x {original.shape[-2]} px"
        return Seen(_colours(both), None, size if count == 1 else f"{count} views of {size}")
    if max(one.numel() for one in both) <= MOST_NUMBERS:
        first, second = ([float(value) for value in one.flatten()] for one in both)
        said = (", ".join(f"{value:.3g}" for value in values) for values in (first, second))
        return Seen(None, (first, second), " and ".join(said))
    return Seen(None, None, f"no picture, but {original.numel():,} numbers")


def _named(views: Seen, names: Sequence[str]) -> str:
    if views.numbers is None or len(names) != len(views.numbers[0]):
        return views.about
    return ", ".join(f"{name} {a:.3g} and {b:.3g}" for name, a, b in zip(names, *views.numbers, strict=True))


def _colours(both: tuple[Tensor, Tensor]) -> Pair:
    low, high = 0.0, 255.0
    if any(one.is_floating_point() for one in both):
        low = min(float(one.min()) for one in both)
        high = max(max(float(one.max()) for one in both), low + 1e-9)
    first, second = (_laid_out(one, low, high) for one in both)
    return first, second


def _laid_out(prepared: Tensor, low: float, high: float) -> Picture:
    values = (prepared.double().reshape(-1, *prepared.shape[-3:]) - low) * (255 / (high - low))
    views = values.clamp(0, 255).round().byte().permute(0, 2, 3, 1).numpy()
    return np.concatenate([_small(np.ascontiguousarray(one), INPUT / max(one.shape[:2])) for one in views], axis=1)


def _whole(original: Photo, degraded: Photo) -> Pair:
    """Return both pictures small, on one scale, so that what was cut off is missing."""
    scale = WHOLE / max(*original.shape[:2], *degraded.shape[:2])
    return _small(original, scale), _small(degraded, scale)


def _small(picture: Picture, scale: float) -> Picture:
    if scale >= 1:
        return picture
    height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
    small: Picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return small if small.ndim == 3 else small[..., None]


def _detail(original: Photo, degraded: Photo) -> Pair:
    """Return the same part of both at 100 %: where they differ most, or the middle of each if their frames differ."""
    if original.shape != degraded.shape:
        return _middle(original), _middle(degraded)
    height, width = (min(DETAIL, side) for side in original.shape[:2])
    change = cv2.absdiff(original, degraded).sum(axis=2, dtype=np.float32)
    around = cv2.boxFilter(change, -1, (width, height), anchor=(0, 0), borderType=cv2.BORDER_REFLECT)
    inside = around[: original.shape[0] - height + 1, : original.shape[1] - width + 1]
    top, left = np.unravel_index(int(inside.argmax()), inside.shape)
    first, second = (picture[top : top + height, left : left + width] for picture in (original, degraded))
    return first, second


def _middle(picture: Photo) -> Photo:
    height, width = (min(DETAIL, side) for side in picture.shape[:2])
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return picture[top : top + height, left : left + width]


def _encoded(picture: Picture) -> bytes:
    code = cv2.COLOR_RGB2BGR if picture.shape[2] == 3 else cv2.COLOR_GRAY2BGR
    return bytes(cv2.imencode(".jpg", cv2.cvtColor(np.ascontiguousarray(picture), code), ENCODING)[1])
