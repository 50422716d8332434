"""Judges that look at no picture, or hardly: what a model must beat before its accuracy means anything."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iqbench.hash_sampling import digest
from iqbench.protocol import Protocol, decide
from iqbench.results.model_summary import AgainstBaseline, AgainstBaselines, BaselineAccuracies, ChoosesLike
from iqbench.statistics.bootstrap import Bootstrap
from iqbench.statistics.estimate import NO_PAIR, Accuracy

Margins = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Per row: the margin with the original first, and the margin with the degraded photo first."""

ALWAYS_FIRST, RANDOM = "always-first", "random"

FACTS = {"more pixels": "pixels", "larger file": "bytes", "brighter": "brightness", "sharper": "sharpness"}
"""The null models that prefer the picture with more of something, and the columns that hold it."""

ALIKE, THE_SAME = 0.95, 0.98
"""A model that chooses as a null model does in so many pairs, and is not shown to beat it, may look at nothing else.

Above the second share it may even if it is a little better, for instance with another way to encode a file.
"""

ENOUGH = 0.2
"""Of pairs in which a null model chooses at all, so that agreement with it means something."""


def null_margins(rows: pd.DataFrame, seed: int) -> dict[str, Margins]:
    """Return what the null models answer in both orders, row by row.

    ``always-first`` says "the first" whatever it is shown: (1 - 1) / 2 = 0, a tie, so exactly 50 % where
    both orders are asked, and 100 % where only original-first is. ``random`` tosses a coin for every
    variant of every photo, the same coin in every run. ``more pixels`` prefers the picture with more of
    them, which tells what a crop gives away by its size alone; ``larger file`` the one whose JPEG of
    quality 95 would be larger; ``brighter`` and ``sharper`` (the variance of the Laplacian) need no model either.

    Args:
        rows: One model's verdict rows; the photos and variants are the same for every model.
        seed: Seed of the coin.

    Example:
        >>> row = {"original": ["./a.png"], "degradation_type": ["crop_edge"], "ladder": ["crop_edge/right"]}
        >>> row |= {"degradation_level": ["right_20pct"], "original_pixels": [100], "variant_pixels": [80]}
        >>> for fact in ("bytes", "brightness", "sharpness"):
        ...     row |= {f"original_{fact}": [3.0], f"variant_{fact}": [4.0]}
        >>> margins = null_margins(pd.DataFrame(row), seed=0)
        >>> said = [f"{name} {forward[0]:+.0f} {backward[0]:+.0f}" for name, (forward, backward) in margins.items()]
        >>> said  # doctest: +ELLIPSIS
        ['always-first +1 +1', 'random +1 -1', 'more pixels +1 -1', 'larger file -1 +1', 'brighter -1 +1', ...]
    """
    first, coin = np.ones(len(rows)), _coins(rows, seed)
    margins = {ALWAYS_FIRST: (first, first.copy()), RANDOM: (coin, -coin)}
    for name, fact in FACTS.items():
        own, other = (rows[f"{side}_{fact}"].astype("Float64") for side in ("original", "variant"))
        sign = np.sign((own - other).to_numpy(dtype=np.float64, na_value=np.nan))
        margins[name] = (sign, 0.0 - sign)
    return margins


def baseline_verdicts(rows: pd.DataFrame, protocol: Protocol, seed: int) -> pd.DataFrame:
    """Return the null models' verdicts on every pair that any model judged, in the columns of verdict rows."""
    cells = rows[(rows["degradation_group"] != "control") & (rows["status"] == "ok")]
    cells = cells.drop_duplicates(["original", "degraded"]).reset_index(drop=True)
    kept = cells[["original", "degraded", "degradation_type", "degradation_group", "ladder", "degradation_level"]]
    found = []
    for name, (forward, backward) in null_margins(cells, seed).items():
        scores = {"score_original": np.nan, "score_degraded": np.nan}
        verdicts = decide(pd.DataFrame({"forward": forward, "backward": backward, **scores}), protocol)
        found.append(kept.assign(model_name=name, correct=verdicts["correct"], margin=verdicts["margin"]))
    return pd.concat(found, ignore_index=True)


def baseline_accuracies(nulls: pd.DataFrame, boot: Bootstrap, types: list[str]) -> dict[str, BaselineAccuracies]:
    """Return each null model's accuracy over all pairs and on each type, with intervals."""
    return {
        str(name): BaselineAccuracies(
            overall=_estimate(rows, boot),
            by_degradation={
                kind: _estimate(rows[rows["degradation_type"] == kind], boot)
                for kind in types
                if (rows["degradation_type"] == kind).any()
            },
        )
        for name, rows in nulls.groupby("model_name", sort=False)
    }


def against_baselines(judged: pd.DataFrame, nulls: pd.DataFrame, boot: Bootstrap, types: list[str]) -> AgainstBaselines:
    """Return whether a model beats the best null model, on the same pairs, and which null models it chooses like.

    A null model is beaten where the 95 % interval of the paired difference lies above 0. Which null is the
    best is decided by the very pairs that it is compared on, which is a little to its advantage; the coin
    is not among them, since always-first is what it would get without luck.

    Args:
        judged: One model's verdict rows that are ok.
        nulls: As `baseline_verdicts` returns them.
        boot: The photos' resamples.
        types: The degradation types.
    """
    cells = judged.set_index("degraded")
    wide = nulls.pivot(index="degraded", columns="model_name", values="correct").reindex(cells.index)
    wide = wide.reindex(columns=[ALWAYS_FIRST, *FACTS])
    by_type = {
        kind: _beaten(cells[cells["degradation_type"] == kind], wide[cells["degradation_type"] == kind], boot)
        for kind in types
        if (cells["degradation_type"] == kind).any()
    }
    return AgainstBaselines(
        overall=_beaten(cells, wide, boot), by_degradation=by_type, chooses_like=_alike(cells, nulls, wide, boot)
    )


def _beaten(cells: pd.DataFrame, wide: pd.DataFrame, boot: Bootstrap) -> AgainstBaseline:
    means = wide.mean()
    best = str(means.idxmax()) if len(cells) and means.notna().any() else None
    if best is None:
        return AgainstBaseline(
            baseline=None, beaten=None, difference=None, difference_reason=NO_PAIR, interval_reason=NO_PAIR
        )
    gap = (cells["correct"] - wide[best]).dropna()
    photos = cells.loc[gap.index, "original"]
    draws = boot.mean_draws(photos, gap.to_numpy(np.float64))
    found = AgainstBaseline.from_draws(
        draws,
        len(gap),
        NO_PAIR,
        boot.too_few(photos.nunique()),
        baseline=best,
        baseline_accuracy=float(means[best]),
        beaten=None,
    )
    return found if found.interval is None else found.model_copy(update={"beaten": found.interval[0] > 0})


def _alike(cells: pd.DataFrame, nulls: pd.DataFrame, wide: pd.DataFrame, boot: Bootstrap) -> dict[str, ChoosesLike]:
    """Return in how many of the pairs the model says what a null model says, and whether it may be that null model.

    That of a null model that looks at no pixel of the pair, and one that hardly ever chooses, says nothing.
    """
    opinion = cells["prediction"].map({1: 1.0, 0: -1.0}).fillna(0.0).astype(float)
    found = {}
    for name in FACTS:
        margins = nulls[nulls["model_name"] == name].set_index("degraded")["margin"].reindex(cells.index)
        chosen = (margins != 0) & margins.notna()
        if chosen.sum() > ENOUGH * len(cells):
            told = margins.notna()
            share = float((np.sign(margins[told]) == opinion[told]).mean())
            better = bool(_beaten(cells, wide[[name]], boot).beaten)
            found[name] = ChoosesLike(share=share, suspect=share >= (THE_SAME if better else ALIKE))
    return found


def _estimate(rows: pd.DataFrame, boot: Bootstrap) -> Accuracy:
    judged = rows.dropna(subset=["correct"])
    return boot.mean(Accuracy, judged["original"], judged["correct"].to_numpy(np.float64))


def _coins(rows: pd.DataFrame, seed: int) -> NDArray[np.float64]:
    """Return +1 or -1 per row, from a hash: a coin does not change with the order or number of rows."""
    cells = rows[["original", "degradation_type", "ladder", "degradation_level"]].astype(str).to_numpy().tolist()
    digests = (digest(repr([seed, *cell])) for cell in cells)
    return np.array([1.0 if hashed[0] & 1 else -1.0 for hashed in digests], dtype=np.float64)
