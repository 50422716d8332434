"""The fit of an ensemble: from the stored margins of its members on photos that none of them was trained on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float64, Int

from iqbench.benchmark.comparisons import comparisons_of
from iqbench.benchmark.tables import CELL, CONTROL, BenchmarkSample, Tables
from iqbench.benchmark.verdict_table import protocol_of, verdict_rows
from iqbench.errors import UsageError
from iqbench.models.combining import Router, Stacking, feature_count, gate_features
from iqbench.models.ensemble_file import EnsembleFile, EnsembleMember
from iqbench.object_state import PATH_MARKS
from iqbench.protocol import verdict_signs
from iqbench.results.reader import Run
from iqbench.results.summary import ModelDifference
from iqbench.statistics.bootstrap import BootstrapConfig
from iqbench.statistics.estimate import NO_PAIR, Accuracy
from iqbench.training_provenance import NEAR_COPY, training_step
from iqbench.version import iqbench_version

FEWEST_PHOTOS = 20
"""Photos (clusters of them) that a fit needs: with fewer, the weights are those of a few photos."""

FOLDS = 5
"""Parts of the photos; each is judged by an ensemble that was fitted on the others."""

NOTHING_TO_COMBINE = (
    "no member prefers the originals, so there is nothing to combine; does higher mean better in each of them "
    "(model.higher_is_better=false)?"
)

Margins = Float64[np.ndarray, "pairs members"]


@dataclass(frozen=True)
class StackingData:
    """What an ensemble is fitted on.

    Args:
        members: The members.
        pairs: A row per photo and variant that all members judged: `CELL`, ``cluster``, and a margin for each member
            under its name, half the difference of its answers in the two orders.
        verdicts: The verdict table of these pairs.
        photos: A row per photo: ``sha256`` and ``look``.
        left_out: The number of photos that were left out because a member was trained on them.
        runs: The runs of the members.
    """

    members: list[EnsembleMember]
    pairs: pd.DataFrame
    verdicts: pd.DataFrame
    photos: pd.DataFrame
    left_out: int
    runs: Sequence[Run]

    @property
    def names(self) -> list[str]:
        """The names of the members."""
        return [member.name for member in self.members]

    @property
    def margins(self) -> Margins:
        """The margins, a column per member."""
        return self.pairs[self.names].to_numpy(np.float64, copy=True)


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


def stacking_data(runs: Sequence[Run], chosen: Sequence[str] | None = None, keep_seen: bool = False) -> StackingData:
    """Return what an ensemble of the models of some runs is fitted on.

    Args:
        runs: The runs, as `iqbench.benchmark.verdict_table.read_runs` returns them.
        chosen: The names of the members; None for all models.
        keep_seen: Whether photos count that a member was trained on. It is better on these than on others, and gets
            too much weight.

    Raises:
        UsageError: If there are fewer than two members, one cannot be built again, or there are too few photos.
    """
    runs = [run for run in runs if chosen is None or run.identity["model_name"] in chosen]
    members = list({run.identity["model_name"]: _member(run) for run in runs}.values())
    names = [member.name for member in members]
    if missing := sorted(set(chosen or []) - set(names)):
        raise UsageError(f"--members {' '.join(missing)}: not among the models there")
    if len(names) < 2:
        raise UsageError(f"an ensemble needs two members or more, and here is {', '.join(names) or 'none'}")
    table = verdict_rows(runs)
    table = table[(table["degradation_group"] != CONTROL) & (table["status"] == "ok")]
    table = table.assign(both=(table["forward"].astype(float) - table["backward"].astype(float)) / 2)
    wide = table.pivot(index=CELL, columns="model_name", values="both").reindex(columns=names).dropna()
    facts = table.drop_duplicates(CELL).set_index(CELL)[["cluster", "photo_sha256"]]
    pairs = wide.join(facts).reset_index()
    seen = _seen(runs) if not keep_seen else set()
    is_seen = pairs["photo_sha256"].isin(seen)
    left_out = int(pairs.loc[is_seen, "original"].nunique())
    pairs = pairs[~is_seen].reset_index(drop=True)
    _check_enough(int(pairs["cluster"].nunique()), left_out)
    photos = pd.concat([run.photos for run in runs])[["sha256", "look"]].drop_duplicates("sha256")
    photos = photos[photos["sha256"].isin(pairs["photo_sha256"])]
    judged = pd.MultiIndex.from_frame(table[CELL]).isin(pd.MultiIndex.from_frame(pairs[CELL]))
    return StackingData(members, pairs, table[judged].drop(columns="both"), photos, left_out, runs)


def fitted_ensemble(data: StackingData) -> EnsembleFile:
    """Return the ensemble, fitted on all pairs.

    Raises:
        UsageError: If no member prefers the originals.
    """
    count, names = len(data.photos), data.names
    photos = [(str(sha), None if pd.isna(look) else str(look)) for sha, look in data.photos.itertuples(index=False)]
    what = f"the weights of {', '.join(names)} on {count:,} photos and their degraded copies"
    return EnsembleFile(
        iqbench=iqbench_version(),
        members=data.members,
        stacking=fit_stacking(data.margins),
        router=fit_router(data.margins),
        fitted_on=training_step(what, "pairs", photos),
    )


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


def fit_stacking(margins: Margins) -> Stacking:
    """Return the weighted sum that makes the preference of the originals most likely: a logistic regression.

    It has no intercept, which would prefer a side, and no negative weight: a member whose weight would be negative is
    left out, and the others are fitted anew.

    Args:
        margins: The members' margins of the originals.

    Raises:
        UsageError: If no member has a positive weight.

    Example:
        >>> stacking = fit_stacking(np.array([[1.0, -1.0], [2.0, 0.0], [1.0, 1.0], [-1.0, 1.0]]))
        >>> [round(weight, 2) for weight in stacking.weights]
        [0.61, 0.38]
    """
    scales = _scales(margins)
    kept = [member for member in range(margins.shape[1]) if margins[:, member].any()]
    while kept:
        weights = _log_odds_per_unit(margins[:, kept] / scales[kept])
        if (weights > 0).all():
            every = np.zeros(margins.shape[1])
            every[kept] = weights / scales[kept]
            return Stacking(weights=every.tolist())
        del kept[int(weights.argmin())]
    raise UsageError(NOTHING_TO_COMBINE)


def fit_router(margins: Margins) -> Router:
    """Return the gate that is most often right, and the slope that makes each member's margin log-odds.

    The gate is a multinomial logistic regression on the pairs about which only some members are right; these are its
    classes. The slopes are those of `fit_stacking` for each member alone.

    Args:
        margins: The members' margins of the originals.

    Raises:
        UsageError: If no member prefers the originals.
    """
    from sklearn.linear_model import LogisticRegression

    count, scales = margins.shape[1], _scales(margins)
    slopes = np.array([_own_slope(margins[:, [member]] / scales[member]) for member in range(count)])
    if not slopes.any():
        raise UsageError(NOTHING_TO_COMBINE)
    right = (margins > 0) & (slopes > 0)
    intercepts, coefficients = np.zeros(count), np.zeros((count, feature_count(count)))
    pairs, listened = np.nonzero(right & ~right[:, slopes > 0].all(axis=1, keepdims=True))
    classes = np.unique(listened)
    if len(classes) < 2:
        intercepts[right.sum(axis=0).argmax()] = 1.0
    else:
        features = gate_features(torch.from_numpy(margins), torch.from_numpy(scales)).numpy()[pairs]
        gate = LogisticRegression(max_iter=1000)
        gate.fit(features, listened, sample_weight=1 / right.sum(axis=1)[pairs])
        is_binary = len(classes) == 2
        coefficients[classes[-1:] if is_binary else classes] = gate.coef_
        intercepts[classes[-1:] if is_binary else classes] = gate.intercept_
        slopes[np.setdiff1d(np.arange(count), classes)] = 0.0
    return Router(
        scales=scales.tolist(),
        slopes=(slopes / scales).tolist(),
        intercepts=intercepts.tolist(),
        coefficients=coefficients.tolist(),
    )


def _log_odds_per_unit(margins: Margins) -> Float64[np.ndarray, "members"]:
    """Return the weights of a logistic regression without intercept, in which each pair stands in both orders."""
    from sklearn.linear_model import LogisticRegression

    both, first_is_better = np.vstack([margins, -margins]), np.repeat([1, 0], len(margins))
    regression = LogisticRegression(fit_intercept=False, max_iter=1000)
    regression.fit(both, first_is_better, sample_weight=np.full(len(both), 0.5))
    return np.asarray(regression.coef_[0], dtype=np.float64)


def _own_slope(margins: Margins) -> float:
    """Return the log-odds per unit of one member's margin; 0 for a member that is not right more often than wrong."""
    return max(0.0, float(_log_odds_per_unit(margins)[0])) if margins.any() else 0.0


def _scales(margins: Margins) -> Float64[np.ndarray, "members"]:
    """Return a usual size of each member's margin: the median of those that are not 0."""
    sizes = [np.abs(column[column != 0]) for column in margins.T]
    return np.array([float(np.median(size)) if len(size) else 1.0 for size in sizes])


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


def _check_enough(photos: int, left_out: int) -> None:
    if photos >= FEWEST_PHOTOS:
        return
    rest = f"; {left_out} more are left out, since a member was trained on them (--keep-seen uses them)" * bool(
        left_out
    )
    raise UsageError(
        f"all members judged {photos} independent photos, and a fit needs {FEWEST_PHOTOS} or more{rest}: "
        "benchmark the members on more photos"
    )


def _seen(runs: Sequence[Run]) -> set[str]:
    """Return the sha256 of the photos that a member was trained on, or that are near-copies of such ones."""
    photos = pd.concat([run.photos for run in runs])
    seen = photos["seen_in_training"].astype(bool) | photos["notes"].str.endswith(NEAR_COPY)
    return set(photos.loc[seen, "sha256"].dropna())


def _member(run: Run) -> EnsembleMember:
    """Return what builds the model of a run.

    Raises:
        UsageError: If its settings do not tell.
    """
    config, name = run.details["config"], run.identity["model_name"]
    settings = config.get("model") or {}
    if "_target_" not in settings:
        raise UsageError(
            f"{run.path.parent}, {name}: an object of Python, which no file can build again; benchmark it as "
            "model=function model.target=module:name"
        )
    folder = Path(run.origin.folder) if run.origin.folder else None
    settings = {key: _absolute(value, folder) for key, value in settings.items()}
    return EnsembleMember(
        name=name, fingerprint=run.identity["model_fingerprint"], seed=int(config["seed"]), settings=settings
    )


def _absolute(value: Any, folder: Path | None) -> Any:
    """Return a setting in which the path of a file does not depend on the folder that the run was started in."""
    if isinstance(value, dict):
        return {key: _absolute(part, folder) for key, part in value.items()}
    if isinstance(value, list):
        return [_absolute(part, folder) for part in value]
    if not isinstance(value, str) or folder is None or PATH_MARKS.isdisjoint(value):
        return value
    try:
        return str(folder / value) if (folder / value).is_file() else value
    except (OSError, ValueError):  # no path at all, such as a prompt
        return value
