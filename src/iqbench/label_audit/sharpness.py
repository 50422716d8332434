"""How often sharpness alone agrees with labels: what any model should beat, and a sign of labels that are swapped."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from iqbench.evaluation.measures import CONSTANT, pair_measures
from iqbench.inference.encoding import encode_photos
from iqbench.inference.engine_config import Settings
from iqbench.interfaces import PhotoFile, Split
from iqbench.label_audit.findings import Finding, counted, percent
from iqbench.labels import LabelTable, PairTable, VoteTable
from iqbench.models.rules import Rules
from iqbench.statistics.bootstrap import Bootstrap, BootstrapConfig
from iqbench.statistics.resampled_measures import ONE_PHOTO, estimate, srcc_draws

RESAMPLES = 2000

FEW = 50
"""Photos that are decoded sooner than other processes start."""

ENOUGH = 100
"""Pairs from which on sharpness may say that better and worse are swapped."""

EXPECTED = 1000
"""Pairs of PhotoTriage of which sharpness should be shown to know something."""

USUAL = "on PhotoTriage sharpness alone agrees with 56 % of pairs (61 % of untied ones)"


def sampled(labels: LabelTable, size: int, seed: int) -> LabelTable:
    """Return so many rows, drawn by the seed; all if there are fewer."""
    keep = np.zeros(len(labels), dtype=bool)
    keep[np.random.default_rng(seed).permutation(len(labels))[:size]] = True
    return labels.where(keep)


def sharpnesses(files: Sequence[PhotoFile]) -> "pd.Series[float]":
    """Return each photo's variance of the Laplacian by its name, unclipped; NaN where it cannot be read any more."""
    settings = Settings.plain("cpu", batch_size=64, workers="auto" if len(files) >= FEW else 0)
    facts = encode_photos(Rules({"sharpness": 1.0}, clipped=False), files, settings, "sharpness").photos
    return pd.Series(facts["sharpness"].to_numpy(np.float64), index=facts["photo"])


def agreement(labels: LabelTable, sharpness: "pd.Series[float]", seed: int) -> dict[str, Any]:
    """Return how well sharpness agrees with labels: accuracy about pairs, Spearman's correlation with mean votes.

    Args:
        labels: Preferences or votes.
        sharpness: Of their photos, by name.
        seed: Seed of the interval.

    Returns:
        ``measure`` (``accuracy`` or ``srcc``), ``value``, ``interval`` and ``n``.
    """
    if isinstance(labels, PairTable):
        return {"measure": "accuracy"} | _accuracy(labels, sharpness, seed)
    return {"measure": "srcc"} | _correlation(labels, sharpness, seed)


def sharpness_findings(measured: Mapping[Split, dict[str, Any]], phototriage: bool) -> list[Finding]:
    """Return what sharpness says of the labels.

    Args:
        measured: See `agreement`.
        phototriage: Whether the photos are PhotoTriage's, of which more is known.
    """
    found = [_finding(split, one, phototriage) for split, one in measured.items()]
    return [*found, Finding("note", "sharpness", USUAL)] if found and phototriage else found


def _finding(split: Split, measured: dict[str, Any], phototriage: bool) -> Finding:
    value, interval, count = (measured[key] for key in ("value", "interval", "n"))
    if value is None:
        return Finding("note", "sharpness", f"{split}: sharpness alone was not measured: {measured['reason']}")
    if measured["measure"] == "srcc":
        spread = f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else ""
        text = f"{split}: sharpness alone has a rank correlation (SRCC) of {value:.2f}{spread} with the mean votes"
        return Finding("note", "sharpness", f"{text} of {counted(count, 'photo')}", {"srcc": value, "photos": count})
    spread = f" [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]" if interval else ""
    text = f"{split}: sharpness alone agrees with {percent(value)}{spread} of {counted(count, 'pair')}"
    numbers: dict[str, int | float | None] = {"accuracy": value, "pairs": count}
    if interval and interval[1] < 0.5 and count >= ENOUGH:
        return Finding("warning", "sharpness", f"{text}, less than a coin: are better and worse swapped?", numbers)
    if phototriage and interval and interval[0] <= 0.5 and count >= EXPECTED:
        return Finding("warning", "sharpness", f"{text}, no better than a coin: are the labels random?", numbers)
    return Finding("note", "sharpness", text, numbers)


def _accuracy(pairs: PairTable, sharpness: "pd.Series[float]", seed: int) -> dict[str, Any]:
    names = np.array([photo.name for photo in pairs.photos], dtype=object)
    rows = pd.DataFrame({"first": names[pairs.first], "second": names[pairs.second], "series": pairs.series})
    one, other = (sharpness.reindex(rows[side]).to_numpy(np.float64) for side in ("first", "second"))
    answers = rows.assign(preference=pairs.preference, weight=pairs.weight, margin=one - other, status="ok")
    accuracy: dict[str, Any] = pair_measures(answers, seed, RESAMPLES)["accuracy"]
    return accuracy


def _correlation(votes: VoteTable, sharpness: "pd.Series[float]", seed: int) -> dict[str, Any]:
    names = [photo.name for photo in votes.photos]
    of_each = np.asarray(sharpness.reindex(names), dtype=np.float64)
    known = np.isfinite(of_each)
    weights = Bootstrap(np.array(names, dtype=object)[known].tolist(), BootstrapConfig(seed, RESAMPLES)).weights
    draws = srcc_draws(weights, of_each[known], votes.means[known])
    return estimate(draws, int(known.sum()), CONSTANT, ONE_PHOTO if known.sum() < 2 else "")
