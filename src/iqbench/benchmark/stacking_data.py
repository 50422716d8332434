"""What an ensemble is fitted on: the stored margins of its members on photos that none of them was trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float64

from iqbench.benchmark.tables import CELL, CONTROL
from iqbench.benchmark.verdict_table import verdict_rows
from iqbench.errors import UsageError
from iqbench.models.ensemble_file import EnsembleMember
from iqbench.object_state import PATH_MARKS
from iqbench.results.reader import Run
from iqbench.training_provenance import NEAR_COPY

FEWEST_PHOTOS = 20
"""Photos (clusters of them) that a fit needs: with fewer, the weights are those of a few photos."""

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
