"""The pictures of a photo made where the network is: its variants, their views, their statistics.

Workers then only decode, which leaves the device little to wait for. The bytes are those that workers make, and a run
looks at a photo of its own before it relies on that. What has no form for tensors is made by workers, in the same run,
and so is a photo of which something cannot be made here.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Int64, Shaped, UInt8
from torch import Tensor

from iqbench.errors import one_line
from iqbench.exact.forms import TensorForm, tensor_form_of
from iqbench.inference.engine_config import EngineConfig
from iqbench.inference.failures import raise_if_fatal
from iqbench.inference.image_statistics import Sums, central, statistics_of
from iqbench.inference.shared_worker import preparation_of
from iqbench.inference.tensor_statistics import image_sums
from iqbench.inference.worker import InputChange, LeftOut, PhotoDataset, PreparedPhoto, Stack
from iqbench.interfaces import STANDARD_LIMITS, PacksInputs, PhotoFile, QualityModel, Variant

log = logging.getLogger(__name__)

PIXELS_TOGETHER = 16_000_000
"""Pixels of the pictures of one size that are prepared together, if they are more than one."""

PIXELS_OF_PHOTOS = {"cpu": 2_000_000, "cuda": 8_000_000}
"""Pixels of the photos whose pictures are made at a time on a kind of device, if they are more than one."""

BYTES_PER_PIXEL = 200
"""Memory of the device that is taken for each pixel of a photo while its pictures are made, at most."""

SHARE_OF_MEMORY = 0.5
"""Share of the device's memory that a photo may take; larger ones are left to the workers."""

PHOTOS_TRIED = 20
"""Photos that are tried, spread over all, until one can be read."""


@dataclass(frozen=True)
class TensorPictures:
    """Makes the pictures of photos for one model, on a device.

    Args:
        prepare: Prepares photos of one size for the model.
        device: The device.
        most_pixels: Pixels of the largest photo that is not left to the workers.
        excluded: The keys of variants that are left to the workers though they have a form for tensors.
    """

    prepare: Callable[[UInt8[Tensor, "n 3 height width"]], Shaped[Tensor, "n ..."]]
    device: torch.device
    most_pixels: int
    excluded: frozenset[str] = frozenset()

    @property
    def pixels_together(self) -> int:
        """Pixels of the photos whose pictures are made at a time: many, since each operation costs a GPU a start."""
        return min(self.most_pixels, PIXELS_OF_PHOTOS.get(self.device.type, PIXELS_OF_PHOTOS["cpu"]))

    def forms(self, variants: Sequence[Variant]) -> dict[int, TensorForm]:
        """Return the forms of the variants that are made here, by their positions in the suite."""
        return {
            position: form
            for position, variant in enumerate(variants, start=1)
            if not variant.needs_context
            and variant.key not in self.excluded
            and (form := tensor_form_of(variant.apply)) is not None
        }

    def left_out(self, variants: Sequence[Variant]) -> LeftOut:
        """Return the pictures that workers leave out: the original, too, if they make no variant."""
        made = frozenset(self.forms(variants))
        return LeftOut(made | {0} if len(made) == len(variants) else made, self.most_pixels)

    @torch.inference_mode()
    def completed(self, photos: Sequence[PreparedPhoto], variants: Sequence[Variant]) -> list[PreparedPhoto]:
        """Return photos with the pictures that their workers have left out. Those of one size are made together.

        Raises:
            Exception: If one of them cannot be made, for instance for want of memory.
        """
        sizes: dict[torch.Size, list[int]] = {}
        for number, photo in enumerate(photos):
            if photo.original is not None:
                sizes.setdefault(photo.original.shape, []).append(number)
        made = list(photos)
        for numbers in sizes.values():
            for number, photo in zip(numbers, self._of_one_size([photos[n] for n in numbers], variants), strict=True):
                made[number] = photo
        return made

    def _of_one_size(self, photos: Sequence[PreparedPhoto], variants: Sequence[Variant]) -> Iterator[PreparedPhoto]:
        decoded = torch.stack([photo.original for photo in photos if photo.original is not None])
        if self.device.type == "cuda":
            decoded = decoded.pin_memory()  # so that the copy is not waited for
        originals = decoded.to(self.device, non_blocking=True).movedim(-1, 1).contiguous()
        view = self.prepare(originals)
        with_original = 0 not in photos[0].statistics
        placed: list[tuple[int, int, int]] = []
        views: list[Tensor] = []
        crops: list[Tensor] = []
        changes: list[Tensor] = []
        for positions, pictures in self._batches(originals, variants, with_original):
            placed += [(position, pictures.shape[-2], pictures.shape[-1]) for position in positions]
            prepared = self.prepare(pictures)
            views.append(prepared.reshape(len(positions), len(photos), *prepared.shape[1:]))
            changes.append(_changes(views[-1], view))
            crops.append(pictures[(..., *central(*pictures.shape[-2:]))].clone())  # the rest may be forgotten
        sums = image_sums(crops).reshape(len(placed), len(photos), -1)
        numbers = torch.cat([sums, torch.cat(changes)], dim=2).movedim(1, 0).tolist()  # the only transfer
        together = torch.cat(views).movedim(1, 0)
        order = sorted(range(len(placed)), key=lambda at: placed[at][0])
        for photo, rows, pictures in zip(photos, numbers, together, strict=True):
            statistics, input_changes = dict(photo.statistics), dict(photo.input_changes)
            for (position, height, width), row in zip(placed, rows, strict=True):
                statistics[position] = statistics_of(height, width, Sums(*row[:-2]))
                input_changes[position] = InputChange(row[-2] / view[0].numel(), float(row[-1]))
            stack = Stack([placed[at][0] for at in order], pictures[order])
            yield replace(
                photo,
                record=replace(photo.record, statistics=statistics[0]),
                stacks=[*photo.stacks, stack],
                statistics=statistics,
                input_changes=input_changes,
                original=None,
            )

    def _batches(
        self, originals: UInt8[Tensor, "n 3 height width"], variants: Sequence[Variant], with_original: bool
    ) -> Iterator[tuple[list[int], UInt8[Tensor, "all 3 rows columns"]]]:
        """Yield the pictures of one size together: position by position, and at each the photos in their order."""
        waiting: dict[torch.Size, list[tuple[int, Tensor]]] = {}
        for position, pictures in self.pictures(originals, variants, with_original):
            group = waiting.setdefault(pictures.shape, [])
            group.append((position, pictures))
            if len(group) * pictures[:, 0].numel() >= PIXELS_TOGETHER:
                yield _together(waiting.pop(pictures.shape))
        yield from map(_together, waiting.values())

    def pictures(
        self, originals: UInt8[Tensor, "n 3 height width"], variants: Sequence[Variant], with_original: bool = False
    ) -> Iterator[tuple[int, UInt8[Tensor, "n 3 rows columns"]]]:
        """Yield the variants of photos of one size with their positions, those that have a form for tensors."""
        if with_original:
            yield 0, originals
        started: dict[Callable[..., Any], Any] = {}
        for position, form in self.forms(variants).items():
            if form.start is None:
                yield position, form.apply(originals)
                continue
            if form.start not in started:
                started = {form.start: form.start(originals)}  # the levels of a type come one after the other
            yield position, form.apply(started[form.start])


def _together(group: Sequence[tuple[int, Tensor]]) -> tuple[list[int], Tensor]:
    positions, pictures = zip(*group, strict=True)
    return list(positions), torch.cat(pictures)


def _changes(prepared: UInt8[Tensor, "positions n ..."], originals: UInt8[Tensor, "n ..."]) -> Int64[Tensor, "..."]:
    """Return the sum and the largest of the changes of each picture at the model's input."""
    changes = (prepared.to(torch.int32) - originals.to(torch.int32)).abs_().flatten(2)
    return torch.stack([changes.sum(dim=2, dtype=torch.int64), changes.amax(dim=2).to(torch.int64)], dim=2)


def tensor_pictures(
    model: QualityModel,
    variants: Sequence[Variant],
    engine: EngineConfig,
    files: Sequence[PhotoFile],
    source_files: Sequence[PhotoFile],
) -> TensorPictures | None:
    """Return what makes the pictures of a run beside its network, None if workers make them all.

    Args:
        model: The model, as `EngineConfig.place` returns it.
        variants: The variants of each photo.
        engine: The engine config.
        files: The photos, of which one is made in both ways.
        source_files: All photos of the source.
    """
    device = engine.torch_device
    if engine.pictures == "workers" or (engine.pictures == "auto" and device.type != "cuda"):
        return None
    prepare = None if isinstance(model, PacksInputs) else getattr(preparation_of(model), "on_tensors", None)
    if prepare is None:
        log.info("%s prepares photos on the CPU: workers make its pictures", type(model).__name__)
        return None
    made = TensorPictures(prepare, device, _most_pixels(device))
    dataset = PhotoDataset(files[:: -(-len(files) // PHOTOS_TRIED) or 1], variants, model, source_files)
    checked = _checked(made, dataset, engine) if made.forms(variants) else None
    count = 0 if checked is None else len(checked.forms(variants))
    log.info("%d of %d variants are made on %s, the others by workers", count, len(variants), device)
    return checked if count else None


def _most_pixels(device: torch.device) -> int:
    if device.type != "cuda":
        return STANDARD_LIMITS.max_pixels
    return int(torch.cuda.get_device_properties(device).total_memory * SHARE_OF_MEMORY) // BYTES_PER_PIXEL


def _checked(made: TensorPictures, dataset: PhotoDataset, engine: EngineConfig) -> TensorPictures | None:
    """Return what makes pictures without the variants that differ from what a worker makes of a photo.

    Returns None if the original differs, or if no photo can be made in both ways.
    """
    variants = dataset.variants
    for place, expected in enumerate(engine.worker_pool(2).in_order(dataset)):
        if expected.record.status != "ok":
            continue
        file = dataset.files[place]
        try:
            again = PhotoDataset([file], variants, dataset.model, dataset.source_files, made.left_out(variants))
            [decoded] = engine.worker_pool(2).in_order(again)
            if decoded.original is None:  # too large
                continue
            [found] = made.completed([decoded], variants)
        except Exception as error:  # noqa: BLE001 - of the device, or of other people's forms
            raise_if_fatal(error)
            log.warning("pictures cannot be made on %s (%s); workers make them", made.device, one_line(error))
            return None
        different = different_positions(expected, found)
        if 0 in different:
            log.warning(
                "%s: its input on %s is not that of a worker; workers make all pictures", file.name, made.device
            )
            return None
        if different:
            keys = frozenset(variants[position - 1].key for position in different)
            log.warning("workers make %s, which would have other bytes on %s", ", ".join(sorted(keys)), made.device)
            return replace(made, excluded=keys)
        return made
    return None


def different_positions(expected: PreparedPhoto, found: PreparedPhoto) -> list[int]:
    """Return the positions of pictures that are not equal to the last byte, or have other numbers."""
    pictures, others = _by_position(expected), _by_position(found)
    return [
        position
        for position, picture in pictures.items()
        if position not in others
        or not torch.equal(picture, others[position].cpu())
        or expected.statistics[position] != found.statistics[position]
        or expected.input_changes[position] != found.input_changes[position]
    ]


def _by_position(photo: PreparedPhoto) -> dict[int, Tensor]:
    return {
        position: picture
        for stack in photo.stacks
        for position, picture in zip(stack.positions, stack.pictures, strict=True)
    }
