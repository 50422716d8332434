"""Files for a paper: the ranking as a LaTeX table and as CSV, and the figures as vectors."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from iqbench.errors import UsageError, did_you_mean
from iqbench.io import atomic_batch
from iqbench.reporting.exports import write_csv
from iqbench.reporting.frames import by_degradation, ranking
from iqbench.reporting.plots import save_accuracy_table, save_ladders
from iqbench.reporting.text_format import UNKNOWN, one_line, percent, tie_worth
from iqbench.results.summary import Summary
from iqbench.statistics.estimate import Estimate


def write_paper(summary: Summary, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write the files of some formats into ``folder``, and return their paths.

    Args:
        summary: The summary of the runs.
        folder: The folder, which exists.
        formats: Names from `FORMATS`.
    """
    with atomic_batch(folder) as place:
        for name in formats:
            FORMATS[name](summary, place)
        return [folder / path.name for path in sorted(place.iterdir())]


def chosen_formats(text: str) -> list[str]:
    """Return the formats that a list separated by commas names.

    Raises:
        UsageError: If one of them does not exist.

    Example:
        >>> chosen_formats("latex,csv")
        ['latex', 'csv']
    """
    names = list(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in FORMATS:
            raise UsageError(f"--format {name}: no such format.{did_you_mean(name, FORMATS)} There are: {KNOWN}")
    if not names:
        raise UsageError(f"--format: empty. There are: {KNOWN}")
    return names


def _write_latex(summary: Summary, place: Path) -> None:
    (place / "leaderboard.tex").write_text(latex_table(summary), encoding="utf-8", newline="\n")


def _write_leaderboard(summary: Summary, place: Path) -> None:
    write_csv(place / "leaderboard.csv", ranking(summary).reset_index())


def _write_pdf(summary: Summary, place: Path) -> None:
    save_accuracy_table(summary, place / "accuracy.pdf", "pdf")
    save_ladders(summary, place / "ladders.pdf", "pdf")


def _write_svg(summary: Summary, place: Path) -> None:
    save_accuracy_table(summary, place / "accuracy.svg", "svg")
    save_ladders(summary, place / "ladders.svg", "svg")


FORMATS: dict[str, Callable[[Summary, Path], None]] = {
    "latex": _write_latex,
    "pdf": _write_pdf,
    "svg": _write_svg,
    "csv": _write_leaderboard,
}
"""The formats of ``iqbench.report --format``, each with the function that writes its files."""

KNOWN = ", ".join(FORMATS)


def latex_table(summary: Summary) -> str:
    """Return the ranking as a LaTeX table: models with intervals, and the baselines below a rule.

    It needs the packages booktabs and graphicx, and shrinks to the width of the line. A model is bold on a type where
    it is shown to be the best.
    """
    accuracy = by_degradation(summary)
    best = {kind: winner.better for kind, winner in summary.by_degradation_winner.items()}
    cells = {
        kind: [_cell(share, bold=best.get(str(kind)) == name) for name, share in accuracy[kind].items()]
        for kind in accuracy
    }
    table = pd.DataFrame(cells, accuracy.index)
    macro = [model.macro for model in summary.models.values()]
    macro += [baseline.macro for baseline in summary.baselines.values()]
    corrected = [model.against_baselines.corrected for model in summary.models.values()]
    baselines = [percent(baseline.overall.value) for baseline in summary.baselines.values()]
    of_models = [_with_interval(model.overall) for model in summary.models.values()]
    table.insert(0, "all", of_models + baselines)
    table.insert(1, "corr.", [*map(_with_interval, corrected), *[UNKNOWN] * len(baselines)])
    table.insert(2, "macro", [percent(mean.value) for mean in macro])
    table = table.set_axis([*map(one_line, table.index)]).set_axis([*map(one_line, table.columns)], axis=1)
    styler = table.style.format_index(escape="latex", axis=0).format_index(_heading, escape="latex", axis=1)
    text: str = styler.to_latex(
        hrules=True,
        column_format="l" + "r" * len(table.columns),
        caption=_caption(summary),
        label="tab:iqbench",
        position_float="centering",
    )
    packages = r"\usepackage{booktabs,graphicx}"
    return f"% iqbench {summary.iqbench}; in the preamble: {packages}\n" + _fitted(text, len(summary.baselines))


def _cell(share: float, bold: bool) -> str:
    text = UNKNOWN if pd.isna(share) else f"{share:.1f}"
    return rf"\textbf{{{text}}}" if bold else text


def _with_interval(estimate: Estimate) -> str:
    if estimate.interval is None:
        return percent(estimate.value)
    low, high = map(percent, estimate.interval)
    lines = rf"{percent(estimate.value)} \\ {{\scriptsize [{low}, {high}]}}"
    return rf"\begin{{tabular}}[t]{{@{{}}r@{{}}}}{lines}\end{{tabular}}"


def _heading(escaped: object) -> str:
    """Return a heading with a line per word, which keeps its column narrow."""
    stacked = str(escaped).replace(r"\_", r"\\")
    return rf"\shortstack[r]{{{stacked}}}" if stacked != escaped else stacked


def _fitted(text: str, baselines: int) -> str:
    """Return a table that is shrunk to the width of the line, with a rule above its last rows, the baselines."""
    lines = text.splitlines()
    if baselines:
        lines.insert(lines.index(r"\bottomrule") - baselines, r"\midrule")
    start = next(at for at, line in enumerate(lines) if line.startswith(r"\begin{tabular}"))
    lines.insert(start, r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%")
    lines.insert(lines.index(r"\end{tabular}") + 1, "}")
    return "\n".join(lines) + "\n"


def _caption(summary: Summary) -> str:
    """Return what a reader of the table alone needs to know."""
    photos = f"{summary.photos_judged} photo{'s' * (summary.photos_judged != 1)}"
    if summary.clusters.clusters != summary.clusters.photos:
        photos += f" in {summary.clusters.clusters} clusters"
    protocol = summary.protocol
    rule = tie_worth(protocol.tie_worth) + ", the original is always shown first" * (protocol.orders != "both")
    return (
        rf"Accuracy in \% on pairs of a photo and a degraded copy of it, {photos}, {rule}, with 95\,\% confidence "
        r"intervals over photos. Corr.: corrected for chance and baselines, 0 is a coin and 100 a perfect judge. "
        r"Macro: the mean over degradation types. Bold: shown to be the best on a type (corrected $p < 5$\,\%)."
    )
