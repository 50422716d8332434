"""Accuracy along each ladder, a panel per ladder: brighter and darker, or left and right, are never averaged."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from iqbench.reporting.degradation_types import type_order
from iqbench.reporting.opinions import Opinion, opinion
from iqbench.reporting.plot_style import FAINT, GRID, INK, LINES, MARKERS, drawable
from iqbench.results.model_summary import SeverityStep
from iqbench.results.summary import Summary

PANELS_PER_ROW = 4
MOST_INTERVALS = 8
"""With more models than this the intervals would hide the points."""

STEP, WIDEST = 0.05, 0.6
"""How far the points of two models are moved apart: a share of the panel. Those of all models at most: in levels."""


@dataclass
class Panel:
    """A ladder: its name, the unit of its levels, and the steps of each model that judged it, by severity."""

    ladder: str
    unit: str = ""
    steps: dict[str, list[SeverityStep]] = field(default_factory=dict)

    @property
    def names(self) -> dict[int, str]:
        """The name of each level, by severity."""
        names = {step.severity: step.level for steps in self.steps.values() for step in steps}
        return dict(sorted(names.items()))

    @property
    def levels(self) -> dict[int, str]:
        """The short name of each level, by severity."""
        return {severity: level_label(name, self.ladder) for severity, name in self.names.items()}

    @property
    def opinions(self) -> dict[int, Opinion]:
        """What people say of each level, by severity, where it is known."""
        found = {severity: opinion(self.ladder, self.unit, name) for severity, name in self.names.items()}
        return {severity: known for severity, known in found.items() if known is not None}


def panels_of(summary: Summary) -> list[Panel]:
    """Return the ladders of a run in the order of their types, each with its models."""
    order = type_order(summary)
    panels: dict[str, Panel] = {}
    kinds: dict[str, str] = {}
    for name, model in summary.models.items():
        for ladder, steps in model.severity.items():
            panel = panels.setdefault(ladder, Panel(ladder))
            judged = [step for step in steps if step.value is not None]
            panel.steps[name] = judged
            kinds[ladder] = steps[0].degradation_type
            panel.unit = panel.unit or (model.thresholds[ladder].unit if ladder in model.thresholds else "")
    return sorted(panels.values(), key=lambda panel: (order.index(kinds[panel.ladder]), panel.ladder))


def level_label(level: str, ladder: str) -> str:
    """Return a level without what its ladder's name says already.

    Example:
        >>> level_label("right_20pct", "crop_edge/right"), level_label("80", "jpeg")
        ('20 %', '80')
    """
    short = level.removeprefix(f"{ladder.partition('/')[2]}_") or level
    return f"{short[:-3]} %" if short.endswith("pct") else short


def panel_rows(summary: Summary) -> int:
    """Return the number of rows that `draw_ladders` needs, at least one."""
    return max(1, math.ceil(len(panels_of(summary)) / PANELS_PER_ROW))


def draw_ladders(figure: FigureBase, summary: Summary) -> None:
    """Draw a panel per ladder with the accuracy of each model on each level, mild to severe, and a legend."""
    panels = panels_of(summary)
    axes = figure.subplots(panel_rows(summary), PANELS_PER_ROW, sharey=True, squeeze=False).ravel().tolist()
    intervals = len(summary.models) <= MOST_INTERVALS
    title = (
        "Accuracy in % along each ladder, mild to severe"
        + ", with 95 % intervals over photos" * intervals
        + " (dashed: chance)"
    )
    figure.suptitle(title, x=0.01, ha="left", size=11, color=INK, weight="bold")
    names = list(summary.models)
    handles: dict[str, Any] = {}
    for axis, panel in zip(axes, panels, strict=False):
        handles = _draw(axis, panel, names, intervals) | handles
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    shown = [name for name in names if name in handles]
    if shown:
        labels = [drawable(name) for name in shown]
        lines = [handles[name] for name in shown]
        figure.legend(lines, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)


def _draw(axis: Axes, panel: Panel, names: list[str], intervals: bool) -> dict[str, Any]:
    """Draw one ladder, and return the handle of each model for the legend."""
    handles = {}
    for name, steps in panel.steps.items():
        at = names.index(name)
        places = np.array([step.severity for step in steps]) + shift(at, len(names), len(panel.levels))
        heights = [100 * step.value for step in steps if step.value is not None]
        style: dict[str, Any] = {"color": LINES[at % len(LINES)], "marker": MARKERS[at % len(MARKERS)]}
        # an unclipped line without points would widen the layout without bound
        (handles[name],) = axis.plot(places, heights, linewidth=1.4, markersize=4.5, clip_on=not steps, **style)
        for place, step in zip(places, steps, strict=True):
            if intervals and step.interval is not None:
                ends = [100 * end for end in step.interval]
                axis.plot([place, place], ends, color=style["color"], linewidth=2.4, alpha=0.3, clip_on=False)
    _decorate(axis, panel)
    return handles


def shift(model: int, models: int, levels: int) -> float:
    """Return how far a model's points are moved aside, in levels, so that equal ones of two models are both seen.

    Example:
        >>> [shift(model, models=3, levels=2) for model in range(3)], shift(0, models=1, levels=2)
        ([-0.1, 0.0, 0.1], 0.0)
    """
    width = min(WIDEST, STEP * levels * (models - 1))
    return width * (model / (models - 1) - 0.5) if models > 1 else 0.0


def _decorate(axis: Axes, panel: Panel) -> None:
    levels = panel.levels
    axis.axhline(50, color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    axis.set_ylim(0, 100)
    axis.set_yticks([0, 25, 50, 75, 100])
    said = {severity: f"\n{known}" for severity, known in panel.opinions.items()}
    labels = [drawable(level, longest=10) + said.get(severity, "") for severity, level in levels.items()]
    axis.set_xticks(list(levels), labels)
    axis.set_xlim(min(levels, default=0) - 0.4, max(levels, default=1) + 0.4)
    kind, _, direction = panel.ladder.partition("/")
    axis.set_title(drawable(f"{kind}, {direction}" if direction else kind), loc="left", size=9.5, color=INK, pad=8)
    axis.set_xlabel(drawable(panel.unit) + "; people: 1–5" * bool(said), size=8, color=FAINT)
    axis.tick_params(labelsize=8, colors=FAINT, length=0)
    axis.grid(axis="y", color=GRID, linewidth=0.7)
    axis.set_axisbelow(True)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.spines["bottom"].set_color("#cccccc")
