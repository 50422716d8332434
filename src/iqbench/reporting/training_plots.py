"""Pictures of a training, for notebooks: its scalars as curves, its answers epoch by epoch."""

import re

import pandas as pd
from matplotlib.axes import Axes

from iqbench.reporting.plots import FAINT, INK, LINES, drawable

MANY = 12
"""Of more epochs than this only as many, evenly spread, are drawn as boxes."""


def curves(axes: Axes, scalars: pd.DataFrame, title: str, *tags: str, log: bool = False) -> None:
    """Draw each tag's values over the steps.

    Args:
        axes: Where to.
        scalars: As `iqbench.callbacks.history.history` returns them.
        title: What it is about.
        tags: Regular expressions; a tag is drawn where one of them matches all of it.
        log: Whether the values' axis is logarithmic.
    """
    wanted = re.compile("|".join(f"(?:{tag})" for tag in tags))
    chosen = scalars[[wanted.fullmatch(tag) is not None for tag in scalars["tag"]]]
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
    """Draw how the examples' leads are spread in each epoch: half of them in the box, nine of ten between the ends.

    Args:
        axes: Where to.
        by_epoch: As `iqbench.callbacks.history.leads_by_epoch` returns them.
    """
    step = -(-len(by_epoch.columns) // MANY)
    shown = by_epoch.iloc[:, ::-step].iloc[:, ::-1]
    boxes = [shown[epoch].dropna() for epoch in shown]
    axes.boxplot(boxes, tick_labels=[str(epoch) for epoch in shown], whis=(5, 95), showfliers=False)
    axes.axhline(0, color=FAINT, linewidth=0.8)
    _finish(axes, "lead: above 0 is on people's side", "epoch")


def first_and_last(axes: Axes, by_epoch: pd.DataFrame) -> None:
    """Draw each example's lead in the last epoch over that in the first: top left is what was learned.

    Args:
        axes: Where to.
        by_epoch: As `iqbench.callbacks.history.leads_by_epoch` returns them.
    """
    axes.scatter(by_epoch.iloc[:, 0], by_epoch.iloc[:, -1], s=12, alpha=0.5, color=LINES[0], linewidths=0)
    axes.axhline(0, color=FAINT, linewidth=0.8)
    axes.axvline(0, color=FAINT, linewidth=0.8)
    axes.set_ylabel(f"lead in epoch {by_epoch.columns[-1]}", color=INK)
    _finish(axes, "each example: first and last epoch", f"lead in epoch {by_epoch.columns[0]}")


def _finish(axes: Axes, title: str, below: str) -> None:
    axes.set_title(title, loc="left", size=10, color=INK)
    axes.set_xlabel(below, color=INK)
    axes.grid(color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
