"""Does a store hold what was planned? A row for every cell, and nothing that does not add up."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from iqbench import photos
from iqbench.datasets.folder import path_of
from iqbench.results.reader import Run, opened
from iqbench.results.schema import ORIGINAL, cells

SHOWN = 5
"""Names that a line gives as examples."""


def problems(run: Run, folder: Path | None = None) -> list[str]:
    """Return what is wrong with a store, a line each; nothing if all of it adds up.

    Args:
        run: What the store holds.
        folder: That of the photos, to see whether they are still those that were judged.
    """
    found = [*_damage(run), *_photos(run), *_cells(run), *_answers(run)]
    return found if folder is None else found + list(_files(run, folder))


def counts(run: Run) -> Counter[str]:
    """Return how many rows about variants and controls a store has by status."""
    return Counter(run.pairs["status"][run.pairs["reference"] == ORIGINAL].tolist())


def _damage(run: Run) -> Iterator[str]:
    with opened(run.path) as database:
        said = [str(line) for (line,) in database.execute("PRAGMA integrity_check").fetchall()]
    if said != ["ok"]:
        yield f"the file is damaged: {said[0]}"


def _photos(run: Run) -> Iterator[str]:
    planned, there = set(run.identity["photos"]), set(run.photos["name"])
    if missing := sorted(planned - there):
        yield f"{len(missing)} of {len(planned)} planned photos have no row{_such(missing)}; the same command goes on"
    if strange := sorted(there - planned):
        yield f"{len(strange)} photos were never planned{_such(strange)}"


def _cells(run: Run) -> Iterator[str]:
    """Compare the pairs of each photo with the plan's: the original and each variant, each level and the next."""
    planned = cells([{str(key): value for key, value in row.items()} for row in run.variants.to_dict("records")])
    missing, extra = [], []
    by_photo = run.pairs.groupby("photo")
    groups = {str(photo): set(zip(own["reference"], own["variant"], strict=True)) for photo, own in by_photo}
    for name in run.photos["name"]:
        own = groups.pop(name, set())
        missing += [f"{name} {reference} {variant}" for reference, variant in sorted(planned - own)]
        extra += [f"{name} {reference} {variant}" for reference, variant in sorted(own - planned)]
    extra += sorted(groups)
    if missing:
        yield f"{len(missing)} planned pairs have no row{_such(missing)}"
    if extra:
        yield f"{len(extra)} pairs were never planned{_such(extra)}"


def _answers(run: Run) -> Iterator[str]:
    pairs = run.pairs.merge(run.photos[["name", "status"]], left_on="photo", right_on="name", suffixes=("", "_photo"))
    answered = np.isfinite(pairs[["forward", "backward"]].to_numpy(np.float64)).all(axis=1)
    ok, readable = (pairs[column].to_numpy() == "ok" for column in ("status", "status_photo"))
    for wrong, what in (
        (ok & ~answered, "pairs are said to be ok and have no margin"),
        (~ok & answered, "pairs are said to have failed and have a margin"),
        (ok & ~readable, "pairs are said to be ok, of photos that could not be read"),
        (~ok & (pairs["error"].to_numpy() == ""), "pairs have failed without a reason"),
    ):
        if wrong.any():
            yield f"{int(wrong.sum())} {what}{_such(_named(pairs[wrong]))}"


def _files(run: Run, folder: Path) -> Iterator[str]:
    read = run.photos[run.photos["sha256"].notna()]
    gone, changed, unreadable = list[str](), list[str](), list[str]()
    for name, sha256 in read[["name", "sha256"]].itertuples(index=False, name=None):
        try:
            if photos.sha256_of(folder / path_of(name)) != sha256:
                changed.append(name)
        except photos.PhotoError as error:
            (gone if error.code in ("vanished", "not_a_file") else unreadable).append(name)
        except OSError:
            unreadable.append(name)
    if gone:
        yield f"{len(gone)} photos are not in {folder} any more{_such(gone)}"
    if changed:
        yield f"{len(changed)} photos are not those that were judged{_such(changed)}"
    if unreadable:
        yield f"{len(unreadable)} photos cannot be read now{_such(unreadable)}"


def _named(pairs: pd.DataFrame) -> list[str]:
    return [f"{photo} {variant}" for photo, variant in zip(pairs["photo"], pairs["variant"], strict=True)]


def _such(names: list[str]) -> str:
    more = ", ..." if len(names) > SHOWN else ""
    return f" ({', '.join(ascii(name)[1:-1] for name in names[:SHOWN])}{more})"
