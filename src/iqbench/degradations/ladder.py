"""Degradations: types of damage with ladders of levels, mild to severe, and the pairs that are planned from them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from iqbench.errors import UsageError
from iqbench.interfaces import Group, Photo, Variant


@dataclass(frozen=True)
class Level:
    """One level of damage: its name in the results, the pure function that applies it, and its amount."""

    name: str
    apply: Callable[..., Photo]
    amount: float | None = None
    """In the ladder's unit; None if the damage has no measure."""
    needs_context: bool = False
    """True if ``apply`` takes the photo's `PhotoContext` as a second argument."""


@dataclass(frozen=True)
class Ladder:
    """Levels of damage in one direction, the mildest first.

    Severity and the monotonicity test refer to one ladder, so a damage with two directions (darker and
    brighter) or several places (left corner, right corner) has a ladder for each.
    """

    name: str
    levels: Sequence[Level]
    unit: str = ""
    """The unit of the levels' amounts, such as ``px``."""


@dataclass(frozen=True)
class Degradation:
    """All ladders of one type of damage, such as ``exposure`` with ``darker`` and ``brighter``."""

    group: Group
    ladders: Sequence[Ladder]


def suite(degradations: dict[str, Degradation]) -> list[Variant]:
    """Return every variant of the degradations, type by type, ladder by ladder, mild to severe.

    Raises:
        UsageError: If two levels of a type have one name: their rows could not be told apart.
    """
    variants = [variant for type_, degradation in degradations.items() for variant in _variants(type_, degradation)]
    keys = [variant.key for variant in variants]
    duplicates = sorted({key for key in keys if keys.count(key) > 1})
    if duplicates:
        raise UsageError(f"degradation: level given twice: {', '.join(duplicates)}")
    return variants


def planned_pairs(ladders: Sequence[str]) -> list[tuple[int, int]]:
    """Return the pairs to compare, as positions of reference and variant: 0 is the original, i + 1 the variant i.

    The original is compared with every variant, then each level with the next harsher one of its ladder.

    Args:
        ladders: The ladder of each variant, in the order of the suite.

    Example:
        >>> planned_pairs(["blur", "blur", "jpeg"])
        [(0, 1), (0, 2), (0, 3), (1, 2)]
    """
    originals = [(0, position) for position in range(1, len(ladders) + 1)]
    neighbours = enumerate(pairwise(ladders), start=1)
    return originals + [(position, position + 1) for position, (milder, harsher) in neighbours if milder == harsher]


def _variants(type_: str, degradation: Degradation) -> Iterator[Variant]:
    for ladder in degradation.ladders:
        name = f"{type_}/{ladder.name}" if ladder.name else type_
        for severity, level in enumerate(ladder.levels, start=1):
            facts = (level.amount, ladder.unit, level.needs_context)
            yield Variant(type_, degradation.group, name, level.name, severity, level.apply, *facts)
