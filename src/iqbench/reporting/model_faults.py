"""The fault of a model that decides what may be concluded about it, for the headline of a report."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from iqbench.reporting.degradation_types import type_in_words
from iqbench.reporting.model_warnings import contradictions, second_answers
from iqbench.reporting.text_format import and_list, one_line, percent
from iqbench.results.model_summary import ModelSummary

MANY_UNANSWERED = 0.1
"""Share of pairs without an answer from which the answers that were given say little about a model."""

CONTRADICTORY = 0.1
"""Share of pairs in which a model contradicts itself, from which its preference is not one."""

UPSIDE_DOWN = 0.4
"""A model that is right less often than this, in technical damage too, is asked about its sign, with few photos too."""


@dataclass(frozen=True)
class Fault:
    """A fault, in words for one model and for several.

    Args:
        name: Its name.
        found_in: Returns whether a model has it.
        clause: Returns the clause about one model, whose subject is the model.
        plural: The clause about several models, or a function that returns it.
        counts: Whether the model's accuracy may be compared with others all the same.
        needs_leader: Whether it is told only of a model that no other one beats.
        remedy: What to do about it, "" if there is nothing but not to use the model.
    """

    name: str
    found_in: Callable[[ModelSummary], bool]
    clause: Callable[[ModelSummary], str]
    plural: str | Callable[[Sequence[ModelSummary]], str]
    counts: bool = True
    needs_leader: bool = False
    remedy: str = ""

    def sentence(self, models: Mapping[str, ModelSummary], subject: str = "") -> str:
        """Return the sentence about the models that have the fault, whose subject are their names or another one."""
        subject = subject or and_list(list(models), "models")
        if len(models) == 1:
            clause = self.clause(next(iter(models.values())))
        else:
            clause = self.plural if isinstance(self.plural, str) else self.plural(list(models.values()))
        return f"{subject} {clause}{'' if clause.endswith('?') else '.'}"


def fault_of(model: ModelSummary) -> Fault | None:
    """Return the heaviest fault of a model, None for a sound one."""
    return next((fault for fault in FAULTS if fault.found_in(model)), None)


def _prefers_damage(model: ModelSummary) -> bool:
    return model.overall.verdict == "below chance" or _is_upside_down(model)


def _is_upside_down(model: ModelSummary) -> bool:
    """Return whether a model is wrong in most pairs, those of technical damage included."""
    technical = [group.value for name, group in model.groups.items() if name == "technical"]
    values = [model.overall.value, *technical]
    return bool(technical) and all(value is not None and value < UPSIDE_DOWN for value in values)


def _damage_clause(model: ModelSummary) -> str:
    right = model.overall.value or 0.0
    if _is_upside_down(model):
        return f"is right in only {percent(right)} % of pairs: is higher better in its score?"
    return f"prefers the damaged photo in {percent(1 - right)} % of pairs"


def _contradicts(model: ModelSummary) -> bool:
    return contradictions(model) > CONTRADICTORY


def _knows_copies_apart(model: ModelSummary) -> bool:
    return model.controls.identity.all_tie is False


def _changes_verdicts(model: ModelSummary) -> bool:
    return any(answers.verdicts_changed > CONTRADICTORY * answers.pairs for answers in second_answers(model).values())


def _suspect(model: ModelSummary) -> str:
    """Return the baseline that a model may be no more than, "" if there is none."""
    return next((name for name, likeness in model.against_baselines.chooses_like.items() if likeness.suspect), "")


def _is_not_above_chance(model: ModelSummary) -> bool:
    return model.overall.verdict != "above chance"


def _seen_types(models: Sequence[ModelSummary]) -> list[str]:
    """Return the types on which all of some models are shown to be above 50 %."""
    return [
        kind
        for kind in models[0].by_degradation
        if all(
            kind in model.by_degradation and model.by_degradation[kind].verdict == "above chance" for model in models
        )
    ]


def _sees_only(models: Sequence[ModelSummary]) -> str:
    verb = "is" if len(models) == 1 else "are"
    types = [type_in_words(kind) for kind in _seen_types(models)]
    return f"{verb} shown to see only {and_list(types, 'types')}" if types else f"{verb} shown to see single types only"


def _is_not_above_baselines(model: ModelSummary) -> bool:
    corrected = model.against_baselines.corrected
    return corrected.value is not None and (corrected.interval is None or corrected.interval[0] <= 0)


def _baseline_in_words(model: ModelSummary) -> str:
    baseline = model.against_baselines.corrected.baseline
    return f"a baseline that prefers {BASELINES.get(str(baseline), one_line(str(baseline)))}"


BASELINES = {
    "more pixels": "the photo with more pixels",
    "larger file": "the larger file",
    "brighter": "the brighter photo",
    "sharper": "the sharper photo",
    "always-first": "always the first photo",
}
"""What a baseline prefers, in words."""


FAULTS = (
    Fault(
        "silent",
        lambda model: model.overall.value is None,
        lambda model: "gave no answer that counts",
        "gave no answer that counts",
        counts=False,
        remedy="The status and error of each pair are in unified_results.csv.",
    ),
    Fault(
        "seen in training",
        lambda model: model.photos_seen_in_training > 0,
        lambda model: f"was trained on {model.photos_seen_in_training} of these photos, so its number does not count",
        "were trained on some of these photos, so their numbers do not count",
        counts=False,
        remedy="Benchmark on photos that were not used in training.",
    ),
    Fault(
        "unanswered",
        lambda model: model.overall.unanswered > MANY_UNANSWERED * model.overall.n,
        lambda model: f"gives no answer in {percent(model.overall.unanswered / model.overall.n)} % of pairs",
        "give no answer in many pairs",
    ),
    Fault(
        "no opinion",
        lambda model: model.overall.tie_rate == 1.0,
        lambda model: "has no opinion: every pair is a tie",
        "have no opinion: every pair is a tie",
    ),
    Fault(
        "upside down",
        _prefers_damage,
        _damage_clause,
        "prefer the damaged photo: is higher better in their scores?",
        remedy="If lower is better, turn the sign round (model.higher_is_better=false) and run again; do not cull with "
        "it as it is.",
    ),
    Fault(
        "contradicts itself",
        _contradicts,
        lambda model: f"contradicts itself in {percent(contradictions(model))} % of pairs when they are swapped",
        "contradict themselves when the two photos are swapped",
    ),
    Fault(
        "knows copies apart",
        _knows_copies_apart,
        lambda model: "prefers one of two identical copies",
        "prefer one of two identical copies",
    ),
    Fault(
        "not repeatable",
        _changes_verdicts,
        lambda model: "gives other answers when it is asked again",
        "give other answers when they are asked again",
    ),
    Fault(
        "sees some types only",
        lambda model: _is_not_above_chance(model) and bool(_seen_types([model])),
        lambda model: _sees_only([model]),
        _sees_only,
        needs_leader=True,
    ),
    Fault(
        "not above chance",
        _is_not_above_chance,
        lambda model: "is not shown to be better than a coin",
        "are not shown to be better than a coin",
        needs_leader=True,
    ),
    Fault(
        "like a baseline",
        lambda model: bool(_suspect(model)),
        lambda model: f"chooses like a baseline that prefers {BASELINES.get(_suspect(model), _suspect(model))}",
        "choose like baselines",
        needs_leader=True,
    ),
    Fault(
        "not above baselines",
        _is_not_above_baselines,
        lambda model: f"is not shown to see more than {_baseline_in_words(model)}",
        "are not shown to see more than baselines do",
        needs_leader=True,
    ),
)
"""All faults, the heaviest first: a number that does not count, an answer that is none, then a lack of evidence."""
