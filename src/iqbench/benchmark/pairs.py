"""The scoring of pairs: photos in, margins out, the rows of one photo at a time.

Each photo is decoded once, each variant made once, each picture encoded once. Workers decode,
degrade and prepare (see `iqbench.inference.worker`); the parent process encodes in batches across photos
(see `iqbench.inference.batching`), compares, and passes rows to the store.
"""

import logging
import math
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from iqbench.benchmark.task import BenchmarkTask
from iqbench.errors import one_line
from iqbench.inference.batching import NONFINITE, NONFINITE_MARGIN, Batcher, compare_each
from iqbench.inference.failures import Failure, raise_if_fatal
from iqbench.inference.memory import empty_cache, is_out_of_memory
from iqbench.inference.tensor_pictures import PIXELS_OF_PHOTOS
from iqbench.inference.worker import UNKNOWN_CHANGE, PhotoRecord, PreparedPhoto
from iqbench.interfaces import QualityModel, is_scorer
from iqbench.results.schema import PairRow

log = logging.getLogger(__name__)

Pair = tuple[int, int]
"""The positions of a reference and a variant."""

WAITING_PHOTOS = 4
"""Photos that may wait for a batch to fill, besides those that fill the batches."""


class ScoredPhoto(NamedTuple):
    """A photo, the model's answers about its pairs, and its encodings by position, of those pictures that have one."""

    record: PhotoRecord
    pairs: list[PairRow]
    encodings: Mapping[int, Tensor] = {}


class Margins(NamedTuple):
    """A model's margins of a pair: with the reference first, and with the variant first."""

    forward: float
    backward: float

    @property
    def finite(self) -> bool:
        """True if neither is NaN or infinite."""
        return math.isfinite(self.forward) and math.isfinite(self.backward)


class PendingPhoto:
    """The progress of a prepared photo: its encodings and failures so far. It does not hold the pictures."""

    def __init__(self, prepared: PreparedPhoto) -> None:
        self.record = prepared.record
        self.input_changes, self.statistics = prepared.input_changes, prepared.statistics
        self.failures = dict(prepared.failures)
        self.encodings: dict[int, Tensor] = {}
        self._remaining = sum(len(stack.positions) for stack in prepared.stacks)

    @property
    def is_encoded(self) -> bool:
        """True if every picture has been encoded, or has failed."""
        return self._remaining == 0

    def receive(self, position: int, encoding: Tensor | Failure) -> None:
        """Take the encoding of a picture, or its failure."""
        self._remaining -= 1
        if isinstance(encoding, Failure):
            self.failures[position] = encoding
        else:
            self.encodings[position] = encoding

    def reject_nonfinite(self) -> None:
        """Replace encodings that hold NaN or infinity by failures."""
        if not self.encodings:
            return
        finite = torch.stack(list(self.encodings.values())).isfinite().all(dim=1).tolist()
        for position, is_finite in zip(list(self.encodings), finite, strict=True):
            if not is_finite:
                del self.encodings[position]
                self.failures[position] = NONFINITE

    def scores(self) -> dict[int, float]:
        """Return the scores of the encoded pictures, of a model whose encodings are scores, in one transfer."""
        if not self.encodings:
            return {}
        return dict(zip(self.encodings, torch.cat(list(self.encodings.values())).tolist(), strict=True))

    def failure_of(self, pair: Pair, answer: Margins | Failure | None) -> Failure | None:
        """Return the reason why a pair has no margins, if it has none: the photo's, a picture's, or the answer's."""
        if self.record.status != "ok":
            return Failure(self.record.status, self.record.error)
        for position in pair:
            if position in self.failures:
                return self.failures[position]
        if isinstance(answer, Failure):
            return answer
        return None if answer is not None and answer.finite else NONFINITE_MARGIN


def score_pairs(task: BenchmarkTask) -> Generator[ScoredPhoto]:
    """Yield each photo with the model's answers about its pairs, in the order of the photos.

    The pairs are the original against every variant, and every level against the next one of its
    ladder. A pair that fails has a row with its status and error. While the generator is not closed, the settings of
    `Batcher` hold.
    """
    return PairScorer(task).scored()


class PairScorer:
    """Scores the pairs of photos that come one by one, prepared. Use it within the context of its ``batcher``.

    Args:
        task: The model, the variants and the engine config.
    """

    def __init__(self, task: BenchmarkTask) -> None:
        self.batcher: Batcher[tuple[PendingPhoto, int]] = Batcher(task.model, task.engine)
        self._task = task
        self._incomplete: list[PreparedPhoto] = []
        self._waiting: deque[PendingPhoto] = deque()
        self._max_waiting = WAITING_PHOTOS + 2 * self.batcher.capacity // (len(task.variants) + 1)

    def scored(self) -> Generator[ScoredPhoto]:
        """Prepare the photos of the task in workers, and yield each when it is scored, in their order; to be closed."""
        task = self._task
        with self.batcher:
            for prepared in task.engine.worker_pool(len(task.files)).in_order(task.dataset(task.files)):
                yield from self.put(prepared)
            yield from self.finish()

    def put(self, prepared: PreparedPhoto) -> Iterator[ScoredPhoto]:
        """Add a photo, and yield those whose pictures are all encoded, in the order in which they came."""
        self._incomplete.append(prepared)
        if sum(photo.pixels_left for photo in self._incomplete) >= PIXELS_OF_PHOTOS or not prepared.pixels_left:
            yield from self._put_complete()

    def finish(self) -> Iterator[ScoredPhoto]:
        """Yield the photos that still wait."""
        yield from self._put_complete()
        _deliver(self.batcher.flush())
        while self._waiting:
            yield _scored(self._task, self._waiting.popleft())

    def _put_complete(self) -> Iterator[ScoredPhoto]:
        """Make the pictures that the workers have left out, and encode all of the photos that wait for that."""
        incomplete, self._incomplete = self._incomplete, []
        for prepared in self._completed(incomplete):
            pending = PendingPhoto(prepared)
            self._waiting.append(pending)
            for stack in prepared.stacks:
                for position, picture in zip(stack.positions, stack.pictures, strict=True):
                    _deliver(self.batcher.put((pending, position), picture))
            if len(self._waiting) > self._max_waiting:
                _deliver(self.batcher.flush())
            while self._waiting and self._waiting[0].is_encoded:
                yield _scored(self._task, self._waiting.popleft())

    def _completed(self, photos: Sequence[PreparedPhoto]) -> Sequence[PreparedPhoto]:
        """Return photos with the pictures that their workers have left out; workers make these, too, if that fails."""
        task = self._task
        names = [photo.record.name for photo in photos if photo.original is not None]
        if not names or task.tensor_pictures is None:
            return photos
        try:
            return task.tensor_pictures.completed(photos, task.variants)
        except Exception as error:  # noqa: BLE001 - for want of memory, or of other people's forms
            raise_if_fatal(error)
            reason, needs_memory = one_line(error), is_out_of_memory(error)
        if needs_memory:
            empty_cache(task.engine.torch_device)
        log.warning("workers make the pictures of %s (%s)", ", ".join(names), reason)
        again = task.engine.worker_pool(2).in_order(task.in_workers(names))
        made = {photo.record.name: photo for photo in again}
        return [made.get(photo.record.name, photo) for photo in photos]


def _deliver(encodings: Iterable[tuple[tuple[PendingPhoto, int], Tensor | Failure]]) -> None:
    for (pending, position), encoding in encodings:
        pending.receive(position, encoding)


def _scored(task: BenchmarkTask, pending: PendingPhoto) -> ScoredPhoto:
    pending.reject_nonfinite()
    pairs = task.planned_pairs
    answers = margins_of(task.model, pending.encodings, pairs)
    scores = pending.scores() if is_scorer(task.model) else {}
    rows = [_row(task, pending, pair, answers.get(pair), scores) for pair in pairs]
    return ScoredPhoto(pending.record, rows, pending.encodings)


def margins_of(
    model: QualityModel, encodings: Mapping[int, Tensor], pairs: Sequence[Pair]
) -> dict[Pair, Margins | Failure]:
    """Return the model's margins in both orders, or its failure, for each pair of encoded pictures."""
    encoded = [pair for pair in pairs if pair[0] in encodings and pair[1] in encodings]
    if not encoded:
        return {}
    references, variants = (torch.stack([encodings[pair[side]] for pair in encoded]) for side in (0, 1))
    answers: dict[Pair, Margins | Failure] = {}
    both_orders = compare_each(model.margin, references, variants), compare_each(model.margin, variants, references)
    for pair, forward, backward in zip(encoded, *both_orders, strict=True):
        if isinstance(forward, Failure):
            answers[pair] = forward
        elif isinstance(backward, Failure):
            answers[pair] = backward
        else:
            answers[pair] = Margins(forward, backward)
    return answers


def _row(
    task: BenchmarkTask,
    pending: PendingPhoto,
    pair: Pair,
    answer: Margins | Failure | None,
    scores: Mapping[int, float],
) -> PairRow:
    reference, variant = pair
    failure = pending.failure_of(pair, answer)
    margins = answer if failure is None and isinstance(answer, Margins) else None
    change = pending.input_changes.get(variant, UNKNOWN_CHANGE) if reference == 0 else UNKNOWN_CHANGE
    return PairRow(
        photo=pending.record.name,
        reference=task.key(reference),
        variant=task.key(variant),
        forward=margins.forward if margins else None,
        backward=margins.backward if margins else None,
        score_reference=scores.get(reference) if margins else None,
        score_variant=scores.get(variant) if margins else None,
        input_change=_none_if_nan(change.mean),
        input_change_max=_none_if_nan(change.largest),
        status=failure.status if failure else "ok",
        error=failure.error if failure else "",
        variant_statistics=pending.statistics.get(variant),
    )


def _none_if_nan(number: float) -> float | None:
    return None if math.isnan(number) else number
