"""A degradation and its ladders of levels, mild to severe."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from iqbench.errors import UsageError
from iqbench.interfaces import Group, Photo, Variant


@dataclass(frozen=True)
class Level:
    """One rung: its name in the results, the pure function that makes it, and how much damage it is."""

    name: str
    apply: Callable[[Photo], Photo]
    amount: float | None = None
    """In the ladder's unit; None if it has no measure."""


@dataclass(frozen=True)
class Ladder:
    """Levels of damage that run one way, the mildest first.

    A ladder is what severity and the L-test are about, so a damage with two directions (darker and
    brighter) or several places (left corner, right corner) has one ladder for each.
    """

    name: str
    levels: Sequence[Level]
    unit: str = ""
    """What levels' amounts are measured in, such as ``px``."""


@dataclass(frozen=True)
class Degradation:
    """All ladders of one type of damage, such as ``exposure`` with ``darker`` and ``brighter``."""

    group: Group
    ladders: Sequence[Ladder]


def suite(degradations: dict[str, Degradation]) -> list[Variant]:
    """Return every variant of the degradations, type by type, ladder by ladder, mild to severe.

    Raises:
        UsageError: If a type names two levels alike: their rows could not be told apart.
    """
    variants = [variant for type_, degradation in degradations.items() for variant in _climb(type_, degradation)]
    keys = [variant.key for variant in variants]
    doubled = sorted({key for key in keys if keys.count(key) > 1})
    if doubled:
        raise UsageError(f"degradation: level given twice: {', '.join(doubled)}")
    return variants


def _climb(type_: str, degradation: Degradation) -> Iterator[Variant]:
    for ladder in degradation.ladders:
        name = f"{type_}/{ladder.name}" if ladder.name else type_
        for severity, level in enumerate(ladder.levels, start=1):
            measure = (level.amount, ladder.unit)
            yield Variant(type_, degradation.group, name, level.name, severity, level.apply, *measure)
