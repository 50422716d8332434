"""The effects of damage beyond its controls, in words."""

from iqbench.reporting.damage_words import damage_in_words
from iqbench.reporting.degradation_types import type_in_words
from iqbench.reporting.text_format import bracketed_interval, one_line, p_text, percent, points
from iqbench.results.semantic_summary import SemanticEffect
from iqbench.results.summary import Summary

EFFECT = (
    "The effect of a damage beyond its control: the share of photos preferred to the damaged copy, minus the share "
    "preferred to the control, on the same photos. A control has the traces of the editing without the loss: a hole of "
    "the same shape that is filled the same way in the background, or the subject cut out and pasted back."
)

CONTROLS = {"hole": "a filled hole in the background", "pasted": "the subject pasted back"}


def effect_name(effect: SemanticEffect) -> str:
    """Return the damage and its control in words.

    Example:
        >>> from iqbench.statistics.estimate import Accuracy
        >>> shares = {name: Accuracy(accuracy=0.5) for name in ("over_damage", "over_control")}
        >>> effect_name(SemanticEffect(difference=0.1, degradation_type="remove_subject", level="33pct",
        ...                            control="hole", photos=9, **shares))
        'a third of the subject removed, beyond a filled hole in the background'
    """
    kind, level = effect.degradation_type, effect.level
    damage = damage_in_words(kind, level) if level else type_in_words(kind)
    return f"{damage}, beyond {CONTROLS.get(effect.control, one_line(effect.control))}"


def effect_finding(effect: SemanticEffect) -> str:
    """Return whether an effect is shown, and in which direction."""
    if not effect.shown:
        return "no effect shown"
    return "effect shown" if (effect.value or 0.0) > 0 else "accepts the damage more often than its control"


def effect_lines(summary: Summary, levels: bool = False) -> list[str]:
    """Return a line for each effect of each model: the finding, then the numbers.

    Args:
        summary: The summary.
        levels: Whether effects on single levels follow those over all levels of a type.
    """
    return [
        f"{one_line(name)}: {_sentence(effect)}"
        for name, model in summary.models.items()
        for effect in model.semantic_effects
        if levels or effect.level is None or not _has_total(model.semantic_effects, effect)
    ]


def _has_total(effects: list[SemanticEffect], effect: SemanticEffect) -> bool:
    mark = effect.degradation_type, effect.control
    return any(other.level is None and (other.degradation_type, other.control) == mark for other in effects)


def _sentence(effect: SemanticEffect) -> str:
    if effect.value is None:
        return f"{effect_name(effect)}: {effect.reason}."
    shares = f"{percent(effect.over_damage.value)} % minus {percent(effect.over_control.value)} %"
    p = "" if effect.p_corrected is None else f", p = {p_text(effect.p_corrected)}"
    photos = f"{effect.photos} photo{'s' * (effect.photos != 1)}"
    numbers = f"{points(effect.value)} points{bracketed_interval(effect)}, {shares}, {photos}{p}"
    return f"{effect_finding(effect)}: {effect_name(effect)} ({numbers})."
