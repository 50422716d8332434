"""Whether an ensemble is better than its best member, in words."""

from iqbench.reporting.text_format import and_list, bracketed_interval, one_line, points
from iqbench.results.model_summary import EnsembleFacts
from iqbench.results.summary import ModelDifference, Summary


def ensemble_lines(summary: Summary) -> list[str]:
    """Return a sentence for each ensemble: whether it is above its best member by an interval that excludes 0.

    The best member is the one that is most accurate on these photos, which favours the member.
    """
    ensembles = {name: model.ensemble for name, model in summary.models.items() if model.ensemble is not None}
    return [f"{one_line(name)} {_finding(summary, name, facts)}." for name, facts in ensembles.items()]


def _finding(summary: Summary, name: str, facts: EnsembleFacts) -> str:
    accuracies = {member: summary.models[member].overall.value for member in facts.judged.values()}
    ranked = sorted(((value, member) for member, value in accuracies.items() if value is not None), reverse=True)
    if not ranked:
        return (
            f"combines {and_list(facts.members, 'models')}, which were not judged here: nothing shows that it is above "
            "its best member"
        )
    best = ranked[0][1]
    gap = next((pair for pair in summary.pairwise if {pair.a, pair.b} == {name, best}), None)
    missing = [member for member in facts.members if member not in facts.judged]
    rest = f" (of those judged here: {and_list(missing, 'models')} {_was(missing)} not)" if missing else ""
    return _compared(gap, gap is not None and gap.a == name, one_line(best) + rest)


def _compared(gap: ModelDifference | None, is_first: bool, best: str) -> str:
    """Return the predicate of a sentence about an ensemble and its best member.

    Args:
        gap: Their paired difference.
        is_first: Whether it is that of the ensemble minus the member, else the other way round.
        best: The member in words.
    """
    if gap is None or gap.value is None or gap.interval is None:
        reason = "no pair was judged by both" if gap is None else gap.reason or gap.interval_reason
        return f"is not shown to be above its best member {best}: {reason}"
    sign = 1 if is_first else -1
    low, high = sorted(sign * end for end in gap.interval)
    numbers = f"{points(sign * gap.value)} points{bracketed_interval(gap.model_copy(update={'interval': (low, high)}))}"
    if low > 0:
        return f"is above its best member {best}: {numbers}, a paired interval that excludes 0"
    if high < 0:
        return f"is not above its best member {best} but below it: {numbers}, a paired interval that excludes 0"
    return f"is not shown to be above its best member {best}: {numbers}, a paired interval that includes 0"


def _was(names: list[str]) -> str:
    return "was" if len(names) == 1 else "were"
