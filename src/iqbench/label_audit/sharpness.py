"""The agreement of sharpness alone with labels: a baseline for any model, and a test for swapped labels."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from iqbench.inference.encoding import photo_table
from iqbench.inference.engine_config import EngineConfig
from iqbench.interfaces import PhotoFile, Split
from iqbench.label_audit.findings import counted, percent
from iqbench.labels import LabelTable, PairTable, ScoreTable, VoteTable
from iqbench.metrics.pairs import hits
from iqbench.results.label_audit_summary import Finding, SharpnessAgreement
from iqbench.statistics.bootstrap import Bootstrap, BootstrapConfig
from iqbench.statistics.pair_proportions import pair_proportions
from iqbench.statistics.resampled_measures import ONE_PHOTO, PairBootstrap, srcc_draws
from iqbench.statistics.unseen import resampled_deviations, resampled_estimate

RESAMPLES = 2000

NO_WINNER = "no pair with a winner has photos of known sharpness"
CONSTANT = "the sharpness or the votes are all the same, or there are fewer than two photos"

FEW = 50
"""Number of photos below which decoding takes less time than starting workers."""

ENOUGH = 100
"""Minimum number of pairs for a warning that better and worse are swapped."""

EXPECTED = 1000
"""Number of PhotoTriage's pairs in which sharpness should be better than chance."""

USUAL = "on PhotoTriage sharpness alone agrees with 56 % of pairs (61 % of untied ones)"


def sampled(labels: LabelTable, size: int, seed: int) -> LabelTable:
    """Return a random sample of rows, or all rows if there are fewer."""
    keep = np.zeros(len(labels), dtype=bool)
    keep[np.random.default_rng(seed).permutation(len(labels))[:size]] = True
    return labels.where(keep)


def sharpnesses(files: Sequence[PhotoFile]) -> "pd.Series[float]":
    """Return the sharpness of each photo by its name, NaN for a photo that can no longer be read."""
    settings = EngineConfig.for_api("cpu", batch_size=64, workers="auto" if len(files) >= FEW else 0)
    photos = photo_table(files, settings, "sharpness")
    return pd.Series(photos["sharpness"].to_numpy(np.float64), index=photos["photo"])


def sharpness_agreement(labels: LabelTable, sharpness: "pd.Series[float]", seed: int) -> SharpnessAgreement:
    """Return the accuracy of sharpness on pairs, or its Spearman correlation with mean votes.

    Args:
        labels: Preferences or votes.
        sharpness: The sharpness of their photos, by name.
        seed: Seed of the bootstrap.
    """
    config = BootstrapConfig(seed, RESAMPLES)
    return _accuracy(labels, sharpness, config) if isinstance(labels, PairTable) else _srcc(labels, sharpness, config)


def sharpness_findings(measured: Mapping[Split, SharpnessAgreement], is_phototriage: bool) -> list[Finding]:
    """Return the findings about the agreement of sharpness with the labels.

    Args:
        measured: See `sharpness_agreement`.
        is_phototriage: Whether the photos are PhotoTriage's, for which the usual agreement is known.
    """
    lines = [_finding(split, agreement, is_phototriage) for split, agreement in measured.items()]
    return [*lines, Finding.note("sharpness", USUAL)] if lines and is_phototriage else lines


def _finding(split: Split, agreement: SharpnessAgreement, is_phototriage: bool) -> Finding:
    value, interval, count = agreement.value, agreement.interval, agreement.n
    if value is None:
        return Finding.note("sharpness", f"{split}: sharpness alone was not measured: {agreement.reason}")
    if agreement.measure == "srcc":
        spread = f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else ""
        text = f"{split}: sharpness alone has a rank correlation (SRCC) of {value:.2f}{spread} with the mean votes"
        return Finding.note("sharpness", f"{text} of {counted(count, 'photo')}", srcc=value, photos=count)
    spread = f" [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]" if interval else ""
    text = f"{split}: sharpness alone agrees with {percent(value)}{spread} of {counted(count, 'pair')}"
    numbers = {"accuracy": value, "pairs": count}
    if interval and interval[1] < 0.5 and count >= ENOUGH:
        return Finding.warning("sharpness", f"{text}, less than chance: are better and worse swapped?", **numbers)
    if is_phototriage and interval and interval[0] <= 0.5 and count >= EXPECTED:
        return Finding.warning("sharpness", f"{text}, no better than chance: are the labels random?", **numbers)
    return Finding.note("sharpness", text, **numbers)


def _accuracy(pairs: PairTable, sharpness: "pd.Series[float]", config: BootstrapConfig) -> SharpnessAgreement:
    names = np.array([photo.name for photo in pairs.photos], dtype=object)
    rows = pd.DataFrame(
        {"series": pairs.series.astype(str), "first": names[pairs.first], "second": names[pairs.second]}
    )
    first, second = (sharpness.reindex(rows[side]).to_numpy(np.float64) for side in ("first", "second"))
    rows = rows.assign(preference=pairs.preference, weight=pairs.weight, margin=first - second)
    # sorted, since sums depend on the order of the rows in their last bits
    rows = rows.astype({"series": str}).sort_values([*map(str, rows)], kind="stable", ignore_index=True)
    rows = rows[np.isfinite(rows["margin"])]
    bootstrap = PairBootstrap(rows, config)
    margin, preference, weight = (rows[name].to_numpy(np.float64) for name in ("margin", "preference", "weight"))
    right = hits(margin, preference)[:, None]
    shares = pair_proportions(bootstrap, right, weight, bootstrap.means(right, weight))
    return shares.estimate(0, SharpnessAgreement, NO_WINNER, measure="accuracy")


def _srcc(votes: VoteTable | ScoreTable, sharpness: "pd.Series[float]", config: BootstrapConfig) -> SharpnessAgreement:
    names = np.array([photo.name for photo in votes.photos], dtype=object)
    scores = np.asarray(sharpness.reindex(names), dtype=np.float64)
    known = np.isfinite(scores)
    count = int(known.sum())
    weights = Bootstrap(names[known].tolist(), config).weights
    draws = srcc_draws(weights, scores[known], votes.means[known])
    deviations, alone = resampled_deviations(draws, weights, count), ONE_PHOTO if count < 2 else ""
    return resampled_estimate(
        SharpnessAgreement, draws, count, count, CONSTANT, alone, (-1.0, 1.0), deviations, measure="srcc"
    )
