"""Select blind spots: the degradation types and levels that a model, or every model, is not shown to see."""

from collections.abc import Sequence
from dataclasses import dataclass

from iqbench.reporting.damage_words import damage_in_words
from iqbench.reporting.degradation_types import type_in_words
from iqbench.results.model_summary import ModelSummary
from iqbench.results.summary import Summary
from iqbench.statistics.estimate import AccuracyAgainstChance, Estimate

CHANCE = 0.5

NO_BLIND_SPOT = (
    "None: on each type at least one model is shown to be above 50 %, and on each level at least one model's interval "
    "lies above it."
)


@dataclass(frozen=True)
class Condition:
    """A degradation type, or one level of one of its ladders, with a model's accuracy on it."""

    name: str
    degradation_type: str
    is_type: bool
    accuracy: AccuracyAgainstChance
    ladder: str = ""
    level: str = ""


@dataclass(frozen=True)
class BlindSpot:
    """A condition that no model is shown to see, with the most accurate model on it."""

    condition: Condition
    best_model: str


def lies_above(estimate: Estimate, bar: float) -> bool:
    """Return whether an interval lies above a bar; False where there is no interval."""
    return estimate.interval is not None and estimate.interval[0] > bar


def lies_below(estimate: Estimate, bar: float) -> bool:
    """Return whether an interval lies below a bar; False where there is no interval."""
    return estimate.interval is not None and estimate.interval[1] < bar


def prefers_damage(condition: Condition) -> bool:
    """Return whether a model is shown to prefer the degraded photo, after correction for all conditions."""
    return condition.accuracy.verdict == "below chance"


def is_seen(condition: Condition) -> bool:
    """Return whether a model is shown to see a condition.

    A type is seen where its accuracy is above 50 % after correction for all types of all models; a level, which counts
    only where its type is seen, where its own interval lies above 50 %.
    """
    if condition.is_type:
        return condition.accuracy.verdict == "above chance"
    return lies_above(condition.accuracy, CHANCE)


def conditions(model: ModelSummary) -> list[Condition]:
    """Return the degradation types, then the levels of all ladders, that a model has an accuracy on."""
    types = [Condition(f"all of {kind}", kind, True, cell) for kind, cell in model.by_degradation.items()]
    levels = [
        Condition(
            f"{ladder} severity {step.severity} ({step.level})", step.degradation_type, False, step, ladder, step.level
        )
        for ladder, steps in model.severity.items()
        for step in steps
    ]
    return [condition for condition in types + levels if condition.accuracy.value is not None]


def without_nested(chosen: Sequence[Condition]) -> list[Condition]:
    """Return the conditions without the levels of a type that is itself among them."""
    types = {condition.degradation_type for condition in chosen if condition.is_type}
    return [condition for condition in chosen if condition.is_type or condition.degradation_type not in types]


def blind_spots(summary: Summary) -> list[BlindSpot]:
    """Return the conditions that no model is shown to see, each with the best model on it."""
    by_name: dict[str, dict[str, Condition]] = {}
    for model_name, model in summary.models.items():
        for condition in conditions(model):
            by_name.setdefault(condition.name, {})[model_name] = condition
    best = {name: max(models, key=lambda model: _accuracy(models[model])) for name, models in by_name.items()}
    unseen = [
        models[best[name]]
        for name, models in by_name.items()
        if not any(is_seen(condition) for condition in models.values())
    ]
    return [BlindSpot(condition, best[condition.name]) for condition in without_nested(unseen)]


def spot_in_words(spot: BlindSpot, summary: Summary) -> str:
    """Return the type or the level of a blind spot as a photographer would say it."""
    condition = spot.condition
    if condition.is_type:
        return f"all of {type_in_words(condition.degradation_type)}"
    threshold = summary.models[spot.best_model].thresholds.get(condition.ladder)
    return damage_in_words(condition.ladder, condition.level, None if threshold is None else threshold.unit)


def _accuracy(condition: Condition) -> float:
    return condition.accuracy.value or 0.0
