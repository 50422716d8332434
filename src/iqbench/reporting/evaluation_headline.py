"""The first line of an evaluation: which model agrees with people best, and whether it beats the best baseline."""

from iqbench.reporting.notices import unfinished
from iqbench.reporting.text_format import and_list, one_line
from iqbench.results.evaluation_summary import EvaluatedSet, EvaluationSummary


def evaluation_headline(summary: EvaluationSummary) -> str:
    """Return one line about all sets of labels, in at most two sentences each; the names are not escaped."""
    several = len(summary.sets) > 1
    lines = [f"{one_line(result.data)} {result.split}: " * several + set_headline(result) for result in summary.sets]
    return ("Incomplete so far: " if unfinished(summary.complete, []) else "") + " ".join(lines)


def set_headline(result: EvaluatedSet) -> str:
    """Return what one set of labels shows, from its corrected tests: who is ahead, and of which baseline."""
    seen = [name for name, model in result.models.items() if model.photos_seen_in_training]
    counted = [name for name in result.models if name not in seen]
    better = {(pair.better, name) for pair in result.differences if pair.better for name in pair.models}
    leaders = [name for name in counted if not any((other, name) in better for other in counted if other != name)]
    sentences = [
        _order(counted, leaders) if len(counted) > 1 else "",
        _against_baseline(result, leaders, named=len(counted) > 1) if leaders else "",
        _seen(seen) if seen else "",
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _order(counted: list[str], leaders: list[str]) -> str:
    names = and_list(leaders, "models")
    if len(leaders) > 1:
        return f"{names} cannot be told apart on these labels."
    return f"{names} leads: none of the {len(counted)} models is shown to agree with people better."


def _against_baseline(result: EvaluatedSet, leaders: list[str], named: bool) -> str:
    """Return whether the leaders beat the best baseline; they are named, unless the sentence before does that."""
    if not any(result.models[name].against_best_baseline.baseline for name in leaders):
        return "No baseline has a value to compare with."
    ahead = [name for name in leaders if result.models[name].against_best_baseline.shown]
    subjects = ahead or leaders
    subject = and_list(subjects, "models")
    if named and subjects == leaders:
        subject = "It" if len(leaders) == 1 else "They"
    one = len(subjects) == 1
    baselines = sorted({str(result.models[name].against_best_baseline.baseline) for name in subjects})
    than = f"with people better than the best baseline ({', '.join(baselines)})"
    if ahead:
        return f"{subject} agree{'s' * one} {than}."
    return f"{subject} {'is' if one else 'are'} not shown to agree {than}."


def _seen(names: list[str]) -> str:
    were, their = ("was", "its number does") if len(names) == 1 else ("were", "their numbers do")
    return f"{and_list(names, 'models')} {were} trained on some of these photos, so {their} not count."
