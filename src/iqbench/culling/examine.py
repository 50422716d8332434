"""Examine photos: decode each once in a worker, measure it, prepare it for the model, and encode it on the device."""

import io
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from iqbench.culling.look import FRAME, look_of
from iqbench.culling.reading import Decoding, read
from iqbench.culling.sharpness import SubjectSharpness
from iqbench.culling.store import Examined, Store
from iqbench.inference import model_calls
from iqbench.inference.batching import Batcher, Encoded, each_on_host
from iqbench.inference.engine_config import EngineConfig
from iqbench.inference.failures import Failure
from iqbench.interfaces import Photo, PhotoFile, QualityModel
from iqbench.photos import PhotoError
from iqbench.preprocessing import scaled_down
from iqbench.progress import track

THUMBNAIL = 240
"""Longest side of a thumbnail in pixels."""

REDUCED = 4 * FRAME
"""Longest side of the picture from which look and thumbnail are made, in pixels."""

OUTERMOST = 0.01
"""Share of each side that a mirror image loses, so that no pixel of it lies where it lay."""

MIRRORED = 32
"""Photos whose mirror images are judged too, which measures the model's noise."""


class Prepared(NamedTuple):
    """A photo that was measured, and the pictures that the model is to encode: it, and perhaps its mirror image."""

    examined: Examined
    pictures: tuple[Shaped[Tensor, "..."], ...] = ()


@dataclass(frozen=True)
class Examination(Dataset[Prepared]):
    """The photos to examine, in workers.

    Args:
        files: The photos.
        model: The model that they are prepared for, None if its answers are known.
        decoding: How they are decoded.
        subject: What measures their sharpness.
        mirrored: The names of those whose mirror images are prepared too.
    """

    files: Sequence[PhotoFile]
    model: QualityModel | None
    decoding: Decoding
    subject: SubjectSharpness
    mirrored: frozenset[str]

    def __len__(self) -> int:
        return len(self.files)

    def substitute(self, index: int, code: str, error: str) -> Prepared:
        """Return the stand-in for a photo whose worker died or hung."""
        return Prepared(Examined(status=code, error=error))

    def __getitem__(self, index: int) -> Prepared:
        file = self.files[index]
        try:
            pixels, notes, taken = read(file, self.decoding)
        except PhotoError as error:
            return Prepared(Examined(status=error.code, error=str(error)))
        sharpness, small = self.subject.of(pixels), scaled_down(pixels, REDUCED)
        examined = Examined(
            notes="; ".join(notes),
            width=pixels.shape[1],
            height=pixels.shape[0],
            **taken._asdict(),
            sharpness=sharpness.frame,
            subject_sharpness=sharpness.subject,
            subject=sharpness.found_by,
            look=look_of(small).to_bytes(),
            thumbnail=_thumbnail(small),
        )
        if self.model is None:
            return Prepared(examined)
        views = [pixels, _mirror_image(pixels)] if file.name in self.mirrored else [pixels]
        try:
            return Prepared(examined, tuple(model_calls.prepare(self.model, view) for view in views))
        except BaseException as error:  # noqa: BLE001 - of other people's code
            failure = Failure.of("prepare_error", error)
            return Prepared(examined.failed(failure.status, failure.error))


def examine(examination: Examination, store: Store, engine: EngineConfig, description: str) -> dict[str, Examined]:
    """Examine the photos, and write each that has an answer into the store as soon as it has one.

    Returns:
        The photos without an answer, by name. They are tried again when the ranking is resumed.

    Args:
        examination: The photos, and what is done with them.
        store: The store.
        engine: The engine config.
        description: The text beside the progress bar.
    """
    files = examination.files
    failed: dict[str, Examined] = {}

    def finish(file: PhotoFile, examined: Examined) -> None:
        if examined.status == "ok":
            store.write(file, examined)
        else:
            failed[file.name] = examined

    pool = engine.worker_pool(len(files))
    if examination.model is None:
        with closing(pool.in_order(examination)) as prepared:
            for file, (examined, _) in zip(files, track(prepared, description, len(files)), strict=True):
                finish(file, examined)
        return failed
    batcher: Batcher[tuple[int, int]] = Batcher(examination.model, engine)
    waiting: dict[int, tuple[Examined, int, dict[int, Tensor | Failure]]] = {}

    def take(answers: Iterable[Encoded[tuple[int, int]]]) -> None:
        for (at, view), _, answer in each_on_host(answers):
            examined, wanted, answered = waiting[at]
            answered[view] = answer
            if len(answered) == wanted:
                finish(files[at], _with_answers(examined, answered))
                del waiting[at]

    with batcher, closing(pool.in_order(examination)) as prepared:
        for at, (examined, pictures) in enumerate(track(prepared, description, len(files))):
            if not pictures:
                finish(files[at], examined)
                continue
            waiting[at] = examined, len(pictures), {}
            for view, picture in enumerate(pictures):
                take(batcher.put((at, view), picture.unsqueeze(0)))
        take(batcher.flush())
    return failed


def mirrored_names(files: Sequence[PhotoFile]) -> frozenset[str]:
    """Return the names of the photos that measure the model's noise, spread over all."""
    return frozenset(file.name for file in files[:: max(1, -(-len(files) // MIRRORED))])


def _with_answers(examined: Examined, answers: dict[int, Tensor | Failure]) -> Examined:
    own = answers[0]
    if isinstance(own, Failure):
        return examined.failed(own.status, own.error)
    mirrored = answers.get(1)
    return replace(examined, encoding=own, mirrored=mirrored if isinstance(mirrored, Tensor) else None)


def _mirror_image(photo: Photo) -> Photo:
    """Return a photo that is as good as another one to anybody: mirrored, without its outermost pixels."""
    rows, columns = (max(1, round(side * OUTERMOST)) for side in photo.shape[:2])
    return np.ascontiguousarray(photo[rows:-rows, columns:-columns][:, ::-1])


def _thumbnail(photo: Photo) -> bytes:
    small = scaled_down(photo, THUMBNAIL)
    data = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(small)).save(data, "JPEG", quality=78)
    return data.getvalue()
