"""The accuracy table, for the terminal and for Markdown."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from iqbench.baselines import best_baseline
from iqbench.reporting.cautions import SHOWN, cautions, more_cautions
from iqbench.reporting.cluster_notice import cluster_notice
from iqbench.reporting.console import wide_console
from iqbench.reporting.degradation_types import MOST_COLUMNS, type_order
from iqbench.reporting.ensemble_text import ensemble_lines
from iqbench.reporting.headline import headline
from iqbench.reporting.notices import baseline_text, looks_notice, power_text, tie_rule, unfinished
from iqbench.reporting.semantic_text import effect_lines
from iqbench.reporting.text_format import bracketed_interval, escape_markdown, one_line, percent
from iqbench.results.model_summary import BaselineAccuracies, ModelSummary
from iqbench.results.summary import RankedModel, Summary
from iqbench.statistics.estimate import Interval

RANKED_BY = {
    "corrected score": "Ranked by the accuracy corrected for chance and baselines: 100 is a perfect judge, 0 a coin, "
    "and copies of baselines get about 0 or less.",
    "accuracy": "Ranked by accuracy, since not every model has a score that is corrected for chance and baselines.",
}
"""What is said of the order of the models."""

MOST_MODELS = 5
"""Models that have a column in a table of 100 columns."""


def place_text(ranked: RankedModel, corrected: bool = False) -> str:
    """Return the places of a model by accuracy, or by the corrected score.

    Example:
        >>> ranked = RankedModel(model="a", place=1, last_place=3, corrected_place=2, corrected_last_place=2)
        >>> place_text(ranked), place_text(ranked, corrected=True)
        ('place 1 to 3', 'place 2')
    """
    first, last = ranked.place, ranked.last_place
    if corrected:
        first, last = ranked.corrected_place, ranked.corrected_last_place
    if first is None:
        return "no place"
    return f"place {first}" + (f" to {last}" if last != first else "")


def accuracies(entry: ModelSummary | BaselineAccuracies, types: list[str]) -> list[float | None]:
    """Return the accuracy of a model or a baseline over all pairs, its mean over types, and that on each type.

    Example:
        >>> from iqbench.statistics.estimate import Accuracy
        >>> baseline = BaselineAccuracies(
        ...     overall=Accuracy(accuracy=0.5), by_degradation={"blur": Accuracy(accuracy=0.25)}
        ... )
        >>> accuracies(baseline, ["jpeg", "blur"])
        [0.5, 0.25, None, 0.25]
    """
    by_type = [entry.by_degradation[kind].value if kind in entry.by_degradation else None for kind in types]
    return [entry.overall.value, entry.macro.value, *by_type]


def accuracy_table(summary: Summary) -> Table:
    """Return models by degradation types in percent, the interval under the accuracy over all pairs.

    Bold marks a model that is shown to be the best on that type; dim rows below are the baselines. Of many types only
    the means stand here; `types_table` has the types.
    """
    types = type_order(summary)
    few = len(types) <= MOST_COLUMNS
    types = types if few else []
    caption = _caption(summary) if few else None
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), caption=caption, caption_justify="left")
    table.add_column("model", max_width=22, overflow="fold")
    for heading in ("all", "macro_corr.", *types):
        table.add_column(Text(heading.replace("_", "\n")), justify="right", vertical="top")
    winners = {kind: winner.better for kind, winner in summary.by_degradation_winner.items()}
    for name, model in summary.models.items():
        overall, macro, *by_type = accuracies(model, types)
        means = Text(percent(macro)).append(f"\n{percent(model.against_baselines.corrected.value)}", "dim")
        styles = ["bold" if winners.get(kind) == name else "" for kind in types]
        cells = [Text(percent(value), style) for value, style in zip(by_type, styles, strict=True)]
        shown = _with_interval(overall, model.overall.interval)
        table.add_row(_with_photos(name, summary), shown, means, *cells)
    table.add_section()
    for name, baseline in summary.baselines.items():
        all_pairs, mean, *each = map(percent, accuracies(baseline, types))
        table.add_row(Text(one_line(name)), all_pairs, mean, *each, style="dim")
    return table


def types_table(summary: Summary) -> Table | None:
    """Return a row for each of many types, a column for each model, and the best baseline; None of few types.

    Bold marks a model that is shown to be the best on a type. More models than fit have no columns.
    """
    types, models = type_order(summary), list(summary.models)
    if len(types) <= MOST_COLUMNS:
        return None
    shown = models[:MOST_MODELS]
    left = len(models) - len(shown)
    caption = f"{left} more models: see KEY_TAKEAWAYS.md" if left else None
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), caption=caption, caption_justify="left")
    table.add_column("type", max_width=22, overflow="fold")
    for name in shown:
        table.add_column(
            Text(one_line(name)), justify="right", vertical="bottom", min_width=5, max_width=9, overflow="fold"
        )
    table.add_column("best baseline", style="dim", no_wrap=True)
    for kind in types:
        winner = summary.by_degradation_winner.get(kind)
        cells = []
        for name in shown:
            cell = summary.models[name].by_degradation.get(kind)
            style = "bold" if winner is not None and winner.better == name else ""
            cells.append(Text(percent(None if cell is None else cell.value), style))
        table.add_row(Text(one_line(kind)), *cells, _best_baseline(summary, kind))
    return table


def _best_baseline(summary: Summary, kind: str) -> Text:
    """Return the best baseline on a type, and its accuracy."""
    reached = {
        name: baseline.by_degradation[kind].value
        for name, baseline in summary.baselines.items()
        if kind in baseline.by_degradation
    }
    best = best_baseline(reached)
    return Text("" if best is None else f"{percent(reached[best]):>5} {one_line(best)}")


def _with_photos(name: str, summary: Summary) -> Text:
    """Return a model's name, with its number of photos under it where models differ in that."""
    text, counts = Text(one_line(name)), {model.photos for model in summary.models.values()}
    if len(counts) > 1:
        text.append(f"\n{summary.models[name].photos} photos", "dim")
    return text


def _with_interval(accuracy: float | None, interval: Interval | None) -> Text:
    text = Text(percent(accuracy))
    if interval is not None:
        text.append(f"\n{percent(interval[0])}–{percent(interval[1])}", "dim")
    return text


def _caption(summary: Summary) -> Text:
    judged, planned = summary.photos_judged, summary.photos
    photos = f"{judged} photo{'s' * (judged != 1)}" + (f" (of {planned})" if judged != planned else "")
    failed = summary.counts.pairs.failed
    parts = [
        f"accuracy in %, {tie_rule(summary.protocol)}",
        "corr.: corrected for chance and baselines (0 is a coin, 100 perfect)",
        f"rows by {'corr.' if summary.ranked_by == 'corrected score' else 'accuracy'}",
        f"95 % intervals over {photos}" if judged > 1 else f"{photos}: no interval",
    ]
    if len(summary.models) > 1:
        parts.append(power_text(summary))
    if notice := cluster_notice(summary.clusters):
        parts.append(notice)
    if notice := looks_notice(summary):
        parts.append(notice)
    if failed:
        parts.append(f"{failed} pair{'s' * (failed != 1)} failed")
    if inapplicable := summary.counts.pairs.not_applicable:
        parts.append(f"{inapplicable} pair{'s' * (inapplicable != 1)} not applicable")
    if notice := unfinished(summary.complete, summary.missing_shards):
        parts.append(notice)
    return Text("; ".join(parts))


def print_table(summary: Summary, console: Console | None = None) -> None:
    """Print the headline, the accuracy table and the heaviest cautions, at least 120 columns wide in a pipe."""
    console = console or wide_console(120)
    console.print(Text(headline(summary), "bold"), soft_wrap=True)
    if reached := baseline_text(summary):
        console.print(reached, soft_wrap=True)
    console.print(accuracy_table(summary))
    if (by_type := types_table(summary)) is not None:
        console.print(by_type)
        console.print(Text(_caption(summary).plain, "dim italic"), soft_wrap=True)
    for name, model in summary.models.items():
        if model.overall.value == 1.0:
            right = f" is right in all {model.overall.n} pairs{bracketed_interval(model.overall)}"
            console.print(Text.assemble((one_line(name), "bold"), right), soft_wrap=True)
    for line in (*ensemble_lines(summary), *effect_lines(summary)):
        console.print(Text(line), soft_wrap=True)
    found = cautions(summary)
    for caution in found[:SHOWN]:
        console.print(Text.assemble((caution.subject, "bold"), caution.predicate), soft_wrap=True)
    if len(found) > SHOWN:
        console.print(f"{more_cautions(len(found) - SHOWN)} in KEY_TAKEAWAYS.md", soft_wrap=True)


def markdown_table(summary: Summary) -> list[str]:
    """Return the lines of the accuracy table in Markdown, in the layout of the published one.

    Many types have a row each, in a table below.
    """
    every = type_order(summary)
    types = every if len(every) <= MOST_COLUMNS else []
    heading = ["model", "all", *map(escape_markdown, types), "mean confidence", "macro", "corrected"]
    lines = [_markdown_row(heading), "| --- |" + " ---: |" * (len(heading) - 1)]
    for name, model in summary.models.items():
        overall, macro, *by_type = accuracies(model, types)
        interval = "" if model.overall.interval is None else bracketed_interval(model.overall)
        confidence = model.overall.avg_confidence
        mean = percent(None) if confidence is None else f"{confidence:.2f}"
        cells = [escape_markdown(name), percent(overall) + interval, *map(percent, by_type), mean, percent(macro)]
        cells.append(percent(model.against_baselines.corrected.value))
        lines.append(_markdown_row(cells))
    for name, baseline in summary.baselines.items():
        overall, macro, *by_type = accuracies(baseline, types)
        label = f"_baseline: {escape_markdown(name)}_"
        lines.append(_markdown_row([label, *map(percent, [overall, *by_type, None, macro, None])]))
    return lines if types == every else [*lines, "", *_markdown_types(summary, every)]


def _markdown_types(summary: Summary, types: list[str]) -> list[str]:
    """Return the lines of a table with a row for each type."""
    entries: list[ModelSummary | BaselineAccuracies] = [*summary.models.values(), *summary.baselines.values()]
    names = [*map(escape_markdown, summary.models), *(f"_{escape_markdown(name)}_" for name in summary.baselines)]
    by_entry = [accuracies(entry, types)[2:] for entry in entries]
    rows = [
        _markdown_row([escape_markdown(kind), *map(percent, values)])
        for kind, *values in zip(types, *by_entry, strict=True)
    ]
    return [_markdown_row(["type", *names]), "| --- |" + " ---: |" * len(names), *rows]


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
