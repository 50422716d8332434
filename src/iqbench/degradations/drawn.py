"""Variants of a photo drawn at random: any severity between the mildest and the harshest of a ladder, and mixtures.

A benchmark needs the same levels for every photo. A training does not: with a severity of its own for every photo, a
model cannot learn the levels by heart, and meets differences that are smaller than those between two levels.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial, reduce
from typing import Any, NamedTuple, get_args

import numpy as np

from iqbench.degradations.ladder import Degradation, Ladder, suite
from iqbench.interfaces import Photo, Variant

MIXED = "mixed"
"""The type of a variant with several kinds of damage, one after the other."""

LONGEST_MIXTURE = 4
"""Kinds of damage in a mixture, at most; ARNIQA (Agnolucci et al., WACV 2024) chains as many."""

DIGITS = 3
"""Significant digits of a drawn amount."""


class Damaged(NamedTuple):
    """A variant, the types of damage in it, and their strength from 0 (none) to 1 (the harshest level)."""

    variant: Variant
    types: tuple[str, ...]
    strength: float


@dataclass(frozen=True)
class Kind:
    """A type of damage whose levels can be drawn anew.

    Args:
        type: Its name in the suite.
        make: The function that makes the degradation, with the settings of its config. The levels are its one setting
            that is a list of numbers; a kind without one keeps its levels.
    """

    type: str
    make: "partial[Degradation]"

    @cached_property
    def degradation(self) -> Degradation:
        """The degradation with the levels of its config."""
        return self.make()

    @property
    def settings(self) -> dict[str, Any]:
        """What its pictures depend on: the function, its settings, and what else it is made with."""
        function = f"{self.make.func.__module__}.{self.make.func.__qualname__}"
        return {"type": self.type, "function": function, "made_with": self.degradation.made_with, **self.make.keywords}

    @cached_property
    def ladders(self) -> Mapping[str, Ladder]:
        """The ladders with the levels of the config, by their names in the suite."""
        return {_ladder_name(self.type, ladder): ladder for ladder in self.degradation.ladders}

    def drawn(self, ladders: Sequence[str], levels: int, generator: np.random.Generator) -> list[Damaged]:
        """Return variants of some of the ladders, each with up to so many levels, mild to severe.

        Args:
            ladders: Names of ladders of this kind.
            levels: Levels of each ladder; whole numbers that are drawn twice are one.
            generator: Decides the levels.
        """
        setting = _levels_setting(self.make)
        if setting is None:
            every = suite({self.type: self.degradation})
            kept = {name: _some(len(self.ladders[name].levels), levels, generator) for name in ladders}
            chosen = [variant for variant in every if variant.severity - 1 in kept.get(variant.ladder, ())]
        else:
            name, whole = setting
            amounts = drawn_amounts(self.make.keywords[name], levels, whole, generator)
            chosen = suite({self.type: self.make(**{name: amounts})})
        return [
            Damaged(variant, (self.type,), strength(self.ladders[variant.ladder], variant))
            for variant in chosen
            if variant.ladder in ladders
        ]


def all_levels(kind: Kind) -> list[Damaged]:
    """Return the variants of a kind with the levels of its config."""
    every = suite({kind.type: kind.degradation})
    return [Damaged(variant, (kind.type,), strength(kind.ladders[variant.ladder], variant)) for variant in every]


def drawn_variants(
    kinds: Sequence[Kind], ladders: int, levels: int, mixed: int, generator: np.random.Generator
) -> list[Damaged]:
    """Return the variants of one photo: of some ladders, with levels of its own, and some mixtures of several kinds.

    Args:
        kinds: The types of damage to draw from.
        ladders: Number of ladders, at most; all ladders of all kinds are equally likely.
        levels: Levels of each ladder.
        mixed: Number of mixtures of two to `LONGEST_MIXTURE` kinds.
        generator: Decides everything here.

    Example:
        >>> from iqbench.degradations.blur import blur_ladder
        >>> from iqbench.degradations.exposure import exposure_ladders
        >>> kinds = [Kind("blur", partial(blur_ladder, sigma=[1, 8]))]
        >>> kinds += [Kind("exposure", partial(exposure_ladders, stops=[-2, -1, 1, 2], light="encoded"))]
        >>> drawn = drawn_variants(kinds, ladders=2, levels=2, mixed=1, generator=np.random.default_rng(0))
        >>> [damaged.variant.key for damaged in drawn]
        ['blur/1.12', 'blur/1.29', 'exposure/1.61', 'exposure/1.73', 'mixed/blur/7.55+exposure/1']
    """
    every = [(kind, name) for kind in kinds for name in kind.ladders]
    names: dict[str, list[str]] = {kind.type: [] for kind in kinds}
    for at in _some(len(every), ladders, generator):
        names[every[at][0].type].append(every[at][1])
    drawn = [
        damaged for kind in kinds if names[kind.type] for damaged in kind.drawn(names[kind.type], levels, generator)
    ]
    longest = min(LONGEST_MIXTURE, len(kinds))
    return drawn + [_mixture(kinds, number, longest, generator) for number in range(mixed) if longest > 1]


def strength(ladder: Ladder, variant: Variant) -> float:
    """Return how strong a variant is, from 0 to 1: its place between the levels of a ladder, the harshest being 1.

    Args:
        ladder: The ladder with the levels of the config.
        variant: A variant of this ladder with any amount.

    Example:
        >>> from iqbench.degradations.blur import blur_ladder
        >>> (ladder,), variants = blur_ladder([1, 2, 4, 8]).ladders, suite({"blur": blur_ladder([2, 6])})
        >>> [strength(ladder, variant) for variant in variants]
        [0.5, 0.875]
    """
    count, amounts = len(ladder.levels), [level.amount for level in ladder.levels]
    steps = np.arange(1, count + 1) / count
    numbers = [amount for amount in amounts if amount is not None]
    if variant.amount is None or len(numbers) < count:
        return float(steps[min(variant.severity, count) - 1])
    order = np.argsort(numbers)
    return float(np.interp(variant.amount, np.array(numbers)[order], steps[order]))


def drawn_amounts(given: Sequence[float], count: int, whole: bool, generator: np.random.Generator) -> list[float]:
    """Return up to ``count`` amounts between the given ones; as many below 0, if some of the given ones are below 0.

    All steps between neighbours are equally likely, however long they are, and the amounts inside a step too.

    Args:
        given: The amounts of a config.
        count: Amounts to draw on each side of 0. Of a side with one given amount that one is kept.
        whole: Whether they must be whole numbers.
        generator: Decides the amounts.

    Example:
        >>> drawn_amounts([80, 60, 40, 20, 10], 3, True, np.random.default_rng(0))
        [12, 22, 51]
    """
    sides = [sorted(amount for amount in given if (amount < 0) == below) for below in (True, False)]
    drawn: set[float] = set()
    for side in filter(None, sides):
        places = generator.uniform(0, len(side) - 1, count)
        amounts = np.interp(places, np.arange(len(side)), side)
        drawn |= {round(amount) if whole else float(f"{amount:.{DIGITS}g}") for amount in amounts.tolist()}
    return sorted(drawn)


def _mixture(kinds: Sequence[Kind], number: int, longest: int, generator: np.random.Generator) -> Damaged:
    """Return a variant with two kinds of damage or more, in random order."""
    order = generator.permutation(len(kinds))[: generator.integers(2, longest, endpoint=True)]
    parts = [_one(kinds[at], generator) for at in order]
    name = "+".join(part.variant.key for part in parts)
    technical = all(part.variant.group == "technical" for part in parts)
    apply = partial(_in_turn, steps=[part.variant.apply for part in parts])
    variant = Variant(MIXED, "technical" if technical else "compositional", f"{MIXED}/{number}", name, 1, apply)
    left = np.prod([1 - part.strength for part in parts])
    return Damaged(variant, tuple(part.variant.type for part in parts), float(1 - left))


def _one(kind: Kind, generator: np.random.Generator) -> Damaged:
    names = list(kind.ladders)
    drawn = kind.drawn([names[generator.integers(len(names))]], 1, generator)
    return drawn[generator.integers(len(drawn))]


def _in_turn(photo: Photo, steps: Sequence[Callable[[Photo], Photo]]) -> Photo:
    return reduce(lambda picture, step: step(picture), steps, photo)


def _ladder_name(type_: str, ladder: Ladder) -> str:
    return f"{type_}/{ladder.name}" if ladder.name else type_


def _some(total: int, count: int, generator: np.random.Generator) -> list[int]:
    """Return up to ``count`` different numbers below ``total``, in ascending order."""
    return sorted(generator.permutation(total)[:count].tolist())


def _levels_setting(make: "partial[Degradation]") -> tuple[str, bool] | None:
    """Return the name of the setting with the levels, and whether they are whole numbers; None if there is none.

    They are whole if the function says so, as ``Sequence[int]``, or says nothing and those given are whole.
    """
    parameters = inspect.signature(make.func).parameters
    for name, value in make.keywords.items():
        if isinstance(value, list) and value and all(map(_is_number, value)):
            annotation: Any = parameters[name].annotation if name in parameters else None
            (kind,) = get_args(annotation) if len(get_args(annotation)) == 1 else (None,)
            return name, kind is not float and all(isinstance(number, int) for number in value)
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
