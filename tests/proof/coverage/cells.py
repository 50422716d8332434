"""Tables of simulations: the cells of a grid, the shares that are simulated in each, and the bar of each share."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

Cell = dict[str, int | float | str]
"""The arguments of a simulation; ``runs`` is the number of simulated benchmarks."""

LUCK = 0.005
"""The probability that a share that is exactly at its bar misses it by the luck of the simulation."""


def everywhere(_: Cell) -> bool:
    """Return whether a bar applies to a cell: to every one."""
    return True


@dataclass(frozen=True)
class Bar:
    """What a share must reach, or must not exceed, in the cells that it applies to.

    Args:
        share: The bar.
        least: Whether the share must be at least that; otherwise at most.
        applies: Tells whether a cell has this bar.
    """

    share: float
    least: bool
    applies: Callable[[Cell], bool] = everywhere

    def shortfall(self, cell: Cell, value: float) -> float:
        """Return by how much a share misses the bar, luck granted; 0 or less if it meets it."""
        runs = int(cell["runs"])
        worst = float(stats.binom.ppf(LUCK if self.least else 1 - LUCK, runs, self.share)) / runs
        return worst - value if self.least else value - worst


def at_least(share: float, applies: Callable[[Cell], bool] = everywhere) -> Bar:
    """Return the bar of a share that must not be lower."""
    return Bar(share, True, applies)


def at_most(share: float, applies: Callable[[Cell], bool] = everywhere) -> Bar:
    """Return the bar of a share that must not be higher."""
    return Bar(share, False, applies)


@dataclass(frozen=True)
class SimulatedTable:
    """One table of the proof.

    Args:
        name: Its name.
        promise: What the product promises, in words.
        simulate: Takes the arguments of a cell and returns the simulated shares, by name.
        cells: Returns the cells of the quick grid (True) or of the full one.
        bars: The bars of each share; a share without one is shown and not judged.
    """

    name: str
    promise: str
    simulate: Callable[..., dict[str, float]]
    cells: Callable[[bool], Iterable[Cell]]
    bars: Mapping[str, tuple[Bar, ...]] = field(default_factory=dict)

    def shortfall(self, cell: Cell, name: str, value: float) -> float:
        """Return by how much a share misses its bars, 0 or less if it meets all of them."""
        applied = [bar.shortfall(cell, value) for bar in self.bars.get(name, ()) if bar.applies(cell)]
        return max(applied, default=-np.inf)
