"""Sentences about a whole benchmark that table, takeaways and report share: its power, its gaps, its rules."""

from collections.abc import Sequence

from iqbench.baselines import best_baseline
from iqbench.protocol import Protocol
from iqbench.reporting.degradation_types import type_order
from iqbench.reporting.model_faults import BASELINES
from iqbench.reporting.text_format import one_line, percent, tie_worth
from iqbench.results.summary import Summary

HIGH_BASELINE = 0.75
"""Accuracy of a baseline from which accuracies alone show little."""


def baseline_text(summary: Summary) -> str:
    """Return what the best baseline reaches on this suite, "" where no baseline was judged."""
    reached = {name: baseline.overall.value for name, baseline in summary.baselines.items()}
    best = best_baseline(reached)
    if best is None:
        return ""
    advice = ": compare corrected scores, not accuracies" if (reached[best] or 0.0) >= HIGH_BASELINE else ""
    preferring = f"Preferring {BASELINES.get(best, one_line(best))}"
    return f"{preferring} would be right in {percent(reached[best])} % of these pairs{advice}."


def power_text(summary: Summary) -> str:
    """Return what difference of two models these photos can show."""
    least, clusters = summary.least_difference, summary.clusters
    sample = f"{summary.photos_judged} photos"
    if clusters.clusters != clusters.photos:
        sample += f" in {clusters.clusters} clusters"
    if least.overall is None:
        return f"with {sample} no difference between models can be shown"
    return f"with {sample} only differences above {percent(least.overall)} points can be shown (80 % power)"


def looks_notice(summary: Summary) -> str:
    """Return a warning where photos were added after results could be seen, and "" where none were.

    Adding photos until something shows makes a false claim more likely than 5 %. With k looks in all, a claim whose
    p-value is below 5 % / k is safe (Bonferroni).
    """
    if not summary.looks:
        return ""
    looks = ", ".join(map(str, summary.looks))
    bar = 5 / (len(summary.looks) + 1)
    return (
        f"photos were added after results for {looks} photos could be seen: to be safe from stopping at a lucky "
        f"moment, trust only p below {bar:.2g} %"
    )


def ceiling_lines(summary: Summary) -> list[str]:
    """Return for each baseline the types on which not even a perfect model could be shown to beat it."""
    types: dict[str, set[str]] = {}
    for model in summary.models.values():
        for kind, gap in model.against_baselines.by_degradation.items():
            if gap.ceiling:
                types.setdefault(str(gap.baseline), set()).add(kind)
    order = type_order(summary)
    return [
        f"on {', '.join(one_line(kind) for kind in order if kind in kinds)} the baseline {name} is at its ceiling: "
        "there no model can be told from it"
        for name, kinds in sorted(types.items())
    ]


def unfinished(complete: bool, missing_shards: Sequence[int]) -> str:
    """Return a notice where planned photos or whole jobs are missing, and "" where nothing is.

    Example:
        >>> unfinished(True, []), unfinished(False, [1, 2])
        ('', 'INCOMPLETE: shards 1, 2 are missing')
        >>> unfinished(False, [])
        'INCOMPLETE: the run was interrupted or a job failed; the same command resumes it'
    """
    if complete:
        return ""
    if missing_shards:
        several = len(missing_shards) > 1
        numbers = ", ".join(map(str, missing_shards))
        return f"INCOMPLETE: shard{'s' * several} {numbers} {'are' if several else 'is'} missing"
    return "INCOMPLETE: the run was interrupted or a job failed; the same command resumes it"


def tie_rule(protocol: Protocol) -> str:
    """Return the protocol's rule for ties, and for the order of the photos if only one order counts.

    Example:
        >>> tie_rule(Protocol("legacy", "original_first", tie_worth=0.0, tie_margin=0.0))
        'a tie is wrong, and the original is always shown first (protocol legacy)'
    """
    rule = tie_worth(protocol.tie_worth)
    if protocol.orders == "both":
        return rule
    return f"{rule}, and the original is always shown first (protocol {one_line(protocol.name)})"
