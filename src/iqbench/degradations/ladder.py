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
class Control:
    """A change with the side effects of a damage and without what makes it damage, such as a filled hole elsewhere.

    Its rows enter no mean: the effect of the damage is what a model does beyond its control.
    """

    kind: str
    apply: Callable[..., Photo]
    of: str = ""
    """The level that it is the control of, "" for all levels of the type."""


@dataclass(frozen=True)
class Degradation:
    """All ladders of one type of damage, such as ``exposure`` with ``darker`` and ``brighter``."""

    group: Group
    ladders: Sequence[Ladder]
    controls: Sequence[Control] = ()
    made_with: str = ""
    """What the damage depends on besides its settings, such as the network that was found on this machine."""


def suite(degradations: dict[str, Degradation]) -> list[Variant]:
    """Return every variant of the degradations, type by type, ladder by ladder, mild to severe, then its controls.

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
            facts = (level.amount, ladder.unit, level.needs_context, degradation.made_with)
            yield Variant(type_, degradation.group, name, level.name, severity, level.apply, *facts)
    for control in degradation.controls:
        name, level_name = _control_ladder(type_, control), "_".join(filter(None, [control.kind, control.of]))
        yield Variant(type_, "control", name, level_name, 1, control.apply, made_with=degradation.made_with)


def _control_ladder(type_: str, control: Control) -> str:
    """Return the ladder of a control, which tells what it is a control of; see `controlled_by`."""
    return "/".join(filter(None, [f"{type_}/control/{control.kind}", control.of]))


def controlled_by(type_: str, ladder: str) -> tuple[str, str] | None:
    """Return the kind of a control and the level that it belongs to, from its type and ladder in a store.

    Args:
        type_: The type of the row.
        ladder: Its ladder.

    Returns:
        The level is "" if it is a control of all levels of the type; None if the ladder is that of no control.

    Example:
        >>> controlled_by("remove_subject", "remove_subject/control/hole/33pct")
        ('hole', '33pct')
        >>> controlled_by("change_background", "change_background/control/pasted"), controlled_by("blur", "blur")
        (('pasted', ''), None)
    """
    prefix = f"{type_}/control/"
    if not ladder.startswith(prefix):
        return None
    kind, _, level = ladder.removeprefix(prefix).partition("/")
    return kind, level
