"""The resolution test: the same pairs of a photo and its degraded copy at several sizes, and the photo against itself.

The damage is made in full size, as a camera or an editor makes it. Then photo and copy are scaled down by one factor,
as for a screen, and the model is asked at each size.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd

from iqbench.benchmark.pairs import ScoredPhoto, score_pairs
from iqbench.benchmark.task import BenchmarkTask
from iqbench.datasets.clusters import clusters
from iqbench.interfaces import ClusterChoice, NotApplicable, Photo, PhotoContext, Variant
from iqbench.preprocessing import scaled_down
from iqbench.progress import track
from iqbench.protocol import Protocol, decide
from iqbench.results.resolution_summary import FULL

SMALLER = "smaller"
"""The type of the rows in which a photo is compared with itself at a smaller size."""


class Question(NamedTuple):
    """A pair of pictures as positions, the damage between them, and their size."""

    pair: tuple[int, int]
    type: str
    level: str
    size: str


@dataclass
class LastCopy:
    """The last copy that was made of a photo, so that it is made once for all sizes. A worker starts without one."""

    made: tuple[Photo, str, Photo] | None = field(default=None, repr=False)

    def of(self, variant: Variant, photo: Photo, context: PhotoContext | None) -> Photo:
        """Return a variant of a photo, made anew if the last copy was another."""
        if self.made is None or self.made[0] is not photo or self.made[1] != variant.key:
            self.made = photo, variant.key, variant.picture(photo, context)
        return self.made[2]

    def __getstate__(self) -> dict[str, None]:
        return {"made": None}


@dataclass(frozen=True)
class AtSize:
    """A function that makes a variant and scales it as the photo is scaled to a longest side.

    Args:
        variant: The variant; None for the photo itself.
        longest_side: Longest side of the scaled photo in pixels; None for its full size.
        last: The last copy.
    """

    variant: Variant | None
    longest_side: int | None
    last: LastCopy

    def __call__(self, photo: Photo, context: PhotoContext | None) -> Photo:
        """Return the picture.

        Raises:
            NotApplicable: If the photo is not larger, or the variant cannot be made of it.
        """
        if self.longest_side is not None and max(photo.shape[:2]) <= self.longest_side:
            raise NotApplicable(f"the photo is not larger than {self.longest_side} px")
        picture = photo if self.variant is None else self.last.of(self.variant, photo, context)
        if self.longest_side is None:
            return picture
        scale = self.longest_side / max(photo.shape[:2])
        return scaled_down(picture, max(1, round(scale * max(picture.shape[:2]))))


@dataclass(frozen=True)
class ResolutionTask(BenchmarkTask):
    """A benchmark whose pairs are the questions of the resolution test."""

    questions: Sequence[Question] = ()

    @property
    def planned_pairs(self) -> list[tuple[int, int]]:
        """The pairs to compare, as positions of reference and variant."""
        return [question.pair for question in self.questions]


def resolution_suite(variants: Sequence[Variant], sizes: Sequence[int]) -> tuple[list[Variant], list[Question]]:
    """Return the pictures of each photo, as variants, and the questions about them.

    Args:
        variants: The damage.
        sizes: Longest sides in pixels, below the full size.
    """
    last = LastCopy()
    pictures = [
        Variant(SMALLER, "technical", SMALLER, str(size), 1, AtSize(None, size, last), needs_context=True)
        for size in sizes
    ]
    originals = {FULL: 0} | {str(size): at for at, size in enumerate(sizes, start=1)}
    questions = [Question((0, at), SMALLER, size, size) for size, at in originals.items() if at]
    for variant in variants:
        for size in (None, *sizes):
            name = FULL if size is None else str(size)
            make = AtSize(variant, size, last)
            level = f"{variant.level}@{name}"
            pictures.append(Variant(variant.type, variant.group, variant.ladder, level, 1, make, needs_context=True))
            questions.append(Question((originals[name], len(pictures)), variant.type, variant.level, name))
    return pictures, questions


def resolution_rows(task: ResolutionTask, protocol: Protocol, cluster: ClusterChoice, description: str) -> pd.DataFrame:
    """Ask all questions about all photos, and return a row for each.

    Args:
        task: The work.
        protocol: The rule of verdicts.
        cluster: What makes photos one cluster.
        description: The text beside the progress bar.

    Returns:
        The columns photo, cluster, type, level, size, status, error, score_reference and score_variant (NaN for a
        model without scores), forward, backward, and those of `iqbench.protocol.decide`.
    """
    photos: list[dict[str, object]] = []
    rows: list[dict[str, object]] = []
    for photo in track(score_pairs(task), description, len(task.files)):
        record = photo.record
        photos.append({"name": record.name, "sha256": record.sha256 or record.name, "look": record.look})
        rows += _rows(task.questions, photo)
    series = {file.name: file.series for file in task.files}
    listed = pd.DataFrame(photos)
    of_photo = clusters(listed.assign(series=listed["name"].map(series)), cluster)
    table = pd.DataFrame(rows)
    numbers = ["forward", "backward", "score_reference", "score_variant"]
    table[numbers] = table[numbers].astype(np.float64)
    table.insert(1, "cluster", table["photo"].map(dict(zip(listed["name"], of_photo, strict=True))))
    answers = table[numbers].set_axis(["forward", "backward", "score_original", "score_degraded"], axis=1)
    return pd.concat([table, decide(answers, protocol)], axis=1)


def _rows(questions: Sequence[Question], photo: ScoredPhoto) -> Iterator[dict[str, object]]:
    for question, pair in zip(questions, photo.pairs, strict=True):
        yield {
            "photo": photo.record.name,
            "type": question.type,
            "level": question.level,
            "size": question.size,
            "status": pair.status,
            "error": pair.error,
            "score_reference": pair.score_reference,
            "score_variant": pair.score_variant,
            "forward": pair.forward,
            "backward": pair.backward,
        }
