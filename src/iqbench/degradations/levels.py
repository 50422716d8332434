"""Levels of one parameter: checked, sorted mild to severe, and named by their amount."""

import math
from collections.abc import Callable, Sequence
from functools import partial

from iqbench.degradations.ladder import Level
from iqbench.interfaces import Photo


def checked(key: str, amounts: Sequence[float], allowed: Callable[[float], bool], rule: str) -> list[float]:
    """Return amounts that were checked.

    Args:
        key: The setting.
        amounts: Its values.
        allowed: Whether a finite number may be used.
        rule: What is allowed, for the message.

    Raises:
        ValueError: With the setting, the rule and the values.

    Example:
        >>> checked("sigma", [5, "10"], lambda number: number > 0, "above 0, in px")
        Traceback (most recent call last):
        ...
        ValueError: sigma must be above 0, in px, not [5, '10']
    """
    for amount in amounts:
        is_number = isinstance(amount, int | float) and not isinstance(amount, bool) and math.isfinite(amount)
        if not is_number or not allowed(amount):
            raise ValueError(f"{key} must be {rule}, not {list(amounts)}")
    return list(amounts)


def check_names(key: str, given: Sequence[str], known: Sequence[str]) -> None:
    """Refuse the name of a direction or a place that does not exist.

    Raises:
        ValueError: With the setting, the names that exist, and the wrong ones.

    Example:
        >>> check_names("tone", ["warm", "hot"], ("warm", "cool"))
        Traceback (most recent call last):
        ...
        ValueError: tone must be among warm, cool, not hot
    """
    unknown = [str(name) for name in given if name not in known]
    if unknown:
        raise ValueError(f"{key} must be among {', '.join(known)}, not {', '.join(unknown)}")


def levels(
    damage: Callable[..., Photo],
    parameter: str,
    amounts: Sequence[float],
    *,
    less_is_worse: bool = False,
    prefix: str = "",
) -> list[Level]:
    """Return a level for each amount of a damage, the mildest first.

    Args:
        damage: A function of a photo and the parameter.
        parameter: The name of the parameter.
        amounts: Its values, in any order.
        less_is_worse: True if less of it is more damage.
        prefix: Text before the amount in a level's name.

    Example:
        >>> [level.name for level in levels(print, "px", [4, 0.5], prefix="wide_")]
        ['wide_0.5', 'wide_4']
    """
    return [
        Level(f"{prefix}{amount:g}", partial(damage, **{parameter: amount}), amount)
        for amount in sorted(amounts, reverse=less_is_worse)
    ]
