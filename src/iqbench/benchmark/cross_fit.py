"""How good an ensemble is on photos that it was not fitted on, beside its members."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Int

from iqbench.benchmark.comparisons import comparisons_of
from iqbench.benchmark.stacking import fit_router, fit_stacking
from iqbench.benchmark.stacking_data import StackingData
from iqbench.benchmark.tables import CELL, BenchmarkSample, Tables
from iqbench.benchmark.verdict_table import protocol_of
from iqbench.protocol import verdict_signs
from iqbench.results.summary import ModelDifference
from iqbench.statistics.bootstrap import BootstrapConfig
from iqbench.statistics.estimate import NO_PAIR, Accuracy

FOLDS = 5
"""Parts of the photos; each is judged by an ensemble that was fitted on the others."""


@dataclass(frozen=True)
class CrossFit:
    """How good an ensemble is on photos that it was not fitted on, beside its members.

    Args:
        accuracies: The accuracy of each variant and member.
        by_type: The accuracy of each on each type.
        differences: The difference of each variant from the most accurate member.
        heard: For each type, and at the end for all pairs, the share of pairs in which the router listens to each
            member.
    """

    accuracies: dict[str, Accuracy]
    by_type: dict[str, dict[str, float]]
    differences: dict[str, ModelDifference]
    heard: dict[str, dict[str, float]]


def cross_fit(data: StackingData) -> CrossFit:
    """Return how good both variants are on photos that they were not fitted on: each part by a fit on the others.

    All photos of a cluster are in one part.

    Raises:
        UsageError: If no member prefers the originals of some parts.
    """
    margins, names = data.margins, data.names
    stacked, routed, heard = np.zeros(len(margins)), np.zeros(len(margins)), np.zeros(len(margins), dtype=np.intp)
    for fitting, judging in _folds(data.pairs["cluster"]):
        of_part, router = torch.from_numpy(margins[judging]), fit_router(margins[fitting])
        stacked[judging] = fit_stacking(margins[fitting]).margin(of_part).numpy()
        routed[judging] = router.margin(of_part).numpy()
        heard[judging] = router.choice(of_part).numpy()
    variants = {_distinct("stacking", names): stacked, _distinct("router", names): routed}
    sample = _sample(data, variants)
    asked = {name: sample.asked[sample.asked["model_name"] == name] for name in (*variants, *names)}
    accuracies = {
        name: sample.bootstrap.proportion(Accuracy, rows["cluster"], rows["correct"].to_numpy(np.float64), NO_PAIR)
        for name, rows in asked.items()
    }
    best = max(names, key=lambda name: accuracies[name].value or 0.0)
    gaps = {(gap.a, gap.b): gap for gap in comparisons_of(sample).pairwise()}
    by_type = {name: _by_type(rows["correct"], rows["degradation_type"]) for name, rows in asked.items()}
    chosen = {name: pd.Series(heard == at, dtype=float) for at, name in enumerate(names)}
    shares = {name: _by_type(each, data.pairs["degradation_type"]) for name, each in chosen.items()}
    kinds = {kind: {name: shares[name][kind] for name in names} for kind in shares[names[0]]}
    every = {name: float(each.mean()) for name, each in chosen.items()}
    return CrossFit(accuracies, by_type, {name: gaps[name, best] for name in variants}, {**kinds, "all": every})


def _by_type(values: "pd.Series[float]", kinds: "pd.Series[str]") -> dict[str, float]:
    """Return the mean of a value per pair on each type."""
    return {str(kind): float(mean) for kind, mean in values.groupby(kinds).mean().items()}


def _distinct(variant: str, members: Sequence[str]) -> str:
    """Return the name of a variant in tables; a member may have it already."""
    return f"{variant} (fitted)" if variant in members else variant


def _folds(clusters: "pd.Series[Any]") -> Iterator[tuple[Int[np.ndarray, "others"], Int[np.ndarray, "part"]]]:
    from sklearn.model_selection import GroupKFold

    yield from GroupKFold(FOLDS).split(clusters, groups=clusters)


def _sample(data: StackingData, combined: dict[str, Any]) -> BenchmarkSample:
    """Return the verdicts of the members and of the variants on the same pairs."""
    protocol = replace(protocol_of(data.runs), orders="both")
    first = data.verdicts.drop_duplicates(CELL).set_index(CELL)
    of_pairs = first.loc[pd.MultiIndex.from_frame(data.pairs[CELL])].reset_index()
    tables = []
    for name, margins in (combined | dict(zip(data.names, data.margins.T, strict=True))).items():
        signs = verdict_signs(margins, protocol)
        correct = np.where(signs == 0, protocol.tie_worth, signs > 0)
        tables.append(of_pairs.assign(model_name=name, model_fingerprint=name, margin=margins, correct=correct))
    table = pd.concat(tables, ignore_index=True)
    return BenchmarkSample(Tables(table, table[:0]), protocol, BootstrapConfig(resamples=0))
