"""The ranking of models: their order, and the places that the comparisons leave to each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from iqbench.results.summary import CorrectedDifference, ModelDifference, RankedBy, RankedModel


@dataclass(frozen=True)
class Standings:
    """The results that models are ranked by.

    Args:
        accuracies: The accuracy of each model over all pairs.
        scores: The corrected score of each model.
        pairwise: The difference in accuracy of every two models.
        corrected_pairwise: Their difference in the corrected score.
        same_pairs: Whether all models were asked about the same pairs; otherwise none has a place.
    """

    accuracies: Mapping[str, float | None]
    scores: Mapping[str, float | None]
    pairwise: Sequence[ModelDifference]
    corrected_pairwise: Sequence[CorrectedDifference]
    same_pairs: bool = True

    @property
    def ranked_by(self) -> RankedBy:
        """The score that orders the models: the corrected one where every model with an accuracy has one."""
        judged = [name for name, accuracy in self.accuracies.items() if accuracy is not None]
        all_scored = all(self.scores[name] is not None for name in judged)
        return "corrected score" if judged and all_scored else "accuracy"

    def ranking(self) -> list[RankedModel]:
        """Return the models, the best first, each with its first and last possible places.

        Models that cannot be told apart share a place. Two of them may share it with a third, but not with each other.

        Example:
            >>> numbers = {"verdict": "", "value": 0.1}
            >>> close = ModelDifference(a="a", b="b", better=None, **numbers)
            >>> clear = ModelDifference(a="b", b="c", better="b", **numbers)
            >>> standings = Standings({"a": 0.9, "b": 0.8, "c": 0.6}, dict.fromkeys("abc"), [close, clear], [])
            >>> [(model.model, model.place, model.last_place) for model in standings.ranking()]
            [('a', 1, 3), ('b', 1, 2), ('c', 2, 3)]
        """
        corrected = self.ranked_by == "corrected score"
        places = _places(self.accuracies, self.pairwise if self.same_pairs else None)
        corrected_places = _places(self.scores, self.corrected_pairwise if corrected and self.same_pairs else None)
        return [
            RankedModel(
                model=name,
                place=places[name][0],
                last_place=places[name][1],
                corrected_place=corrected_places[name][0],
                corrected_last_place=corrected_places[name][1],
            )
            for name in sorted(self.accuracies, key=self._order)
        ]

    def _order(self, name: str) -> tuple[float, float]:
        accuracy = self.accuracies[name] or 0.0
        score = self.scores[name]
        main = accuracy if self.ranked_by == "accuracy" or score is None else score
        return (1.0 if self.accuracies[name] is None else -main, -accuracy)


def _places(
    scores: Mapping[str, float | None], pairwise: Sequence[ModelDifference | CorrectedDifference] | None
) -> dict[str, tuple[int, int] | tuple[None, None]]:
    """Return the first and last place of each model that has a score; none without comparisons."""
    ranked = [] if pairwise is None else [name for name, score in scores.items() if score is not None]
    better, worse = dict.fromkeys(scores, 0), dict.fromkeys(scores, 0)
    for pair in pairwise or []:
        if pair.better is not None:
            better[pair.b if pair.better == pair.a else pair.a] += 1
            worse[pair.better] += 1
    return {name: (1 + better[name], len(ranked) - worse[name]) if name in ranked else (None, None) for name in scores}
