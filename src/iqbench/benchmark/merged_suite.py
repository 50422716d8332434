"""The merged suite of several runs: one order of severity for the levels that they hold between them."""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

import numpy as np
import pandas as pd

from iqbench.degradations.ladder import planned_pairs
from iqbench.results.reader import Run


class MergedSuite:
    """The variants of all runs, with severities counted over the merged ladders.

    Each run counts severity from 1, so runs of different levels count differently. Here a level has one severity.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        variants = pd.concat([run.variants.assign(run=number) for number, run in enumerate(runs)], ignore_index=True)
        amounts = dict(zip(variants["key"], variants["amount"], strict=True))
        ladders = {
            str(ladder): merge_levels([rows["key"].tolist() for _, rows in levels.groupby("run", sort=True)], amounts)
            for ladder, levels in variants.groupby("ladder", sort=False)
        }
        keys = [key for levels in ladders.values() for key in levels]
        self.severities = {key: place for levels in ladders.values() for place, key in enumerate(levels, start=1)}
        names = [ladder for ladder, levels in ladders.items() for _ in levels]
        self.neighbours = {(keys[a - 1], keys[b - 1]) for a, b in planned_pairs(names) if a}
        """The pairs of levels next to each other, as keys of the milder and the harsher level."""


def merge_levels(orders: Sequence[Sequence[str]], amounts: Mapping[str, float]) -> list[str]:
    """Return one order, mild to severe, of the levels that several runs hold in their own orders.

    Where the amount grows, or falls, with severity in all runs, it decides. Else the levels keep the order of
    each run, and of the runs where none holds both.

    Example:
        >>> merge_levels([["80", "10"], ["60"]], {"80": 80, "60": 60, "10": 10})
        ['80', '60', '10']
        >>> merge_levels([["a", "c"], ["a", "b", "c"]], {"a": np.nan, "b": np.nan, "c": np.nan})
        ['a', 'b', 'c']
    """
    levels = list(dict.fromkeys(level for order in orders for level in order))
    steps = [(milder, harsher) for order in orders for milder, harsher in pairwise(order)]
    directions = {float(np.sign(amounts[harsher] - amounts[milder])) for milder, harsher in steps}
    if directions in ({1.0}, {-1.0}):
        (direction,) = directions
        return sorted(levels, key=lambda level: direction * amounts[level])
    milder_levels: dict[str, list[str]] = {level: [] for level in levels}
    for milder, harsher in steps:
        milder_levels[harsher].append(milder)
    try:
        return list(TopologicalSorter(milder_levels).static_order())
    except CycleError:  # the runs contradict each other
        return levels
