"""Cautions: what a reader must know before using a benchmark's numbers, the heaviest first."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from iqbench.reporting import model_warnings
from iqbench.reporting.cluster_notice import cluster_notice
from iqbench.reporting.headline import is_self_supervised
from iqbench.reporting.notices import ceiling_lines, looks_notice, unfinished
from iqbench.reporting.text_format import and_list, capitalized, percent
from iqbench.results.summary import Summary

SHOWN = 3
"""Cautions that every reader sees; the others are folded, or stand in KEY_TAKEAWAYS.md only."""

LARGE_DIFFERENCE = 0.1
"""A benchmark that shows only differences above this has few photos."""


@dataclass(frozen=True)
class Caution:
    """A caution: its weight, the models that it is about (none: all of them), and a clause."""

    weight: int
    models: tuple[str, ...]
    text: str

    @property
    def subject(self) -> str:
        """The names of the models in words, "" if it is about the benchmark."""
        names = and_list(self.models, "models")
        return f"each of {names}" if len(self.models) > 1 else names

    @property
    def predicate(self) -> str:
        """The clause, to be written right after the subject."""
        return f" {self.text}" if self.models else self.text


@dataclass(frozen=True)
class BenchmarkRule:
    """A caution about a whole benchmark; the fields are those of `iqbench.reporting.model_warnings.Rule`."""

    weight: int
    lines: Callable[[Summary], Iterator[str]]
    reason: str


def cautions(summary: Summary) -> list[Caution]:
    """Return all cautions, the heaviest first. Models of which the same is true share one."""
    of_benchmark = [Caution(rule.weight, (), line) for rule in RULES for line in rule.lines(summary)]
    by_text: dict[tuple[int, str], list[str]] = {}
    for ranked in summary.ranking:
        for rule in model_warnings.WARNINGS:
            for line in rule.lines(summary.models[ranked.model]):
                by_text.setdefault((rule.weight, line), []).append(ranked.model)
    of_models = [Caution(weight, tuple(names), text) for (weight, text), names in by_text.items()]
    return sorted(of_benchmark + of_models, key=lambda caution: -caution.weight)


def more_cautions(number: int) -> str:
    """Return the number of cautions that are not shown, in words.

    Example:
        >>> more_cautions(1), more_cautions(2)
        ('1 lighter caution', '2 lighter cautions')
    """
    return f"{number} lighter caution{'s' * (number != 1)}"


def _incomplete(summary: Summary) -> Iterator[str]:
    if notice := unfinished(summary.complete, summary.missing_shards):
        yield notice


def _failed(summary: Summary) -> Iterator[str]:
    counts = summary.counts.pairs
    if counts.failed:
        statuses = sorted({status for model in summary.models.values() for status in model.failures})
        reasons = f" ({', '.join(statuses)})" if statuses else ""
        yield f"{counts.failed:,} of {counts.planned:,} pairs failed{reasons}"


def _few_photos(summary: Summary) -> Iterator[str]:
    least, photos = summary.least_difference.overall, summary.photos_judged
    if len(summary.models) < 2 or not photos:
        return
    if least is None:
        yield f"{photos:,} photo{'s' * (photos != 1)} can show no difference between models"
    elif least > LARGE_DIFFERENCE:
        yield f"{photos:,} photos are few: only differences above {percent(least)} points can be shown"


def _self_supervised(summary: Summary) -> Iterator[str]:
    if some := [name for name, model in summary.models.items() if is_self_supervised(model)]:
        yield f"{and_list(some, 'models')} learned from degraded copies of photos, without any human label"


def _looks(summary: Summary) -> Iterator[str]:
    if notice := looks_notice(summary):
        yield capitalized(notice)


def _batch_sizes(summary: Summary) -> Iterator[str]:
    for run in summary.runs:
        sizes = run.details.get("batch_sizes")
        if isinstance(sizes, list):
            yield (
                f"Batches of {run.identity['model_name']} fell from {sizes[0]} to {sizes[-1]} pictures for want of "
                f"memory, so the last bits of its margins differ before and after; engine.batch_size={sizes[-1]} "
                "keeps them the same"
            )


def _wrong_clusters(summary: Summary) -> Iterator[str]:
    if summary.clusters.near_copies:
        yield cluster_notice(summary.clusters)


def _ceilings(summary: Summary) -> Iterator[str]:
    yield from map(capitalized, ceiling_lines(summary))


RULES = (
    BenchmarkRule(100, _incomplete, "all numbers are about a part of the plan"),
    BenchmarkRule(72, _failed, "the photos that are left may be other photos than those that failed"),
    BenchmarkRule(60, _few_photos, "what looks like a difference, or like none, may be luck"),
    BenchmarkRule(55, _self_supervised, "the numbers are about damage, and say nothing about taste"),
    BenchmarkRule(48, _looks, "stopping at a lucky moment makes false claims"),
    BenchmarkRule(35, _wrong_clusters, "the intervals take care of it, if the clusters are right"),
    BenchmarkRule(15, _batch_sizes, "it changes a verdict only where the margin is nearly 0"),
    BenchmarkRule(10, _ceilings, "the corrected score takes care of it"),
)
"""One rule per caution about a whole benchmark, the heaviest first."""
