"""A model with the encodings of all photos of a set, ready to compare and to score them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.special import expit

from iqbench.inference.batching import compare_each
from iqbench.inference.encoding import Encodings
from iqbench.inference.failures import Failure
from iqbench.interfaces import PhotoFile, QualityModel, is_scorer
from iqbench.progress import track
from iqbench.protocol import Protocol, combine_orders, orders_agree, verdict_signs

PAIRS_AT_ONCE = 4096
"""Pairs that are compared in one batch."""

Places = Int[np.ndarray, "n"]
Values = Float[np.ndarray, "n"]


class Comparison(NamedTuple):
    """The answers about some pairs of photos; a failure is numbered by its pair."""

    margins: Values
    """The margin of the first photo: 0 for a tie, NaN without an answer."""
    order_consistent: Values
    """1 where both orders name the same photo, else 0; NaN without an answer."""
    failures: dict[int, Failure]


@dataclass(frozen=True)
class EncodedModel:
    """A model, the encodings of the photos, and the protocol by which answers become margins.

    Args:
        model: The judge.
        encodings: The encodings of all photos that labels are about.
        device: The model's device.
        protocol: The rule of verdicts.
    """

    model: QualityModel
    encodings: Encodings
    device: torch.device
    protocol: Protocol

    @property
    def has_scores(self) -> bool:
        """True if the model scores photos; otherwise it only compares them."""
        return is_scorer(self.model)

    def places(self, files: Sequence[PhotoFile]) -> Places:
        """Return the rows of photos among the encodings."""
        place = {name: at for at, name in enumerate(self.encodings.photos["photo"])}
        return np.array([place[file.name] for file in files], dtype=int)

    def scores(self, places: Places) -> Values:
        """Return the scores of photos, NaN for a photo without an encoding and for a model without scores."""
        if not self.has_scores:
            return np.full(len(places), np.nan)
        scores = self.encodings.values[:, 0].double().numpy()
        return np.where(self.encodings.encoded[places], scores[places], np.nan)

    def compare(self, first: Places, second: Places) -> Comparison:
        """Return the answers about pairs of encoded photos, each asked in both orders."""
        forward, backward, failures = self._answers(first, second)
        margins = combine_orders(forward, backward, self.protocol)
        margins = np.where(verdict_signs(margins, self.protocol) == 0, 0.0, margins)
        return Comparison(margins, orders_agree(forward, backward, self.protocol), failures)

    def preferences(self, places: Places, anchors: Places) -> tuple[Values, dict[int, Failure]]:
        """Return the mean probability that each photo is better than an anchor other than itself, and the failures.

        A photo without another anchor has NaN. A failure is numbered by its photo.
        """
        means = np.full(len(places), np.nan)
        failures: dict[int, Failure] = {}
        step = max(1, PAIRS_AT_ONCE // max(1, len(anchors)))
        starts = range(0, len(places), step)
        for start in track(starts, f"against {len(anchors)} anchors", len(starts)):
            part = places[start : start + step]
            first, second = np.repeat(part, len(anchors)), np.tile(anchors, len(part))
            margins, _, failed = self.compare(first, second)
            counting = (first != second).reshape(len(part), -1)
            sums = np.where(counting, expit(margins).reshape(len(part), -1), 0.0).sum(axis=1)
            counts = counting.sum(axis=1)
            means[start : start + step] = np.divide(sums, counts, out=np.full(len(part), np.nan), where=counts > 0)
            for pair, failure in failed.items():
                if first[pair] != second[pair]:
                    failures.setdefault(start + pair // len(anchors), failure)
        return means, failures

    @torch.inference_mode()
    def _answers(self, first: Places, second: Places) -> tuple[Values, Values, dict[int, Failure]]:
        """Return the model's margins of the first photos in both orders, NaN and a failure where it gives none."""
        forward, backward = np.empty(len(first)), np.empty(len(first))
        failures: dict[int, Failure] = {}
        values = self.encodings.values
        for start in range(0, len(first), PAIRS_AT_ONCE):
            part = slice(start, start + PAIRS_AT_ONCE)
            a, b = (values[torch.as_tensor(side[part])].to(self.device) for side in (first, second))
            for margins, pair in ((forward, (a, b)), (backward, (b, a))):
                for place, answer in enumerate(compare_each(self.model.margin, *pair), start=start):
                    margins[place] = np.nan if isinstance(answer, tuple) else answer
                    if isinstance(answer, tuple):
                        failures.setdefault(place, answer)
        return forward, backward, failures
