"""What the tests of a summary say about the order of its models, for the headline of a report."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from iqbench.benchmark.comparisons import FEWEST_CLUSTERS
from iqbench.reporting.model_faults import Fault, fault_of
from iqbench.results.model_summary import ModelSummary
from iqbench.results.summary import CorrectedDifference, ModelDifference, Summary


@dataclass(frozen=True)
class Contest:
    """The models of a summary: their faults, and which are shown to be better than which.

    Who is better comes from the corrected tests of the summary, by the score that ranks the models, and never from
    the order of the scores. A model whose number does not count takes no part.
    """

    summary: Summary

    @cached_property
    def faults(self) -> dict[str, Fault]:
        """The heaviest fault of each model that has one."""
        found = {ranked.model: fault_of(self.model(ranked.model)) for ranked in self.summary.ranking}
        return {name: fault for name, fault in found.items() if fault is not None}

    @cached_property
    def counted(self) -> list[str]:
        """The models whose numbers count, in the order of the ranking."""
        names = [ranked.model for ranked in self.summary.ranking]
        return [name for name in names if name not in self.faults or self.faults[name].counts]

    @cached_property
    def leaders(self) -> list[str]:
        """The models that no other one is shown to be better than."""
        return [name for name in self.counted if not any(self.beats(other, name) for other in self.counted)]

    @cached_property
    def sound_leaders(self) -> list[str]:
        """The leaders without a fault; none where nothing can be shown."""
        if self.too_few or self.different_photos:
            return []
        return [name for name in self.leaders if name not in self.faults]

    @property
    def too_few(self) -> bool:
        """True if there are too few photos to show anything."""
        return self.summary.clusters.clusters < FEWEST_CLUSTERS

    @property
    def different_photos(self) -> bool:
        """True if several models have an accuracy, and none has a place."""
        return len(self.counted) > 1 and all(ranked.place is None for ranked in self.summary.ranking)

    def model(self, name: str) -> ModelSummary:
        """Return a model's summary."""
        return self.summary.models[name]

    def beats(self, better: str, worse: str) -> bool:
        """Return whether a model is shown to be better than another, by the score that ranks them."""
        return (better, worse) in self._shown

    def beats_in_accuracy(self, better: str, worse: str) -> bool:
        """Return whether a model is shown to be more accurate, without the correction for baselines."""
        return (better, worse) in _shown(self.summary.pairwise)

    def as_good_as_equal(self, names: Sequence[str]) -> bool:
        """Return whether all of some models are shown to be within the protocol's margin of each other."""
        close = {frozenset((pair.a, pair.b)) for pair in self.summary.pairwise if pair.within_margin}
        return all(frozenset((a, b)) in close for a in names for b in names if a != b)

    @cached_property
    def _shown(self) -> set[tuple[str, str]]:
        corrected = self.summary.ranked_by == "corrected score"
        return _shown(self.summary.corrected_pairwise if corrected else self.summary.pairwise)


def _shown(pairs: Sequence[ModelDifference] | Sequence[CorrectedDifference]) -> set[tuple[str, str]]:
    """Return the pairs of models of which the first is shown to be better."""
    return {(pair.better, pair.b if pair.better == pair.a else pair.a) for pair in pairs if pair.better is not None}
