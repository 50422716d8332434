"""The encodings of a photo's pictures, and a model's margins of pairs of them, in both orders."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from iqbench.inference.batching import compare, on_host
from iqbench.inference.failures import Failure
from iqbench.interfaces import QualityModel

Pair = tuple[int, int]
"""The positions of a reference and a variant."""


@dataclass(frozen=True)
class PhotoEncodings:
    """The encodings of those pictures of a photo that have one.

    Args:
        rows: The row of each picture by its position.
        values: The encodings.
    """

    rows: Mapping[int, int]
    values: Float[Tensor, "n d"]

    def among(self, pairs: Iterable[Pair]) -> list[Pair]:
        """Return the pairs of which both pictures have an encoding."""
        return [pair for pair in pairs if pair[0] in self.rows and pair[1] in self.rows]

    def of(self, positions: Iterable[int]) -> Float[Tensor, "n d"]:
        """Return the encodings of pictures."""
        rows = torch.from_numpy(np.array([self.rows[position] for position in positions], np.int64))
        return self.values.index_select(0, rows.to(self.values.device, non_blocking=True))

    def with_original_of(self, other: Self) -> Self:
        """Return the encodings of the copies with that of another photo's original."""
        rows = {position: row for position, row in self.rows.items() if position}
        if 0 not in other.rows:
            return replace(self, rows=rows)
        return replace(self, rows=rows | {0: len(self.values)}, values=torch.cat([self.values, other.of([0])]))


NO_ENCODINGS = PhotoEncodings({}, torch.zeros(0, 1))


class Margins(NamedTuple):
    """A model's margins of a pair: with the reference first, and with the variant first."""

    forward: float
    backward: float

    @property
    def finite(self) -> bool:
        """True if neither is NaN or infinite."""
        return math.isfinite(self.forward) and math.isfinite(self.backward)


def margins_of(model: QualityModel, encodings: PhotoEncodings, pairs: Sequence[Pair]) -> dict[Pair, Margins | Failure]:
    """Return the model's margins in both orders, or its failure, for each pair of encoded pictures."""
    [answers] = margins_of_each(model, [encodings], pairs)
    return answers


def margins_of_each(
    model: QualityModel, photos: Sequence[PhotoEncodings], pairs: Sequence[Pair]
) -> list[dict[Pair, Margins | Failure]]:
    """Return the answers of `margins_of` about the same pairs of several photos, each photo compared by itself."""
    encoded = [photo.among(pairs) for photo in photos]
    both_orders = []
    for photo, own in zip(photos, encoded, strict=True):
        references, variants = (photo.of(pair[side] for pair in own) for side in (0, 1))
        for sides in ((references, variants), (variants, references)):
            both_orders.append(compare(model.margin, *sides) if own else [])
    answers = on_host(both_orders)
    return [
        {pair: _in_both_orders(*answer) for pair, *answer in zip(own, forward, backward, strict=True)}
        for own, forward, backward in zip(encoded, answers[::2], answers[1::2], strict=True)
    ]


def _in_both_orders(forward: float | Failure, backward: float | Failure) -> Margins | Failure:
    if isinstance(forward, Failure):
        return forward
    return backward if isinstance(backward, Failure) else Margins(forward, backward)
