"""How numbers and names are written in every report."""

import re
from typing import Any

UNKNOWN = "–"


def percent(share: float | None) -> str:
    """Return a share as percent with one decimal.

    Example:
        >>> percent(0.8989), percent(None)
        ('89.9', '–')
    """
    return UNKNOWN if share is None else f"{100 * share:.1f}"


def one_line(name: str) -> str:
    r"""Return a name without line breaks and other characters that would break a table.

    Example:
        >>> one_line("a\nb\tc ")
        'a b c'
    """
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())


def escaped(name: str) -> str:
    r"""Return a name that cannot break a Markdown table or line.

    Example:
        >>> escaped("a|b\n<c>")
        'a\\|b \\<c\\>'
    """
    return re.sub(r"([\\`*|<>\[\]#])", r"\\\1", one_line(name))


def bracketed(one: dict[str, Any]) -> str:
    """Return `` [low, high]`` in percent, or why there is no interval."""
    if one.get("interval") is None:
        return f" (no interval: {one.get('interval_reason', 'not computed')})"
    return f" [{percent(one['interval'][0])}, {percent(one['interval'][1])}]"
