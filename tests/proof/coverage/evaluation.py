"""Evaluation against human labels: equal judges called different, and intervals that hold the truth."""

from collections.abc import Iterator
from functools import cache
from itertools import combinations, product

import numpy as np
import pandas as pd

from iqbench.evaluation.agreement import pair_agreement, vote_agreement
from iqbench.evaluation.compare import compare
from iqbench.evaluation.merge import corrected_for_models
from iqbench.evaluation.predict import Predictions
from iqbench.evaluation.summarize import BOOTSTRAP, baseline_agreements
from iqbench.evaluation.vote_scale import VoteScale
from proof.coverage.cells import Cell, SimulatedTable, at_least, at_most
from proof.coverage.judges import Array

OF_SERIES = 4
"""Photos of a series, of which every two are a pair."""


def labels(kind: str, units: int, random: np.random.Generator) -> tuple[pd.DataFrame, Array]:
    """Return labels, and the true quality of each photo.

    Args:
        kind: ``series`` of four photos that share none, a ``list`` of pairs that share photos (three per photo), or
            ``votes`` on single photos.
        units: The number of series, or of photos.
        random: The random numbers.
    """
    if kind == "series":
        quality = random.normal(size=units * OF_SERIES)
        inside = np.array(list(combinations(range(OF_SERIES), 2)))
        pairs = (np.arange(units)[:, None, None] * OF_SERIES + inside).reshape(-1, 2)
        series = np.repeat(np.arange(units), len(inside))
    elif kind == "list":
        quality, first = random.normal(size=units), random.integers(units, size=3 * units)
        pairs = np.stack([first, (first + random.integers(1, units, size=3 * units)) % units], axis=1)
        series = np.zeros(len(pairs), dtype=int)
    else:
        quality = random.normal(size=units)
        return pd.DataFrame({"photo": _names(np.arange(units)), "true": quality, "status": "ok"}), quality
    first, second = pairs.T
    prefers = np.where(quality[first] > quality[second], 1.0, 0.0)
    table = {"first": _names(first), "second": _names(second), "series": series, "preference": prefers}
    return pd.DataFrame(table | {"weight": 1.0, "status": "ok"}), quality


def answered(table: pd.DataFrame, quality: Array, noise: float, random: np.random.Generator) -> pd.DataFrame:
    """Return the answers of a judge whose score of a photo is its quality with noise."""
    score = quality + noise * random.normal(size=len(quality))
    if "photo" in table:
        return table.assign(predicted=score)
    first, second = (table[side].astype(int).to_numpy() for side in ("first", "second"))
    return table.assign(margin=score[first] - score[second])


def equal(kind: str, units: int, judges: int, noise: float, runs: int) -> dict[str, float]:
    """Return how often any two of some equal judges are called different."""
    claims = 0
    for run in range(runs):
        random = np.random.default_rng(run)
        table, quality = labels(kind, units, random)
        answers = {f"m{judge}": answered(table, quality, noise, random) for judge in range(judges)}
        claims += any(difference.better for difference in compare(answers, BOOTSTRAP))
    return {"called different": claims / runs}


def equal_cells(quick: bool) -> Iterator[Cell]:
    """Yield the cells of labels, units, judges, and the noise of their scores."""
    sizes = {"series": (12, 50), "list": (20, 60), "votes": (30, 100)}
    for kind, judges in product(sizes, (2,) if quick else (2, 8)):
        for units, noise in product(sizes[kind][:1] if quick else sizes[kind], (1.0,) if quick else (0.3, 1.0)):
            runs = 40 if quick else 150
            yield {"kind": kind, "units": units, "judges": judges, "noise": noise, "runs": runs}


def baselines(series: int, models: int, strong: bool, runs: int) -> dict[str, float]:
    """Return how often any model of a set is called better or worse than the best baseline, though it is neither.

    Args:
        series: The number of series.
        models: The number of models of the set.
        strong: Whether one baseline, "brighter", is as good as the models, and all others are coins; otherwise models
            and baselines all are coins.
        runs: Number of simulated sets.
    """
    better, worse = 0, 0
    for run in range(runs):
        random = np.random.default_rng(run)
        table, quality = labels("series", series, random)
        photos = pd.DataFrame({"photo": _names(np.arange(len(quality)))})
        for statistic in ("pixels", "encoded_bytes", "file_bytes", "brightness", "sharpness"):
            photos[statistic] = random.normal(size=len(photos))
        if strong:
            photos["brightness"] = quality + random.normal(size=len(photos))
        gaps = []
        for _ in range(models):
            rows = answered(table, quality * strong, 1.0, random)
            gaps.append(baseline_agreements(Predictions(rows, None, photos, VoteScale("score"), "look"), 0.5)[1])
        verdicts = [gap.verdict for gap in corrected_for_models(gaps)]
        better += any(verdict.startswith("better") for verdict in verdicts)
        worse += any(verdict.startswith("worse") for verdict in verdicts)
    return {"called better": better / runs, "called worse": worse / runs}


def baseline_cells(quick: bool) -> Iterator[Cell]:
    """Yield the cells of series, models and whether one baseline is as good as they."""
    for series, models, strong in ((12, 1, False),) if quick else ((12, 1, False), (50, 1, False), (50, 6, True)):
        yield {
            "series": series,
            "models": models,
            "strong": strong,
            "runs": 40 if quick else 150 if models == 1 else 60,
        }


def intervals(kind: str, units: int, noise: float, runs: int) -> dict[str, float]:
    """Return how often the interval of the first measure, and of top 1 for series, holds the truth."""
    held = dict.fromkeys(("accuracy or SRCC", "top 1") if kind == "series" else ("accuracy or SRCC",), 0)
    correlation = 1 / np.sqrt(1 + noise**2)
    accuracy, srcc = 0.5 + np.arcsin(correlation) / np.pi, 6 / np.pi * np.arcsin(correlation / 2)
    for run in range(runs):
        random = np.random.default_rng(run)
        answers = answered(*labels(kind, units, random), noise, random)
        if kind == "votes":
            estimates = [(vote_agreement(answers, BOOTSTRAP, VoteScale("score")).srcc, srcc)]
        else:
            agreement = pair_agreement(answers, BOOTSTRAP)
            estimates = [(agreement.accuracy, accuracy), (agreement.top_1, _top_1(noise))][: len(held)]
        for name, (estimate, truth) in zip(held, estimates, strict=True):
            low, high = estimate.interval or (-1.0, 1.0)
            held[name] += low <= truth <= high
    return {name: count / runs for name, count in held.items()}


def interval_cells(quick: bool) -> Iterator[Cell]:
    """Yield the cells of labels, units, and the noise of a judge's scores."""
    sizes = {"series": (12,), "list": (20,)} if quick else {"series": (12, 50), "list": (20, 60), "votes": (30, 100)}
    noises = {"series": (0.1, 0.3, 1.0, 3.0), "list": (0.1, 0.3, 1.0, 3.0), "votes": (0.3, 1.0)}
    for kind, of_kind in sizes.items():
        for units, noise in product(of_kind, (1.0,) if quick else noises[kind]):
            runs = 60 if quick else 80 if kind == "votes" else 300
            yield {"kind": kind, "units": units, "noise": noise, "runs": runs}


@cache
def _top_1(noise: float) -> float:
    """Return how often a judge ranks the best photo of a series first, from 200,000 series."""
    random = np.random.default_rng(7)
    quality = random.normal(size=(200_000, OF_SERIES))
    return float(
        ((quality + noise * random.normal(size=quality.shape)).argmax(axis=1) == quality.argmax(axis=1)).mean()
    )


def _names(photos: Array) -> list[str]:
    return [f"{photo:04d}" for photo in photos]


TABLES = (
    SimulatedTable(
        "evaluate: equal",
        "Equal judges are called different in at most 5 % of sets of labels.",
        equal,
        equal_cells,
        {"called different": (at_most(0.05),)},
    ),
    SimulatedTable(
        "evaluate: baselines",
        "A model as good as the best baseline is called better in at most 5 % of sets, and worse in at most 5 %.",
        baselines,
        baseline_cells,
        {"called better": (at_most(0.05),), "called worse": (at_most(0.05),)},
    ),
    SimulatedTable(
        "evaluate: intervals",
        "Intervals of accuracy, SRCC and top 1 hold the truth in 95 % of sets of labels.",
        intervals,
        interval_cells,
        {"accuracy or SRCC": (at_least(0.92),), "top 1": (at_least(0.92),)},
    ),
)
