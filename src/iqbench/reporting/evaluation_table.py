"""The terminal table of an evaluation: models, baselines, and the conclusions that the numbers allow."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from iqbench.evaluation.measures import (
    PAIR_MEASURES,
    SCORE_MEASURES,
    VOTE_MEASURES,
    PairMean,
    SeriesMean,
    Unit,
    VoteMeasure,
    VoteProportion,
)
from iqbench.protocol import Protocol
from iqbench.reporting.cluster_notice import cluster_notice
from iqbench.reporting.console import wide_console
from iqbench.reporting.evaluation_headline import evaluation_headline
from iqbench.reporting.model_warnings import not_held_out
from iqbench.reporting.notices import unfinished
from iqbench.reporting.text_format import decimal, one_line, p_text, percent, points, tie_worth
from iqbench.reporting.voter_lines import voter_lines
from iqbench.results.agreement_summary import (
    AgainstBestBaseline,
    ClusterBootstrap,
    ModelComparison,
    PairAgreement,
    PairedDifference,
    ScoreAgreement,
    VoteAgreement,
)
from iqbench.results.cluster_summary import Clusters
from iqbench.results.evaluation_summary import EvaluatedSet, EvaluationSummary, PairModel, ScoreModel, VoteModel
from iqbench.statistics.estimate import Estimate

Cells = dict[str, Text | str]
Definition = PairMean | SeriesMean | VoteMeasure | VoteProportion


def print_agreement(summary: EvaluationSummary, console: Console | None = None) -> None:
    """Print the headline, and a table for each set. In a file or a pipe it is at least 120 columns wide."""
    console = console or wide_console(120)
    console.print(Text(evaluation_headline(summary), "bold"), soft_wrap=True)
    for result in summary.sets:
        console.print(agreement_table(result))
        for line in notes(result, summary.protocol):
            console.print(Text(line), soft_wrap=True)
        console.print()
    if notice := unfinished(summary.complete, []):
        console.print(Text(notice), soft_wrap=True)


def agreement_table(result: EvaluatedSet) -> Table:
    """Return the table of one set; the dim rows below are the baselines."""
    table = Table(
        title=Text(heading(result), "bold"), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1)
    )
    table.add_column("model", max_width=24, overflow="fold")
    for name in _cells(result.first_model):
        table.add_column(name, justify="right", vertical="top")
    for name, model in result.models.items():
        table.add_row(Text(one_line(name)), *_cells(model).values())
    table.add_section()
    for name, baseline in result.baselines.items():
        table.add_row(Text(one_line(name)), *_cells(baseline).values(), style="dim")
    return table


def heading(result: EvaluatedSet) -> str:
    """Return the name and the size of the set, such as ``PhotoTriage val: 9 pairs of 9 photos in 3 series``."""
    counts = result.first_model.counts
    labels = "mean opinions" if isinstance(result.first_model, ScoreModel) else "votes"
    size = f"{counts.photos:,} photos with {labels}"
    if isinstance(result.first_model, PairModel):
        counts_of_pairs = result.first_model.counts
        size = f"{counts_of_pairs.pairs:,} pairs of {counts.photos:,} photos in {counts_of_pairs.series:,} series"
    return f"{one_line(result.data)} {result.split}: {size}"


def notes(result: EvaluatedSet, protocol: Protocol) -> list[str]:
    """Return the lines under a table: how to read it, the conclusions, and the cautions."""
    lines = [_legend(result, protocol), *_clusters(result.clusters), *_power(result)]
    if not result.photos.read and not result.photos.failures:
        lines.append("no photo was opened: baselines that look at photos have no value, and near-copies are not known")
    lines += voter_lines(result)
    for name, model in result.models.items():
        lines += [f"{one_line(name)}: {line}" for line in _conclusions(model)]
    for difference in result.differences:
        a, b = map(one_line, difference.models)
        lines.append(f"{a} against {b}: {_size(difference)}; {one_line(difference.verdict)}")
    return lines


def _cells(judge: PairAgreement | VoteAgreement | ScoreAgreement) -> Cells:
    """Return a row of the table by its headings: the first measure with its interval, the failures last."""
    by_kind: dict[str, Mapping[str, Definition]]
    by_kind = {"pairs": PAIR_MEASURES, "votes": VOTE_MEASURES, "scores": SCORE_MEASURES}
    cells: Cells = {}
    for name, definition in by_kind[judge.kind].items():
        if not definition.heading:
            continue
        estimate = judge.measures.get(name, Estimate(value=None))
        if cells:
            cells[definition.heading] = _formatter(definition.unit)(estimate.value)
            continue
        cells[definition.heading] = _with_interval(estimate, definition.unit)
        if isinstance(judge, PairAgreement):
            cells |= _agreement_bins(judge)
    if isinstance(judge, VoteAgreement) and judge.pairs_from_votes is not None:
        cells["accuracy\nin pairs"] = _with_interval(judge.pairs_from_votes.accuracy, "percent")
    return cells | {"failed": str(sum(judge.counts.failures.values()))}


def _agreement_bins(judge: PairAgreement) -> Cells:
    return {
        f"{100 * level.low:.0f}–\n{100 * level.high:.0f} %": percent(level.value)
        for level in judge.accuracy_by_agreement
    }


def _with_interval(estimate: Estimate, unit: Unit) -> Text:
    shown, dash = _formatter(unit), "–" if unit == "percent" else " to "
    text = Text(shown(estimate.value))
    if estimate.interval is not None:
        text.append("\n" + dash.join(map(shown, estimate.interval)), "dim")
    return text


def _formatter(unit: Unit) -> Callable[[float | None], str]:
    return percent if unit == "percent" else decimal


def _legend(result: EvaluatedSet, protocol: Protocol) -> str:
    model = result.first_model
    over = f"95 % intervals over {_units(model.bootstrap, result)}"
    if isinstance(model, PairModel):
        return (
            f"in % of pairs with a winner, {_scoring(protocol)}; columns 50–60 % and so on: pairs on which so many "
            f"people agree; {over}"
        )
    if isinstance(model, ScoreModel):
        return (
            "logistic: after a curve of four parameters from scores to opinions; RMSE is on the scale of the opinions; "
            f"{over}"
        )
    base = percent(model.binary_constant_accuracy.value)
    return (
        f"good or bad: the mean vote is above 5, in % (the constant answer: {base}); accuracy in pairs made from the "
        f"votes, in %; {over}"
    )


def _clusters(clusters: Clusters) -> list[str]:
    """Return the line that photos are not independent, with examples."""
    if not (notice := cluster_notice(clusters)):
        return []
    pairs = "; ".join(f"{one_line(first)} and {one_line(second)}" for first, second in clusters.examples)
    return [f"{notice}. For example: {pairs}"]


def _units(settings: ClusterBootstrap, result: EvaluatedSet) -> str:
    """Return what intervals count, such as ``8 clusters of photos``."""
    of_clusters = "clusters of " if result.clusters.near_copies else ""
    return f"{settings.units:,} {of_clusters}{'photos' if settings.unit == 'photo' else 'series'}"


def _power(result: EvaluatedSet) -> list[str]:
    """Return what difference these labels can show, the median over all pairs of models."""
    compared: Sequence[PairedDifference] = result.differences
    between = "between models "
    if len(result.models) == 1:
        compared, between = [result.first_model.against_best_baseline], "from the best baseline "
    compared = [difference for difference in compared if difference.p is not None]
    if not compared or (settings := compared[0].resampling) is None:
        return []
    least = np.median([np.inf if gap.least_difference is None else gap.least_difference for gap in compared])
    units = f"with {_units(settings, result)}"
    if not np.isfinite(least):
        return [f"{units} no difference {between}can be shown"]
    size = f"{percent(float(least))} points" if result.kind == "pairs" else f"{decimal(float(least))} SRCC"
    corrected = f", corrected for {len(compared)} pairs of models" if len(compared) > 1 else ""
    return [f"{units} only differences {between}above {size} can be shown (80 % power{corrected})"]


def _scoring(protocol: Protocol) -> str:
    """Return the worth of a tie, and whether only the listed order of a pair counts.

    Example:
        >>> _scoring(Protocol("legacy", "original_first", 0.0, 0.0))
        'a tie is wrong, only the listed order counts (protocol legacy)'
    """
    order = "" if protocol.orders == "both" else f", only the listed order counts (protocol {one_line(protocol.name)})"
    return tie_worth(protocol.tie_worth) + order


def _conclusions(model: PairModel | VoteModel | ScoreModel) -> list[str]:
    """Return what may be concluded about a model, and the cautions."""
    lines = []
    if model.training_data:
        lines.append(f"training data: {one_line(model.training_data)}")
    if not isinstance(model, PairModel) and model.predicts == "preference":
        lines.append("it has no score; predicted is the mean probability that a photo is better than some others")
    against = model.against_best_baseline
    if against.baseline is not None:
        lines.append(f"{against.verdict} ({_size(against)})")
    if notice := not_held_out(model):
        lines.append(f"NOT HELD OUT: it {notice}")
    if failures := model.counts.failures:
        worth = _worth_of_failures(model)
        lines.append("no answer in " + ", ".join(f"{count:,} {status}" for status, count in failures.items()) + worth)
    pairs = model if isinstance(model, PairModel) else getattr(model, "pairs_from_votes", None)
    consistency = None if pairs is None else pairs.order_consistency.value
    if pairs is not None and consistency is not None and consistency < 1:
        changed = f"{percent(1 - consistency)} %"
        if (interval := pairs.order_consistency.interval) is not None:
            changed += f" [{percent(1 - interval[1])}, {percent(1 - interval[0])}]"
        lines.append(f"its answer changes in {changed} of pairs when they are swapped")
    return lines


def _worth_of_failures(model: PairModel | VoteModel | ScoreModel) -> str:
    """Return what failures count in the measures."""
    owed = model.counts.unanswered
    if isinstance(model, ScoreModel):
        return f"; {owed:,} readable photos count with its average score" if owed else ""
    if isinstance(model, VoteModel):
        return f"; {owed:,} readable photos count with its average score, and in pairs as ties" if owed else ""
    return f"; {owed:,} pairs with readable photos count as ties" if owed else ""


def _size(difference: PairedDifference) -> str:
    """Return a difference with its interval and p, such as ``+5.0 points [+1.0, +9.0], p (corrected) 0.02``."""
    if difference.value is None:
        return f"no difference is known: {difference.reason}"
    in_points = difference.measure == "accuracy"
    shown, unit = (points, " points") if in_points else (_plain, " SRCC")
    if difference.interval is None:
        return f"{shown(difference.value)}{unit}, {difference.interval_reason}"
    low, high = map(shown, difference.interval)
    p = f"p {p_text(difference.p)}"
    if isinstance(difference, ModelComparison | AgainstBestBaseline):
        p = f"p (corrected) {p_text(difference.p_corrected)}"
    count = difference.left_out
    left_out = f"; {count:,} label{'s' * (count != 1)} left out" if count else ""
    return f"{shown(difference.value)}{unit} [{low}, {high}], {p}{left_out}"


def _plain(value: float) -> str:
    return f"{value:+.3f}"
