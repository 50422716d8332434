"""The scoring of pairs: photos in, margins out, the rows of one photo at a time.

Each photo is decoded once, each variant made once, each picture encoded once. Workers decode,
degrade and prepare (see `iqbench.inference.worker`); the parent process encodes in batches across photos
(see `iqbench.inference.batching`), compares, and passes rows to the store.
"""

import logging
import math
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import torch
from torch import Tensor

from iqbench.benchmark.pair_margins import NO_ENCODINGS, Margins, Pair, PhotoEncodings, margins_of_each
from iqbench.benchmark.task import BenchmarkTask
from iqbench.errors import one_line
from iqbench.inference.batching import NONFINITE, NONFINITE_MARGIN, Batcher, Encoded
from iqbench.inference.failures import Failure, raise_if_fatal
from iqbench.inference.memory import empty_cache, is_out_of_memory
from iqbench.inference.worker import UNKNOWN_CHANGE, PhotoRecord, PreparedPhoto
from iqbench.interfaces import is_scorer
from iqbench.results.schema import PairRow

log = logging.getLogger(__name__)

MAX_FAILED_GROUPS = 3
"""Groups of photos in a row whose pictures could not be made beside the network, after which it is not tried again."""

WAITING_PHOTOS = 4
"""Photos that may wait for a batch to fill, besides those that fill the batches."""


class ScoredPhoto(NamedTuple):
    """A photo, the model's answers about its pairs, and its encodings."""

    record: PhotoRecord
    pairs: list[PairRow]
    encodings: PhotoEncodings = NO_ENCODINGS


class PendingPhoto:
    """The progress of a prepared photo: its encodings and failures so far. It does not hold the pictures."""

    def __init__(self, prepared: PreparedPhoto) -> None:
        self.record = prepared.record
        self.input_changes, self.statistics = prepared.input_changes, prepared.statistics
        self.failures = dict(prepared.failures)
        self._remaining = sum(len(stack.positions) for stack in prepared.stacks)
        self._positions: list[int] = []
        self._encodings: list[Tensor] = []

    @property
    def is_encoded(self) -> bool:
        """True if every picture has been encoded, or has failed."""
        return self._remaining == 0

    def receive(self, positions: Sequence[int], answer: Tensor | Failure) -> None:
        """Take the encodings of pictures, or the failure of the first of them."""
        if isinstance(answer, Failure):
            self._remaining -= 1
            self.failures[positions[0]] = answer
        else:
            self._remaining -= len(answer)
            self._positions += positions[: len(answer)]
            self._encodings.append(answer)

    def encodings(self) -> PhotoEncodings:
        """Return the encodings, finite or not."""
        if not self._encodings:
            return NO_ENCODINGS
        return PhotoEncodings(
            {position: row for row, position in enumerate(self._positions)}, torch.cat(self._encodings)
        )

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
        self.batcher: Batcher[tuple[PendingPhoto, Sequence[int]]] = Batcher(task.model, task.engine)
        self._task = task
        self._incomplete: list[PreparedPhoto] = []
        self._failed_groups = 0
        self._pixels_together = task.tensor_pictures.pixels_together if task.tensor_pictures else 0
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
        if sum(photo.pixels_left for photo in self._incomplete) >= self._pixels_together or not prepared.pixels_left:
            yield from self._put_complete()

    def finish(self) -> Iterator[ScoredPhoto]:
        """Yield the photos that still wait."""
        yield from self._put_complete()
        _deliver(self.batcher.flush())
        yield from self._take_encoded()

    def _take_encoded(self) -> Iterator[ScoredPhoto]:
        """Yield the photos at the head of those that wait whose pictures are all encoded."""
        encoded = []
        while self._waiting and self._waiting[0].is_encoded:
            encoded.append(self._waiting.popleft())
        yield from _scored(self._task, encoded)

    def _put_complete(self) -> Iterator[ScoredPhoto]:
        """Make the pictures that the workers have left out, and encode all of the photos that wait for that."""
        incomplete, self._incomplete = self._incomplete, []
        for prepared in self._completed(incomplete):
            pending = PendingPhoto(prepared)
            self._waiting.append(pending)
            for stack in prepared.stacks:
                _deliver(self.batcher.put((pending, stack.positions), stack.pictures))
            if len(self._waiting) > self._max_waiting:
                _deliver(self.batcher.flush())
            yield from self._take_encoded()

    def _completed(self, photos: Sequence[PreparedPhoto]) -> Sequence[PreparedPhoto]:
        """Return photos with the pictures that their workers have left out; workers make these, too, if that fails."""
        task = self._task
        names = [photo.record.name for photo in photos if photo.original is not None]
        if not names or task.tensor_pictures is None:
            return photos
        if self._failed_groups < MAX_FAILED_GROUPS:
            try:
                completed = task.tensor_pictures.completed(photos, task.variants)
                self._failed_groups = 0
                return completed
            except Exception as error:  # noqa: BLE001 - for want of memory, or of other people's forms
                raise_if_fatal(error)
                reason, needs_memory = one_line(error), is_out_of_memory(error)
            self._failed_groups += 1
            if needs_memory:
                empty_cache(task.engine.torch_device)
            others = " and of all others" if self._failed_groups == MAX_FAILED_GROUPS else ""
            log.warning("workers make the pictures of %s%s (%s)", ", ".join(names), others, reason)
        again = task.engine.worker_pool(2).in_order(task.in_workers(names))
        made = {photo.record.name: photo for photo in again}
        return [made.get(photo.record.name, photo) for photo in photos]


def _deliver(answers: Iterable[Encoded[tuple[PendingPhoto, Sequence[int]]]]) -> None:
    for (pending, positions), start, encodings in answers:
        pending.receive(positions[start:], encodings)


def _scored(task: BenchmarkTask, photos: Sequence[PendingPhoto]) -> Iterator[ScoredPhoto]:
    """Yield photos with their pairs. Numbers of all photos leave the device together: each transfer waits for it."""
    if not photos:
        return
    encodings, scores = _finite([photo.encodings() for photo in photos], photos, is_scorer(task.model))
    pairs, keys = task.planned_pairs, [task.key(position) for position in range(len(task.variants) + 1)]
    answers = margins_of_each(task.model, encodings, pairs)
    for photo, encoded, own, answered in zip(photos, encodings, scores, answers, strict=True):
        rows = [_row(keys, photo, pair, answered.get(pair), own) for pair in pairs]
        yield ScoredPhoto(photo.record, rows, encoded)


def _finite(
    encodings: Sequence[PhotoEncodings], photos: Sequence[PendingPhoto], are_scores: bool
) -> tuple[list[PhotoEncodings], list[dict[int, float]]]:
    """Return the encodings without those that hold NaN or infinity, which are failures, and the scores if they are."""
    values = [each.values for each in encodings if each.rows]
    if not values:
        return list(encodings), [{} for _ in photos]
    together = torch.cat(values)
    is_finite = together.isfinite().all(dim=1)
    firsts = together[:, 0] if are_scores else is_finite
    numbers = iter(torch.stack([is_finite.to(firsts.dtype), firsts], dim=1).tolist())
    finite, scores = [], []
    for each, photo in zip(encodings, photos, strict=True):
        found = dict(zip(each.rows, islice(numbers, len(each.rows)), strict=True))
        for position, (is_one, _) in found.items():
            if not is_one:
                photo.failures[position] = NONFINITE
        rows = {position: row for position, row in each.rows.items() if found[position][0]}
        finite.append(PhotoEncodings(rows, each.values))
        scores.append({position: found[position][1] for position in rows} if are_scores else {})
    return finite, scores


def _row(
    keys: Sequence[str],
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
        reference=keys[reference],
        variant=keys[variant],
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
