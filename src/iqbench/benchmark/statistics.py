"""What a run shows: accuracies with intervals over photos, and which differences between models are real.

Every interval resamples *photos*, because the 27 variants of one photo are not independent, and every
model is resampled with the same photos, so that differences between models are paired.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from iqbench.errors import UsageError

ALPHA = 0.05
"""Intervals hold ``1 - ALPHA``; a difference is shown when its Holm-corrected p is below ``ALPHA``."""

TOO_CLOSE = "too close to call"
NO_DIFFERENCE = "no difference shown"
NO_PAIR = "no pair judged"
ONE_PHOTO = "an interval needs at least two photos"

_CELL = ["original", "degradation_type", "ladder", "degradation_level"]
_Array = NDArray[np.float64]


class Bootstrap:
    """Resamples of the photos, drawn once and shared by all models.

    Row 0 of everything it returns is the sample as it was observed; the other rows are resamples.

    Args:
        photos: The names of the photos, in an order that does not depend on the rows.
        seed: Seed of the only random numbers in this module.
        resamples: Number of times that the photos are drawn anew, with replacement.
    """

    def __init__(self, photos: Sequence[str], seed: int, resamples: int) -> None:
        generator, count = np.random.default_rng(seed), len(photos)
        self.index = pd.Index(photos)
        self.weights = np.ones((resamples + 1, count), dtype=np.uint8)  # small: 255,000 photos must fit
        for draw in self.weights[1:] if count else ():
            draw[:] = np.bincount(generator.integers(count, size=count), minlength=count)

    def totals(self, photos: "pd.Series[str]", columns: NDArray[np.integer[Any]], values: _Array, width: int) -> _Array:
        """Return the sum of ``values`` per column (one of ``width``), a row per resample."""
        cells = self.index.get_indexer(pd.Index(photos)) * width + columns
        table = np.bincount(cells, weights=values, minlength=len(self.index) * width).reshape(len(self.index), width)
        step = max(1, 10_000_000 // max(1, len(self.index)))
        return np.vstack([self.weights[at : at + step] @ table for at in range(0, len(self.weights), step)])


def interval(draws: _Array) -> list[float]:
    """Return the 95 % percentile interval of the resamples, which are all of ``draws`` but the first.

    Example:
        >>> interval(np.array([0.5, 0.0, 0.25, 0.5, 0.75, 1.0]))
        [0.025, 0.975]
    """
    low, high = np.nanpercentile(draws[1:], [50 * ALPHA, 100 - 50 * ALPHA])
    return [float(low), float(high)]


def two_sided_p(draws: _Array, photos: int) -> float:
    """Return the p-value of "no difference" from resampled differences.

    Twice the share of resamples on the rarer side of 0, where one more is counted on each side so that p
    is never 0 (Davison & Hinkley 1997, 4.2). It is at least 2^(1 - photos), the least that a sign test can
    say about so few photos: resamples of three photos that agree never cross 0, however many are drawn.

    Example:
        >>> two_sided_p(np.array([0.1, 0.1, 0.2, -0.1, 0.2]), photos=50)
        0.8
        >>> two_sided_p(np.full(2001, 0.1), photos=3)
        0.25
    """
    drawn = draws[1:][~np.isnan(draws[1:])]
    rarer = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    return min(1.0, max(2.0 * (rarer + 1) / (len(drawn) + 1), 2.0 ** (1 - photos)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, in the order given (Holm 1979).

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    count, corrected, highest = len(p_values), [0.0] * len(p_values), 0.0
    for rank, at in enumerate(np.argsort(p_values, kind="stable")):
        highest = max(highest, min(1.0, (count - rank) * p_values[at]))
        corrected[at] = highest
    return corrected


def summarize(rows: pd.DataFrame, seed: int, resamples: int) -> dict[str, Any]:
    """Return all statistics of a run as plain JSON values.

    What is undefined is ``None`` and has its reason beside it, as ``<key>_reason``. Rows of the type or
    group ``control`` enter only ``controls``; rows that failed enter only the counts of failures.

    Args:
        rows: A row per model, photo and variant, as the protocol's section 6 lists them.
        seed: Seed of the resampling of photos.
        resamples: Number of resamples. With k comparisons, fewer than 40 k can show nothing.

    Raises:
        UsageError: If two models share a name, or a model judged one variant of a photo twice.
    """
    _refuse_merged_models(rows)
    control = (rows["degradation_type"] == "control") | (rows["degradation_group"] == "control")
    pairs, controls = rows[~control], rows[control]
    judged = pairs[pairs["status"] == "ok"]
    boot = Bootstrap(sorted(judged["original"].unique()), seed, resamples)
    types = sorted(pairs["degradation_type"].unique())
    names = list(rows["model_name"].unique())
    models = {
        name: _model(pairs[pairs["model_name"] == name], controls[controls["model_name"] == name], types, boot)
        | _identity_of(rows[rows["model_name"] == name])
        for name in names
    }
    differences = _Differences(judged, names, types, boot)
    winners = _winners(differences, models)
    return {
        "photos": int(pairs["original"].nunique()),
        "photos_judged": len(boot.index),
        "bootstrap": {"unit": "photo", "confidence": 1 - ALPHA, "resamples": resamples, "seed": seed},
        "counts": {"rows": len(rows), "pairs": _counts(pairs), "controls": _counts(controls)},
        "models": models,
        "pairwise": differences.pairwise(),
        "by_degradation_winner": winners,
        "best_per_type": _best_per_type(winners, judged),
    }


def _refuse_merged_models(rows: pd.DataFrame) -> None:
    prints = rows.groupby("model_name", sort=False)["model_fingerprint"].nunique()
    for name in prints.index[prints > 1]:
        raise UsageError(f"two models are called {name!r}: give each its own name, or their rows would be merged")
    twice = rows[rows.duplicated(["model_name", *_CELL])]
    for row in twice[["model_name", *_CELL]].astype(str).to_numpy().tolist()[:1]:
        raise UsageError(f"{row[0]!r} judged {row[1]} twice as {row[3]} {row[4]}: levels must differ on a ladder")


def _identity_of(rows: pd.DataFrame) -> dict[str, Any]:
    return {"model_type": str(rows["model_type"].iloc[0]), "fingerprint": str(rows["model_fingerprint"].iloc[0])}


def _counts(rows: pd.DataFrame) -> dict[str, int]:
    ok = int((rows["status"] == "ok").sum())
    return {"planned": len(rows), "ok": ok, "failed": len(rows) - ok}


def _known(key: str, value: float | None, reason: str) -> dict[str, Any]:
    """Return ``value`` under ``key``, or nothing known and why."""
    return {key: value} if value is not None and np.isfinite(value) else {key: None, f"{key}_reason": reason}


def _mean(values: "pd.Series[Any]") -> float | None:
    numbers = values.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    numbers = numbers[np.isfinite(numbers)]
    return float(numbers.mean()) if numbers.size else None


def _ratio(sums: _Array, counts: _Array) -> _Array:
    ratio = np.full(sums.shape, np.nan)
    np.divide(sums, counts, out=ratio, where=counts > 0)
    return ratio


def _estimate(draws: _Array, photos: int) -> dict[str, Any]:
    """Return the accuracy of the sample and its interval over ``photos`` photos."""
    accuracy = _known("accuracy", float(draws[0]), NO_PAIR)
    if photos < 2:
        return accuracy | {"interval": None, "interval_reason": ONE_PHOTO if photos else NO_PAIR}
    return accuracy | {"interval": interval(draws)}


def _cell(pairs: pd.DataFrame, draws: _Array) -> dict[str, Any]:
    """Return everything that is said about one set of a model's pairs, ``draws`` being their accuracy."""
    ok = pairs[pairs["status"] == "ok"]
    ties = int(ok["prediction"].isna().sum())
    return (
        _estimate(draws, ok["original"].nunique())
        | _known("avg_confidence", _mean(ok["confidence"]), NO_PAIR)
        | _known("avg_legacy_confidence", _mean(ok["legacy_confidence"]), "no legacy confidence")
        | {"total_pairs": len(ok)}
        | _known("avg_score_drop", _mean(ok["score_original"] - ok["score_degraded"]), "the model has no score")
        | {"ties": ties}
        | _known("tie_rate", ties / len(ok) if len(ok) else None, NO_PAIR)
        | _known("order_consistency", _mean(ok["order_consistent"]), NO_PAIR)
        | {"failed": len(pairs) - len(ok)}
    )


def _model(pairs: pd.DataFrame, controls: pd.DataFrame, types: list[str], boot: Bootstrap) -> dict[str, Any]:
    ok, failed = pairs[pairs["status"] == "ok"], pairs[pairs["status"] != "ok"]
    codes = pd.Index(types).get_indexer(pd.Index(ok["degradation_type"]))
    sums = boot.totals(ok["original"], codes, ok["correct"].to_numpy(np.float64), len(types))
    counts = boot.totals(ok["original"], codes, np.ones(len(ok)), len(types))
    accuracy, seen = _ratio(sums, counts), counts[0] > 0
    groups = pairs.groupby("degradation_type")["degradation_group"].first().reindex(types)
    own = {kind: pairs[pairs["degradation_type"] == kind] for kind in types}
    photos = ok["original"].nunique()
    macro = accuracy[:, seen].mean(axis=1) if seen.any() else np.full(len(accuracy), np.nan)
    return {
        "overall": _cell(pairs, _ratio(sums.sum(axis=1), counts.sum(axis=1))),
        "macro": _estimate(macro, photos) | {"types": int(seen.sum())},
        "groups": {
            str(group): _estimate(
                _ratio(sums[:, groups == group].sum(axis=1), counts[:, groups == group].sum(axis=1)),
                ok["original"][ok["degradation_group"] == group].nunique(),
            )
            | {"pairs": int(counts[0, groups == group].sum())}
            for group in sorted(groups.dropna().unique())
        },
        "by_degradation": {kind: _cell(own[kind], accuracy[:, at]) for at, kind in enumerate(types) if len(own[kind])},
        "severity": _severity(ok, boot),
        "by_level": _by_level(ok),
        "controls": _controls(controls),
        "calibration": _calibration(ok),
        "failures": {str(status): int(n) for status, n in failed.groupby("status").size().items()},
    }


def _severity(ok: pd.DataFrame, boot: Bootstrap) -> dict[str, list[dict[str, Any]]]:
    steps = ok.groupby(["ladder", "severity"])
    codes, width = steps.ngroup().to_numpy(), steps.ngroups
    sums = boot.totals(ok["original"], codes, ok["correct"].to_numpy(np.float64), width)
    accuracy = _ratio(sums, boot.totals(ok["original"], codes, np.ones(len(ok)), width))
    ladders: dict[str, list[dict[str, Any]]] = {}
    for at, (_, step) in enumerate(steps):
        first = step.iloc[0]
        ladders.setdefault(str(first["ladder"]), []).append(
            {"severity": int(first["severity"]), "level": str(first["degradation_level"])}
            | {"degradation_type": str(first["degradation_type"])}
            | _estimate(accuracy[:, at], step["original"].nunique())
            | {"pairs": len(step)}
            | _known("avg_margin", _mean(step["margin"]), "no finite margin")
        )
    return ladders


def _by_level(ok: pd.DataFrame) -> dict[str, dict[str, dict[str, Any]]]:
    levels: dict[str, dict[str, dict[str, Any]]] = {}
    for (kind, level), step in ok.groupby(["degradation_type", "degradation_level"], sort=False):
        levels.setdefault(str(kind), {})[str(level)] = {"accuracy": _mean(step["correct"]), "pairs": len(step)}
    return {kind: levels[kind] for kind in sorted(levels)}


def _controls(controls: pd.DataFrame) -> dict[str, Any]:
    ok = controls[controls["status"] == "ok"]
    same, again = (ok[ok["degradation_level"] == level] for level in ("identity", "reencode"))
    failed = controls[controls["status"] != "ok"]["degradation_level"].value_counts()
    ties = int(same["prediction"].isna().sum())
    tied: dict[str, Any] = {"all_tie": ties == len(same)} if len(same) else {"all_tie": None, "all_tie_reason": NO_PAIR}
    return {
        "identity": {"pairs": len(same), "ties": ties, "failed": int(failed.get("identity", 0))} | tied,
        "reencode": _known("accuracy", _mean(again["correct"]), NO_PAIR)
        | {"pairs": len(again), "failed": int(failed.get("reencode", 0))},
    }


def _calibration(ok: pd.DataFrame) -> dict[str, Any]:
    """Return Brier score, expected calibration error and reliability curve of sigmoid(margin).

    Every pair enters in both orders, P against 1 and 1 - P against 0: the original is always the better
    one, and with labels that are all 1 the error would be 1 - mean(P) whatever the model knows.
    """
    chance = expit(ok["margin"].to_numpy(np.float64))
    if not chance.size:
        return _known("brier", None, NO_PAIR) | _known("ece", None, NO_PAIR) | {"bins": []}
    stated = np.concatenate([chance, 1 - chance])
    right = np.concatenate([np.ones(chance.size), np.zeros(chance.size)])
    bins = np.minimum((stated * 10).astype(np.intp), 9)
    count, said, true = (np.bincount(bins, weights=w, minlength=10) for w in (np.ones(stated.size), stated, right))
    curve = [
        {"low": at / 10, "high": (at + 1) / 10, "count": int(count[at])}
        | {"mean_probability": float(said[at] / count[at]), "share_right": float(true[at] / count[at])}
        for at in np.flatnonzero(count).tolist()
    ]
    error = float(np.abs(said - true).sum() / stated.size)
    return {
        "of": "P(original better), uncalibrated: sigmoid of the raw margin; each pair in both orders",
        "brier": float(np.mean((chance - 1) ** 2)),
        "ece": error,
        "bins": curve,
    }


class _Differences:
    """Differences of accuracy between every two models, on the pairs that both of them judged."""

    def __init__(self, judged: pd.DataFrame, names: list[str], types: list[str], boot: Bootstrap) -> None:
        cells = judged.assign(cell=judged.groupby(_CELL, dropna=False).ngroup())
        self.correct = cells.pivot(index="cell", columns="model_name", values="correct").reindex(columns=names)
        about = cells.drop_duplicates("cell").set_index("cell").reindex(self.correct.index)
        self.photos, self.kinds = about["original"], about["degradation_type"]
        self.names, self.types, self.boot = names, types, boot

    def between(self, a: str, b: str, kind: str | None = None) -> dict[str, Any]:
        """Return how much better ``a`` is than ``b``, on one type or on all."""
        gap = (self.correct[a] - self.correct[b]).dropna()
        gap = gap if kind is None else gap[self.kinds[gap.index] == kind]
        photos, codes = self.photos[gap.index], np.zeros(len(gap), dtype=np.intp)
        sums = self.boot.totals(photos, codes, gap.to_numpy(np.float64), 1)[:, 0]
        draws = _ratio(sums, self.boot.totals(photos, codes, np.ones(len(gap)), 1)[:, 0])
        count = photos.nunique()
        shared = {"pairs": len(gap), "photos": count} | _known("difference", float(draws[0]), "no pair judged by both")
        if count < 2:
            reason = ONE_PHOTO if count else "no pair judged by both"
            return shared | {"interval": None, "interval_reason": reason, "p": None, "p_reason": reason}
        return shared | {"interval": interval(draws), "p": two_sided_p(draws, count)}

    def pairwise(self) -> list[dict[str, Any]]:
        """Return every two models' comparison over all pairs and what it shows."""
        found = [{"a": a, "b": b} | self.between(a, b) for a, b in combinations(self.names, 2)]
        for one in _corrected(found):
            ahead = one["a"] if (one["difference"] or 0) > 0 else one["b"]
            one["better"] = ahead if _shown(one) else None
            one["verdict"] = f"{ahead} better" if _shown(one) else TOO_CLOSE
        return found


def _corrected(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add the Holm-corrected p to each comparison that has a p."""
    tested = [one for one in found if one["p"] is not None]
    for one, p in zip(tested, holm([one["p"] for one in tested]), strict=True):
        one["p_holm"] = p
    for one in found:
        if one["p"] is None:
            one |= {"p_holm": None, "p_holm_reason": one["p_reason"]}
    return found


def _shown(one: dict[str, Any]) -> bool:
    return one["p_holm"] is not None and one["p_holm"] < ALPHA


def _winners(differences: _Differences, models: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return per type the most accurate model and whether it is shown to be better than the runner-up."""
    winners: dict[str, dict[str, Any]] = {}
    for kind in differences.types:
        accuracy = {name: model["by_degradation"].get(kind, {}).get("accuracy") for name, model in models.items()}
        ranked = sorted((name for name, value in accuracy.items() if value is not None), key=lambda n: -accuracy[n])
        if len(ranked) > 1:
            versus = differences.between(ranked[0], ranked[1], kind)
        elif ranked:
            alone = "only one model judged this type"
            versus = _known("difference", None, alone) | _known("interval", None, alone) | _known("p", None, alone)
        else:
            continue
        runner_up = ranked[1] if len(ranked) > 1 else None
        winners[kind] = {"best": ranked[0], "accuracy": accuracy[ranked[0]], "runner_up": runner_up} | versus
    for one in _corrected(list(winners.values())):
        shown = _shown(one) and one["interval"][0] > 0
        one["better"] = one["best"] if shown else None
        one["verdict"] = f"{one['best']} better" if shown else NO_DIFFERENCE
    return winners


def _best_per_type(winners: dict[str, dict[str, Any]], judged: pd.DataFrame) -> dict[str, Any]:
    """Return the accuracy of a perfect choice of model per type, each type weighing as many pairs as it has."""
    pairs = judged.drop_duplicates(_CELL).groupby("degradation_type").size()
    right = sum(winner["accuracy"] * int(pairs[kind]) for kind, winner in winners.items())
    choice = {kind: winner["best"] for kind, winner in winners.items()}
    return _known("accuracy", right / int(pairs.sum()) if winners else None, NO_PAIR) | {"choice": choice}
