"""Plots of a training, for notebooks: curves of its scalars, and its validation answers epoch by epoch."""

import re

import pandas as pd
from matplotlib.axes import Axes

from iqbench.reporting.plot_style import FAINT, GRID, INK, LINES, drawable

MAX_BOXES = 12
"""With more epochs than this, only some are drawn as boxes, evenly spaced, the last one among them."""


def curves(axes: Axes, scalars: pd.DataFrame, title: str, *tags: str, log: bool = False) -> None:
    """Draw each tag's values over the steps.

    Args:
        axes: The axes to draw on.
        scalars: The scalars from `iqbench.callbacks.history.history`.
        title: The title of the axes.
        tags: Regular expressions. A tag is drawn if one of them matches all of it.
        log: Whether the axis of the values is logarithmic.
    """
    pattern = re.compile("|".join(f"(?:{tag})" for tag in tags))
    chosen = scalars[[pattern.fullmatch(tag) is not None for tag in scalars["tag"]]]
    for at, tag in enumerate(sorted(set(chosen["tag"]))):
        rows = chosen[chosen["tag"] == tag]
        style = ("-", "--", ":")[at // len(LINES) % 3]
        axes.plot(rows["step"], rows["value"], style, color=LINES[at % len(LINES)], marker=".", label=drawable(tag))
    if len(chosen):
        axes.legend(frameon=False, fontsize=8)
    else:
        axes.text(0.5, 0.5, "not logged", transform=axes.transAxes, ha="center", color=FAINT)
    if log and (chosen["value"] > 0).any():
        axes.set_yscale("log")
    _finish(axes, title, "step")


def leads(axes: Axes, by_epoch: pd.DataFrame) -> None:
    """Draw the distribution of the examples' leads in each epoch: half of them in the box, 90 % between the whiskers.

    Args:
        axes: The axes to draw on.
        by_epoch: The leads from `iqbench.callbacks.history.leads_by_epoch`.
    """
    step = -(-len(by_epoch.columns) // MAX_BOXES)
    shown = by_epoch.iloc[:, ::-step].iloc[:, ::-1]
    boxes = [shown[epoch].dropna() for epoch in shown]
    axes.boxplot(boxes, tick_labels=[str(epoch) for epoch in shown], whis=(5, 95), showfliers=False)
    axes.axhline(0, color=FAINT, linewidth=0.8)
    _finish(axes, "lead: above 0 agrees with people", "epoch")


def first_and_last(axes: Axes, by_epoch: pd.DataFrame) -> None:
    """Draw each example's lead in the last epoch over that in the first: learned examples are at the top left.

    Args:
        axes: The axes to draw on.
        by_epoch: The leads from `iqbench.callbacks.history.leads_by_epoch`.
    """
    axes.scatter(by_epoch.iloc[:, 0], by_epoch.iloc[:, -1], s=12, alpha=0.5, color=LINES[0], linewidths=0)
    axes.axhline(0, color=FAINT, linewidth=0.8)
    axes.axvline(0, color=FAINT, linewidth=0.8)
    axes.set_ylabel(f"lead in epoch {by_epoch.columns[-1]}", color=INK)
    _finish(axes, "each example: first and last epoch", f"lead in epoch {by_epoch.columns[0]}")


def _finish(axes: Axes, title: str, x_label: str) -> None:
    axes.set_title(title, loc="left", size=10, color=INK)
    axes.set_xlabel(x_label, color=INK)
    axes.grid(color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
