"""The sections of report.html. A new one is an entry of `SECTIONS` and its template in sections/."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from markupsafe import Markup

from iqbench.benchmark.cross_pairs import PARTNERS
from iqbench.datasets.passed_over import passed_over_text
from iqbench.reporting.blind_spots import NO_BLIND_SPOT, blind_spots, spot_in_words
from iqbench.reporting.cautions import SHOWN, cautions, more_cautions
from iqbench.reporting.comparisons import comparison_figures
from iqbench.reporting.degradation_types import MOST_COLUMNS, type_order
from iqbench.reporting.diagnostics_plots import agreement_plot, reliability_plot
from iqbench.reporting.diagnostics_text import cross_photo_text, threshold_text
from iqbench.reporting.ensemble_text import ensemble_lines
from iqbench.reporting.gallery import Pictures, gallery
from iqbench.reporting.html_templates import data_uri, render
from iqbench.reporting.notices import power_text, tie_rule
from iqbench.reporting.opinions import SOURCE, Opinion, opinion
from iqbench.reporting.run_facts import (
    commands,
    data_text,
    facts,
    inapplicable_text,
    seeds_text,
    started,
    suite_text,
    versions_text,
)
from iqbench.reporting.semantic_text import EFFECT, effect_finding, effect_name
from iqbench.reporting.table import RANKED_BY, accuracies
from iqbench.results.comparison_pictures import ComparisonPictures
from iqbench.results.model_summary import SeverityStep
from iqbench.results.origin import Origin
from iqbench.results.summary import Summary

Values = dict[str, Any]


@dataclass(frozen=True)
class ReportContent:
    """The results that report.html renders: the summary, the accuracy plot, the pictures, and the runs' origins."""

    summary: Summary
    accuracy_plot: Path
    pictures: Pictures
    compared: ComparisonPictures = field(default_factory=dict)
    origins: Sequence[tuple[str, Origin]] = ()
    """The name of the model of each run, and the run's origin."""

    @cached_property
    def types(self) -> list[str]:
        """The degradation types in the order of the report."""
        return type_order(self.summary)


def _no_values(_: ReportContent) -> Values:
    return {}


def _always(_: Summary) -> bool:
    return True


@dataclass(frozen=True)
class Section:
    """A section of the report.

    Args:
        heading: Its heading.
        template: Its file in sections/, without ``.html.j2``. It can use ``summary`` and ``types``.
        values: Returns the further values that the template uses.
        applies: Whether a summary has anything for the section.
    """

    heading: str
    template: str
    values: Callable[[ReportContent], Values] = _no_values
    applies: Callable[[Summary], bool] = _always

    def body(self, content: ReportContent) -> Markup:
        """Return the section as HTML, without its heading."""
        values = self.values(content)
        return render(f"sections/{self.template}.html.j2", summary=content.summary, types=content.types, **values)


@dataclass
class LevelRow:
    """A level of a ladder, with the accuracy of each model that judged it, and what people say of it."""

    ladder: str
    severity: int
    level: str
    models: dict[str, SeverityStep]
    opinion: Opinion | None


def _verdict(content: ReportContent) -> Values:
    summary, found = content.summary, cautions(content.summary)
    return {
        "facts": facts(summary),
        "ranked_by": RANKED_BY[summary.ranked_by],
        "cautions": found,
        "shown": SHOWN,
        "more": more_cautions(len(found) - SHOWN),
        "blind_spots": [(spot_in_words(spot, summary), spot) for spot in blind_spots(summary)],
        "no_blind_spot": NO_BLIND_SPOT,
        "groups": _groups(summary),
        "photo_counts": {model.photos for model in summary.models.values()},
    }


def _groups(summary: Summary) -> list[str]:
    """Return the groups of types in a table: semantic damage only where there is some."""
    semantic = any("semantic" in model.groups for model in summary.models.values())
    return ["technical", "compositional", *["semantic"] * semantic]


def _provenance(content: ReportContent) -> Values:
    summary = content.summary
    return {
        "data": data_text(summary),
        "suite": suite_text(summary),
        "tie_rule": tie_rule(summary.protocol),
        "seeds": seeds_text(summary),
        "versions": versions_text(summary),
        "started": started(content.origins),
        "commands": commands(content.origins),
        "not_applicable": inapplicable_text(summary),
        "passed_over": _passed_over(summary),
    }


def _comparisons(content: ReportContent) -> Values:
    return {"power": power_text(content.summary), "ensembles": ensemble_lines(content.summary)}


def _accuracy(content: ReportContent) -> Values:
    summary = content.summary
    models = {name: accuracies(model, content.types) for name, model in summary.models.items()}
    baselines = {name: accuracies(baseline, content.types) for name, baseline in summary.baselines.items()}
    levels = _level_rows(summary)
    return {
        "plot": data_uri(content.accuracy_plot.read_bytes()),
        "model_cells": models,
        "baseline_cells": baselines,
        "by_rows": len(content.types) > MOST_COLUMNS,
        "levels": levels,
        "opinion_source": SOURCE if any(row.opinion for row in levels) else "",
    }


def _level_rows(summary: Summary) -> list[LevelRow]:
    rows: dict[tuple[str, int], LevelRow] = {}
    for name, model in summary.models.items():
        for ladder, steps in model.severity.items():
            for step in steps:
                threshold = model.thresholds.get(ladder)
                said = None if threshold is None else opinion(ladder, threshold.unit, step.level)
                new = LevelRow(ladder, step.severity, step.level, {}, said)
                row = rows.setdefault((ladder, step.severity), new)
                row.models[name] = step
    return [rows[key] for key in sorted(rows)]


def _thresholds(content: ReportContent) -> Values:
    ladders = dict.fromkeys(ladder for model in content.summary.models.values() for ladder in model.thresholds)
    return {"ladders": list(ladders), "threshold_text": threshold_text}


def _semantic(_: ReportContent) -> Values:
    return {"about": EFFECT, "name": effect_name, "finding": effect_finding}


def _p_test(content: ReportContent) -> Values:
    models = {name: model.p_test for name, model in content.summary.models.items() if model.p_test}
    return {"models": models, "pairs_text": cross_photo_text, "partners": PARTNERS}


def _agreement(content: ReportContent) -> Values:
    agreements = [pair for pair in content.summary.agreement if pair.disagreements or pair.gmad]
    figures = [(pair, comparison_figures(pair, content.compared)) for pair in agreements]
    return {"plot": data_uri(agreement_plot(content.summary)), "figures": figures}


def _mistakes(content: ReportContent) -> Values:
    return {"gallery": gallery(content.summary, content.pictures)}


def _confidence(content: ReportContent) -> Values:
    return {"plot": data_uri(reliability_plot(content.summary))}


def _passed_over(summary: Summary) -> list[str]:
    """Return what the runs did not judge, in a line for each source of photos."""
    details = [run.details for run in summary.runs]
    texts = [passed_over_text(_known(run, "ignored_files"), _known(run, "ignored_examples")) for run in details]
    return list(dict.fromkeys(filter(None, texts)))


def _known(details: Values, key: str) -> Values:
    """Return a part of a run's details; {} if its store is older than the part."""
    return details.get(key) or {}


SECTIONS = (
    Section("Verdict", "verdict", _verdict),
    Section("Paired comparisons of models", "comparisons", _comparisons, lambda summary: bool(summary.pairwise)),
    Section("Accuracy by degradation type", "accuracy", _accuracy),
    Section("Monotonicity test (L-test)", "monotonicity"),
    Section(
        "Across photos (P-test)", "p_test", _p_test, lambda summary: any(m.p_test for m in summary.models.values())
    ),
    Section(
        "Semantic effects",
        "semantic",
        _semantic,
        lambda summary: any(m.semantic_effects for m in summary.models.values()),
    ),
    Section("Detection thresholds", "thresholds", _thresholds),
    Section("Agreement of two models", "agreement", _agreement, lambda summary: bool(summary.agreement)),
    Section("Most confident mistakes", "mistakes", _mistakes),
    Section("Calibration and repeatability", "confidence", _confidence),
    Section("Accuracy by image statistics", "strata"),
    Section("Provenance", "provenance", _provenance),
)
"""The sections of report.html, in their order on the page."""
