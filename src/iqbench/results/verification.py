"""The verification of a store: a row for every planned pair, and no contradiction between rows."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from iqbench import photos
from iqbench.datasets.photo_names import path_of
from iqbench.errors import UsageError
from iqbench.paths import on_disk
from iqbench.results.reader import Run, opened
from iqbench.results.schema import ORIGINAL

MAX_EXAMPLES = 5
"""Names per message."""


def problems(run: Run, folder: Path | None = None) -> list[str]:
    """Return the problems of a store, one line each.

    Args:
        run: The content of the store.
        folder: The folder of the photos, to check that their content has not changed.
    """
    lines = [*_damage(run), *_photos(run), *_pairs(run), *_answers(run)]
    return lines if folder is None else lines + list(_files(run, folder))


def counts(run: Run) -> Counter[str]:
    """Return the number of rows about variants and controls, by status."""
    return Counter(run.pairs["status"][run.pairs["reference"] == ORIGINAL].tolist())


def _damage(run: Run) -> Iterator[str]:
    with opened(run.path) as database:
        lines = [str(line) for (line,) in database.execute("PRAGMA integrity_check").fetchall()]
    if lines != ["ok"]:
        yield f"the file is damaged: {lines[0]}"


def _photos(run: Run) -> Iterator[str]:
    planned, stored = set(run.identity["photos"]), set(run.photos["name"])
    if missing := sorted(planned - stored):
        yield (
            f"{len(missing)} of {len(planned)} planned photos have no row{_examples(missing)}; "
            "run the same command to resume"
        )
    if unplanned := sorted(stored - planned):
        yield f"{len(unplanned)} photos were never planned{_examples(unplanned)}"


def _pairs(run: Run) -> Iterator[str]:
    """Compare the pairs of each photo with the planned ones."""
    planned, missing, unplanned = run.planned_cells, list[str](), list[str]()
    by_photo = run.pairs.groupby("photo")
    stored = {str(photo): set(zip(rows["reference"], rows["variant"], strict=True)) for photo, rows in by_photo}
    for name in run.photos["name"]:
        cells = stored.pop(name, set())
        missing += [f"{name} {reference} {variant}" for reference, variant in sorted(planned - cells)]
        unplanned += [f"{name} {reference} {variant}" for reference, variant in sorted(cells - planned)]
    unplanned += sorted(stored)
    if missing:
        yield f"{len(missing)} planned pairs have no row{_examples(missing)}"
    if unplanned:
        yield f"{len(unplanned)} pairs were never planned{_examples(unplanned)}"


def _answers(run: Run) -> Iterator[str]:
    pairs = run.pairs.merge(run.photos[["name", "status"]], left_on="photo", right_on="name", suffixes=("", "_photo"))
    answered = np.isfinite(pairs[["forward", "backward"]].to_numpy(np.float64)).all(axis=1)
    ok, readable = (pairs[column].to_numpy() == "ok" for column in ("status", "status_photo"))
    for wrong, problem in (
        (ok & ~answered, "pairs have the status ok and no margin"),
        (~ok & answered, "pairs have the status of a failure and a margin"),
        (ok & ~readable, "pairs have the status ok, but their photo could not be read"),
        (~ok & (pairs["error"].to_numpy() == ""), "pairs have failed without a reason"),
    ):
        if wrong.any():
            yield f"{int(wrong.sum())} {problem}{_examples(_named(pairs[wrong]))}"


def _files(run: Run, folder: Path) -> Iterator[str]:
    read = run.photos[run.photos["sha256"].notna()]
    missing, changed, unreadable = list[str](), list[str](), list[str]()
    for name, sha256 in read[["name", "sha256"]].itertuples(index=False, name=None):
        try:
            if photos.sha256_of(on_disk(folder / path_of(name))) != sha256:
                changed.append(name)
        except photos.PhotoError as error:
            (missing if error.code in ("vanished", "not_a_file") else unreadable).append(name)
        except (OSError, UsageError):
            unreadable.append(name)
    if missing:
        yield f"{len(missing)} photos are no longer in {folder}{_examples(missing)}"
    if changed:
        yield f"{len(changed)} photos have changed since the run{_examples(changed)}"
    if unreadable:
        yield f"{len(unreadable)} photos cannot be read{_examples(unreadable)}"


def _named(pairs: pd.DataFrame) -> list[str]:
    return [f"{photo} {variant}" for photo, variant in zip(pairs["photo"], pairs["variant"], strict=True)]


def _examples(names: list[str]) -> str:
    more = ", ..." if len(names) > MAX_EXAMPLES else ""
    return f" ({', '.join(ascii(name)[1:-1] for name in names[:MAX_EXAMPLES])}{more})"
