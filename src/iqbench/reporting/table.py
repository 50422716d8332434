"""The accuracy table for the terminal and for Markdown, and the order of columns that every report shares."""

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from iqbench.reporting.diagnostics_text import warnings
from iqbench.reporting.wording import bracketed, escaped, one_line, percent

STANDARD_TYPES = ("jpeg", "crop_edge", "crop_aspect", "crop_center", "crop_corner", "blur", "exposure")
"""The order of the published table."""


def type_order(summary: dict[str, Any]) -> list[str]:
    """Return the degradation types of a run: the standard ones as published, then any others by name.

    Example:
        >>> type_order({"models": {"a": {"by_degradation": {"noise": {}, "blur": {}, "jpeg": {}}}}})
        ['jpeg', 'blur', 'noise']
    """
    found = {kind for model in summary["models"].values() for kind in model["by_degradation"]}
    return [kind for kind in STANDARD_TYPES if kind in found] + sorted(found.difference(STANDARD_TYPES))


def accuracies(model: dict[str, Any], types: list[str]) -> list[float | None]:
    """Return the accuracies over all pairs, over types and on each type; of a model or of a null model.

    A null model needs only ``overall`` and ``by_degradation``: its macro mean is then taken here.

    Example:
        >>> null = {"overall": {"accuracy": 0.5}, "by_degradation": {"blur": {"accuracy": 0.25}}}
        >>> accuracies(null, ["jpeg", "blur"])
        [0.5, 0.25, None, 0.25]
    """
    each = [model["by_degradation"].get(kind, {}).get("accuracy") for kind in types]
    known = [value for value in each if value is not None]
    macro = model["macro"]["accuracy"] if "macro" in model else sum(known) / len(known) if known else None
    return [model["overall"]["accuracy"], macro, *each]


def accuracy_table(summary: dict[str, Any]) -> Table:
    """Return models by degradation types in percent, the interval under the accuracy over all pairs.

    Bold is a model that is shown to be the best on that type; dim rows below are the null models.
    """
    types = type_order(summary)
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), caption=_caption(summary), caption_justify="left"
    )
    table.add_column("model", max_width=22, overflow="fold")
    for heading in ("all", "macro", *types):
        table.add_column(Text(heading.replace("_", "\n")), justify="right", vertical="top")
    winners = summary["by_degradation_winner"]
    for name, model in summary["models"].items():
        overall, macro, *each = accuracies(model, types)
        best = [winners.get(kind, {}).get("better") == name for kind in types]
        cells = [Text(percent(value), "bold" if bold else "") for value, bold in zip(each, best, strict=True)]
        table.add_row(
            Text(one_line(name)), _with_interval(overall, model["overall"]["interval"]), percent(macro), *cells
        )
    table.add_section()
    for name, null in summary.get("nulls", {}).items():
        table.add_row(Text(one_line(name)), *map(percent, accuracies(null, types)), style="dim")
    return table


def _with_interval(accuracy: float | None, interval: list[float] | None) -> Text:
    text = Text(percent(accuracy))
    if interval is not None:
        text.append(f"\n{percent(interval[0])}–{percent(interval[1])}", "dim")
    return text


def _caption(summary: dict[str, Any]) -> Text:
    judged, planned = summary["photos_judged"], summary["photos"]
    photos = f"{judged} photo{'s' * (judged != 1)}" + (f" (of {planned})" if judged != planned else "")
    failed = summary["counts"]["pairs"]["failed"]
    lost = f"; {failed} pair{'s' * (failed != 1)} failed" if failed else ""
    note = f"95 % intervals over {photos}" if judged > 1 else f"{photos}: no interval"
    return Text(f"accuracy in %, {rule(summary)}; {note}{lost}{unfinished(summary)}")


def unfinished(summary: dict[str, Any]) -> str:
    """Return, if planned photos or whole jobs are missing, that they are.

    Example:
        >>> unfinished({"complete": True}), unfinished({"complete": False})
        ('', '; INCOMPLETE: the run was interrupted or a job failed, the same command goes on')
    """
    if summary.get("complete", True):
        return ""
    if missing := summary.get("missing_shards"):
        return f"; INCOMPLETE: without shard {', '.join(map(str, missing))}"
    return "; INCOMPLETE: the run was interrupted or a job failed, the same command goes on"


def rule(summary: dict[str, Any]) -> str:
    """Return what the run's protocol makes of ties and of the order of the photos.

    Example:
        >>> rule({"protocol": {"name": "legacy", "orders": "original_first", "tie_worth": 0.0}})
        'a tie is wrong, and the original is always shown first (protocol legacy)'
    """
    protocol = summary.get("protocol", {"orders": "both", "tie_worth": 0.5})
    worth = protocol["tie_worth"]
    tie = "a tie is " + ({0.5: "worth half", 0.0: "wrong", 1.0: "right"}.get(worth) or f"worth {worth}")
    if protocol["orders"] == "both":
        return tie
    return f"{tie}, and the original is always shown first (protocol {one_line(protocol['name'])})"


def print_table(summary: dict[str, Any], console: Console | None = None) -> None:
    """Print the accuracy table and what to beware of; into a file or a pipe at least 120 columns wide."""
    if console is None:
        console = Console()
        if not console.is_terminal:
            console = Console(width=max(120, console.width))
    console.print(accuracy_table(summary))
    for name, model in summary["models"].items():
        for line in warnings(model):
            console.print(Text.assemble((one_line(name), "bold"), f" {line}"), soft_wrap=True)


def markdown_table(summary: dict[str, Any]) -> list[str]:
    """Return the lines of the accuracy table in Markdown, laid out as the published one."""
    types = type_order(summary)
    heading = ["model", "all", *map(escaped, types), "mean confidence", "macro"]
    lines = ["| " + " | ".join(heading) + " |", "| --- |" + " ---: |" * (len(heading) - 1)]
    for name, model in summary["models"].items():
        overall, macro, *each = accuracies(model, types)
        spread = "" if model["overall"]["interval"] is None else bracketed(model["overall"])
        confidence = model["overall"]["avg_confidence"]
        said = percent(None) if confidence is None else f"{confidence:.2f}"
        cells = [escaped(name), percent(overall) + spread, *map(percent, each), said, percent(macro)]
        lines.append("| " + " | ".join(cells) + " |")
    for name, null in summary.get("nulls", {}).items():
        overall, macro, *each = accuracies(null, types)
        cells = [f"_null: {escaped(name)}_", percent(overall), *map(percent, each), percent(None), percent(macro)]
        lines.append("| " + " | ".join(cells) + " |")
    return lines
