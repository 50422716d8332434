"""Facts about the runs of a report: when, by which command, on which photos, with which suite, seeds and versions."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from iqbench.reporting.degradation_types import type_order
from iqbench.reporting.notices import tie_rule
from iqbench.reporting.text_format import one_line
from iqbench.results.origin import Origin
from iqbench.results.summary import Summary

Origins = Sequence[tuple[str, Origin]]


def facts(summary: Summary) -> str:
    """Return the size of a benchmark, and what its accuracy is, in one line."""
    models, photos = len(summary.models), summary.photos_judged
    judged = f"{photos:,} photo{'s' * (photos != 1)}"
    if photos != summary.photos:
        judged += f" of {summary.photos:,} judged"
    pairs = summary.counts.pairs
    answered = (
        f"{pairs.ok:,} pairs" if pairs.ok == pairs.planned else f"{pairs.ok:,} of {pairs.planned:,} pairs answered"
    )
    if pairs.not_applicable:
        answered += f" ({pairs.not_applicable:,} not applicable: that damage cannot be made of that photo)"
    return (
        f"{models} model{'s' * (models != 1)}, {judged}, {answered}. Accuracy is the share of pairs in which a model "
        f"prefers the original to its degraded copy; {tie_rule(summary.protocol)}."
    )


def inapplicable_text(summary: Summary) -> list[str]:
    """Return the pairs of each type whose damage cannot be made of that photo, with the reasons, summed over models."""
    kinds: dict[str, Counter[str]] = {}
    for model in summary.models.values():
        for kind, reasons in model.not_applicable.items():
            kinds.setdefault(kind, Counter()).update(reasons)
    return [
        f"{one_line(kind)}, {sum(reasons.values()):,} pairs "
        f"({'; '.join(f'{one_line(reason)}: {count:,}' for reason, count in sorted(reasons.items()))})"
        for kind, reasons in sorted(kinds.items())
    ]


def suite_text(summary: Summary) -> str:
    """Return the degradation types and the number of their levels."""
    levels = {kind: set[str]() for kind in type_order(summary)}
    for model in summary.models.values():
        for ladder, steps in model.severity.items():
            for step in steps:
                levels[step.degradation_type].add(f"{ladder} {step.level}")
    counted = [f"{one_line(kind)} ({len(names)})" for kind, names in levels.items()]
    total = sum(len(names) for names in levels.values())
    return f"{total} levels of {len(levels)} types: {', '.join(counted)}"


def data_text(summary: Summary) -> str:
    """Return the settings of the photos, those of each run once."""
    return "; ".join(_distinct(_settings(_config(run.details).get("data", {})) for run in summary.runs)) or "unknown"


def seeds_text(summary: Summary) -> str:
    """Return the seeds of the runs."""
    return ", ".join(_distinct(f"run {_config(run.details).get('seed', 'unknown')}" for run in summary.runs)) or "–"


def versions_text(summary: Summary) -> str:
    """Return the versions of iqbench and of the packages that results depend on."""
    versions = _distinct(
        ", ".join(f"{name} {version}" for name, version in _mapping(run.identity.get("versions")).items())
        for run in summary.runs
    )
    return one_line("; ".join(versions)) or f"iqbench {summary.iqbench}"


def started(origins: Origins) -> dict[str, str]:
    """Return when the first run of each model started, such as ``2026-01-31 12:00:00``."""
    times: dict[str, list[str]] = {}
    for name, origin in origins:
        if origin.started:
            times.setdefault(name, []).append(origin.started.replace("T", " ").removesuffix("+00:00"))
    return {name: min(of_model) for name, of_model in times.items()}


def commands(origins: Origins) -> list[tuple[str, list[str]]]:
    """Return the commands that repeat the runs, each once, by the folder that they were started in."""
    by_folder: dict[str, list[str]] = {}
    for _, origin in origins:
        lines = by_folder.setdefault(origin.folder, [])
        if origin.command and origin.command not in lines:
            lines.append(origin.command)
    return [(folder, lines) for folder, lines in by_folder.items() if lines]


def _config(details: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(details.get("config"))


def _settings(data: Any) -> str:
    """Return settings in the form of the command line, without those that are not set."""
    items = _mapping(data).items()
    name = str(_mapping(data).get("_target_", "")).rpartition(".")[2].lower()
    given = [f"{key}={value}" for key, value in items if key != "_target_" and value is not None]
    return one_line(" ".join([name, *given]))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _distinct(texts: Any) -> list[str]:
    return list(dict.fromkeys(text for text in texts if text))
