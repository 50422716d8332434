"""The levels of damage that models are weakest at, as far as the statistics show that they have a weakness."""

from collections.abc import Sequence

from iqbench.reporting.blind_spots import CHANCE, lies_above
from iqbench.reporting.damage_words import damage_in_words
from iqbench.reporting.degradation_types import type_in_words
from iqbench.reporting.text_format import and_list, percent
from iqbench.results.model_summary import ModelSummary, SeverityStep

MAX_SPOTS = 2
"""Weak spots in one sentence."""

Level = tuple[str, str]
"""A ladder, and the name of one of its levels."""


def weakness(models: Sequence[ModelSummary]) -> str:
    """Return a sentence about what all of some models are weakest at, "" where no weakness of theirs is shown.

    A model has a weakness where one degradation type is shown to be harder for it than another, or where it is shown
    to prefer a damage. Its weak spots are then the levels that it is not shown to see, and on which it is less
    accurate than on all pairs; without any, the level of its weakest type with the lowest accuracy.
    """
    if not models or not all(_has_weakness(model) for model in models):
        return ""
    spots = [weak_levels(model) for model in models]
    shared = [level for level in spots[0] if all(level in others for others in spots[1:])]
    shared.sort(key=lambda level: sum(_accuracy(of_model[level]) for of_model in spots))
    if shared:
        return f"Weakest: {and_list([_in_words(models[0], level) for level in shared[:MAX_SPOTS]])}."
    contrasts = [model.type_contrast for model in models]
    weakest = {contrast.weakest for contrast in contrasts if contrast is not None and contrast.shown}
    if len(weakest) != 1 or len(models) != len([contrast for contrast in contrasts if contrast and contrast.shown]):
        return ""
    (kind,) = weakest
    return f"Weakest: {_lowest_of(models, kind)}."


def _has_weakness(model: ModelSummary) -> bool:
    shown = model.type_contrast is not None and model.type_contrast.shown
    return shown or any(step.verdict == "below chance" for steps in model.severity.values() for step in steps)


def weak_levels(model: ModelSummary) -> dict[Level, SeverityStep]:
    """Return the levels that a model is not shown to see and is less accurate on, the lowest accuracy first."""
    overall = model.overall.value
    weak = {
        (ladder, step.level): step
        for ladder, steps in model.severity.items()
        for step in steps
        if step.interval is not None and not lies_above(step, CHANCE) and step.interval[1] < (overall or 0.0)
    }
    return dict(sorted(weak.items(), key=lambda item: _accuracy(item[1])))


def _lowest_of(models: Sequence[ModelSummary], kind: str) -> str:
    """Return the level of a type on which models are the least accurate, or the type where they share no level."""
    steps = [
        {
            (ladder, step.level): _accuracy(step)
            for ladder, of_ladder in model.severity.items()
            for step in of_ladder
            if step.degradation_type == kind and step.value is not None
        }
        for model in models
    ]
    shared = [level for level in steps[0] if all(level in others for others in steps[1:])]
    if not shared:
        return type_in_words(kind)
    lowest = min(shared, key=lambda level: sum(of_model[level] for of_model in steps))
    mean = sum(of_model[lowest] for of_model in steps) / len(steps)
    return f"{_in_words(models[0], lowest)}, with {percent(mean)} % right"


def _in_words(model: ModelSummary, level: Level) -> str:
    threshold = model.thresholds.get(level[0])
    return damage_in_words(*level, unit=None if threshold is None else threshold.unit)


def _accuracy(step: SeverityStep) -> float:
    return step.value or 0.0
