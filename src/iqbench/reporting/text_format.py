"""Format numbers and names the same way in every report."""

import re
from collections.abc import Sequence

from iqbench.statistics.estimate import Difference, Estimate

UNKNOWN = "–"


def percent(share: float | None) -> str:
    """Return a share as a percentage with one decimal.

    Example:
        >>> percent(0.8989), percent(None)
        ('89.9', '–')
    """
    return UNKNOWN if share is None else f"{100 * share:.1f}"


def decimal(value: float | None) -> str:
    """Return a number with three decimals.

    Example:
        >>> decimal(0.71249), decimal(-0.0001), decimal(None)
        ('0.712', '0.000', '–')
    """
    return UNKNOWN if value is None else f"{round(value, 3) + 0.0:.3f}"  # no -0.000


def points(difference: float | None) -> str:
    """Return a difference between two shares in percentage points, with its sign.

    Example:
        >>> points(0.05), points(None)
        ('+5.0', '–')
    """
    return UNKNOWN if difference is None else f"{100 * difference:+.1f}"


def p_value(difference: Difference) -> str:
    """Return the corrected p-value of a difference.

    Example:
        >>> [p_value(Difference(difference=0.05, p_corrected=p)) for p in (0.0302, 0.0)]
        ['0.03', '< 0.001']
    """
    return p_text(difference.p_corrected)


def p_text(p: float | None) -> str:
    """Return a p-value with two digits.

    Example:
        >>> p_text(0.0302), p_text(None)
        ('0.03', '–')
    """
    if p is None:
        return UNKNOWN
    return "< 0.001" if p < 0.001 else f"{p:.2g}"


def tie_worth(worth: float) -> str:
    """Return the worth of a tie in words.

    Example:
        >>> tie_worth(0.5), tie_worth(0.25)
        ('a tie is worth half', 'a tie is worth 0.25')
    """
    return "a tie is " + ({0.5: "worth half", 0.0: "wrong", 1.0: "right"}.get(worth) or f"worth {worth}")


def bracketed_interval(estimate: Estimate) -> str:
    """Return `` [low, high]`` in percent, or the reason why there is no interval.

    Example:
        >>> bracketed_interval(Estimate(value=0.5, interval=(0.25, 0.75)))
        ' [25.0, 75.0]'
        >>> bracketed_interval(Estimate(value=0.5, interval_reason="an interval needs at least two photos"))
        ' (no interval: an interval needs at least two photos)'
    """
    if estimate.interval is None:
        return f" (no interval: {estimate.interval_reason or 'not computed'})"
    low, high = estimate.interval
    return f" [{percent(low)}, {percent(high)}]"


def complement(estimate: Estimate) -> str:
    """Return the interval of one minus a share, as `bracketed_interval` does.

    Example:
        >>> complement(Estimate(value=0.75, interval=(0.5, 1.0)))
        ' [0.0, 50.0]'
    """
    if estimate.interval is None:
        return bracketed_interval(estimate)
    low, high = estimate.interval
    return bracketed_interval(estimate.model_copy(update={"interval": (1 - high, 1 - low)}))


def one_line(name: str) -> str:
    r"""Return a name without line breaks and other characters that would break a table.

    Example:
        >>> one_line("a\nb\tc ")
        'a b c'
    """
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())


def capitalized(sentence: str) -> str:
    """Return a sentence with a capital at its start; the rest stays as it is.

    Example:
        >>> capitalized("on JPEG")
        'On JPEG'
    """
    return sentence[:1].upper() + sentence[1:]


LONGEST_LIST = 4
"""Names in a sentence; more are counted."""


def and_list(names: Sequence[str], noun: str = "") -> str:
    """Return names as a sentence lists them; of many the first ones and the number of the others.

    Args:
        names: The names.
        noun: What they are, in the plural, for a number of others.

    Example:
        >>> and_list(["a"]), and_list(["a", "b", "c"]), and_list(list("abcdef"), "models")
        ('a', 'a, b and c', 'a, b, c and 3 other models')
    """
    listed = [one_line(name) for name in names]
    if len(listed) > LONGEST_LIST:
        shown = LONGEST_LIST - 1
        listed = [*listed[:shown], f"{len(listed) - shown} other {noun}".strip()]
    return " and ".join([", ".join(listed[:-1]), listed[-1]] if len(listed) > 1 else listed)


def escape_markdown(name: str) -> str:
    r"""Return a name that cannot break a line or a table in Markdown.

    Example:
        >>> escape_markdown("a|b\n<c>")
        'a\\|b \\<c\\>'
    """
    return re.sub(r"([\\`*|<>\[\]#])", r"\\\1", one_line(name))
