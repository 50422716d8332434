"""Levels of one parameter: checked, sorted mild to severe, and named by their amount."""

import math
from collections.abc import Callable, Sequence
from functools import partial

from iqbench.degradations.ladder import Ladder, Level
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
    percent: bool = False,
    prefix: str = "",
) -> list[Level]:
    """Return a level for each amount of a damage, the mildest first.

    Args:
        damage: A function of a photo and the parameter.
        parameter: The name of the parameter.
        amounts: Its values, in any order.
        less_is_worse: True if less of it is more damage.
        percent: True if the amounts are shares, which are named and recorded in percent.
        prefix: Text before the amount in a level's name.

    Example:
        >>> [level.name for level in levels(print, "px", [4, 0.5], prefix="wide_")]
        ['wide_0.5', 'wide_4']
        >>> [level.name for level in levels(print, "keep", [0.5, 0.7], less_is_worse=True, percent=True)]
        ['70pct', '50pct']
    """
    factor, unit = (100, "pct") if percent else (1, "")
    return [
        Level(f"{prefix}{factor * amount:g}{unit}", partial(damage, **{parameter: amount}), factor * amount)
        for amount in sorted(amounts, reverse=less_is_worse)
    ]


def ladders(
    damage: Callable[..., Photo],
    key: str,
    names: Sequence[str],
    known: Sequence[str],
    steps: Callable[..., list[Level]],
    unit: str,
) -> list[Ladder]:
    """Return a ladder for each direction or place of a damage.

    Args:
        damage: A function of a photo, the direction and an amount.
        key: The setting, and parameter, that names the direction.
        names: The directions that are wanted.
        known: Those that exist.
        steps: `levels` with all its arguments but the damage and the prefix.
        unit: The unit of the amounts.

    Raises:
        ValueError: If a direction does not exist.

    Example:
        >>> steps = partial(levels, parameter="stops", amounts=[1, 2])
        >>> [[level.name for level in each.levels] for each in ladders(print, "to", ["up"], ["up"], steps, "EV")]
        [['up_1', 'up_2']]
    """
    check_names(key, names, known)
    return [Ladder(str(name), steps(partial(damage, **{key: name}), prefix=f"{name}_"), unit) for name in names]
