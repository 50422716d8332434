"""The gMAD competition: pairs of different photos on which one model is sure and another sees no difference.

One of the two models is wrong about such a pair, and a look at it tells which one. The pairs are originals against
degraded copies of other photos, those of the cross-photo sample, for models with scores too.

Reference:
    Ma et al., *Group MAD competition: a new methodology to compare objective image quality models*, CVPR 2016;
    *Group maximum differentiation competition: model comparison with few samples*, TPAMI 2020.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from iqbench.benchmark.cross_pairs import OF_COPY, cross_sample, judged_pairs, partners, scored_answers
from iqbench.benchmark.tables import BenchmarkSample
from iqbench.results.model_agreement import NO_DIFFERENCE, SURE, GmadPair, Side
from iqbench.statistics.calibration import cross_fitted

MOST_COMPARED = 10
"""The number of models up to which pairs to look at are listed."""

LISTED = 2
"""Pairs listed of each defender and attacker."""

PAIR = ["original", "photo", "variant"]


class Gmad:
    """The competitions of every two models on the pairs of different photos that both judged.

    Margins of different models become comparable as log-odds that the original is better, calibrated on these pairs
    with the copies of other photos. A model that is not better than chance across photos does not compete.

    Args:
        sample: The benchmark.
    """

    def __init__(self, sample: BenchmarkSample) -> None:
        rows = sample.across[:0]
        if 2 <= len(sample.models) <= MOST_COMPARED:
            stored = sample.across[["photo", "original"]].drop_duplicates().itertuples(index=False, name=None)
            pairs = list(stored) or partners(cross_sample(sample.pairs["original"].unique().tolist()))
            scored = judged_pairs(scored_answers(sample.judged, pairs), sample.judged)
            rows = pd.concat([part for part in (sample.across, scored) if len(part)] or [rows], ignore_index=True)
        rows = rows.sort_values(PAIR, kind="stable", ignore_index=True)
        rows = rows.assign(odds=_log_odds(rows, sample.protocol.tie_margin))
        self._odds = rows.pivot(index=PAIR, columns="model_name", values="odds").reindex(columns=sample.models)
        self._facts = rows.drop_duplicates(PAIR).set_index(PAIR)[OF_COPY]
        photos = sample.judged.drop_duplicates("original")
        self._sha256 = dict(zip(photos["original"].astype(str), photos["photo_sha256"].astype(str), strict=True))

    def pairs(self, a: str, b: str) -> list[GmadPair]:
        """Return the pairs to look at: those on which the first model defends, then those on which the second does."""
        odds = self._odds[[a, b]].dropna()
        return self._listed(odds, a, b, "a") + self._listed(odds, a, b, "b")

    def _listed(self, odds: pd.DataFrame, a: str, b: str, defender: Side) -> list[GmadPair]:
        """Return the pairs about which the attacker is surest, each photo at most once."""
        defending, attacking = (a, b) if defender == "a" else (b, a)
        contested = (odds[defending].abs() <= logit(0.5 + NO_DIFFERENCE)) & (odds[attacking].abs() >= logit(0.5 + SURE))
        surest = odds.loc[contested, attacking].abs().sort_values(ascending=False, kind="stable")
        listed: list[GmadPair] = []
        seen: set[str] = set()
        for original, photo, variant in surest.index:
            if len(listed) < LISTED and not seen & {original, photo}:
                seen |= {original, photo}
                at_pair = {
                    str(key): float(value) for key, value in odds.loc[[(original, photo, variant)]].iloc[0].items()
                }
                facts = self._facts.loc[[(original, photo, variant)]].iloc[0]
                listed.append(self._pair(original, photo, facts, (at_pair[a], at_pair[b]), defender))
        return listed

    def _pair(
        self, original: str, photo: str, facts: "pd.Series[Any]", odds: tuple[float, float], defender: Side
    ) -> GmadPair:
        return GmadPair(
            defender=defender,
            original=original,
            original_sha256=self._sha256[original],
            photo=photo,
            sha256=self._sha256[photo],
            degradation_type=str(facts["degradation_type"]),
            ladder=str(facts["ladder"]),
            level=str(facts["degradation_level"]),
            severity=int(facts["severity"]),
            probability_a=float(expit(odds[0])),
            probability_b=float(expit(odds[1])),
        )


def _log_odds(rows: pd.DataFrame, tie_margin: float) -> "pd.Series[float]":
    """Return the calibrated log-odds of each row; NaN of a model that is not better than chance."""
    odds = pd.Series(np.nan, index=rows.index)
    for _, of_model in rows.groupby("model_name", sort=False):
        margins = of_model["margin"].to_numpy(np.float64)
        chances = cross_fitted(margins, of_model["cluster"].to_numpy(str))
        uninformed = (chances == 0.5) & (np.abs(margins) > tie_margin)
        odds[of_model.index] = np.where(uninformed, np.nan, logit(chances))
    return odds
