"""A model whose scores come from a file: any program, in any language, has scored what `iqbench.export` wrote."""

import logging
import unicodedata
from collections import Counter
from collections.abc import Container, Sequence
from pathlib import Path
from typing import final

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float64, Shaped
from torch import Tensor

from iqbench import photos
from iqbench.errors import MissingResource, UsageError
from iqbench.interfaces import Photo, PhotoFile, Scorer, Variant
from iqbench.models.adapters.score_file import Key, ScoreRows, read_score_rows
from iqbench.parsing import LineErrors, quoted
from iqbench.paths import absolute
from iqbench.picture_manifest import DIGEST_BYTES, MANIFEST, ORIGINAL, pixel_digest, read_manifest
from iqbench.progress import track

log = logging.getLogger(__name__)

EXPORT = "python -m iqbench.export writes them"


@final
class Scores(Scorer):
    """Scores from a file.

    A picture is recognised by its pixels, so photos may have moved, and the order of the rows does not matter. Pictures
    of equal pixels have one score. A file of the columns ``photo,score`` without a manifest has the scores of photos by
    their names: it answers in an evaluation, which then needs no photos.

    Args:
        file: The scores; see `iqbench.models.adapters.score_file.read_score_rows`.
        manifest: The manifest of the export; None is the one beside the scores.
        higher_is_better: False negates the scores.

    Raises:
        UsageError: If a file cannot be read, or rows are wrong.
        MissingResource: If there is no manifest for scores of files or variants.
    """

    def __init__(self, file: str, manifest: str | None, higher_is_better: bool) -> None:
        if higher_is_better not in (True, False):
            raise UsageError(f"model.higher_is_better={higher_is_better}: must be true or false")
        self.file = str(absolute(file, "model.file"))
        rows = read_score_rows(Path(self.file))
        scores = rows.scores if higher_is_better else -rows.scores
        by_name = rows.names == ["photo"] and manifest is None
        self.pictures = None if by_name else _Pictures.of(self.file, rows, scores, self._manifest(manifest))
        self.photos = _Photos(rows, scores) if by_name else None

    def prepare(self, photo: Photo) -> Float64[Tensor, "1"]:
        """Return the score.

        Raises:
            LookupError: If no exported picture has these pixels.
        """
        if self.pictures is None:
            raise LookupError("the scores are of photos by name; only an evaluation can use them")
        return torch.tensor([self.pictures.score(pixel_digest(photo))], dtype=torch.float64)

    def encode(self, inputs: Shaped[Tensor, "n 1"]) -> Shaped[Tensor, "n 1"]:
        """Return the scores."""
        return inputs

    def check_answers(self, files: Sequence[PhotoFile], variants: Sequence[Variant]) -> None:
        """See `iqbench.interfaces.StoredAnswers`."""
        if self.pictures is not None:
            self.pictures.check(self.file, files, [ORIGINAL, *(variant.key for variant in variants)])
            return
        if variants:
            raise MissingResource(
                f"{self.file}: has scores of photos by name (photo,score), and none of their degraded copies; "
                f"{EXPORT}, score those as file,score"
            )
        assert self.photos is not None
        self.photos.check(self.file, files)

    def scores_by_name(self, files: Sequence[PhotoFile]) -> Float64[np.ndarray, "n"] | None:
        """See `iqbench.interfaces.StoredAnswers`."""
        return None if self.photos is None else np.array([self.photos.score(file) for file in files])

    def _manifest(self, given: str | None) -> Path:
        """Return the manifest.

        Raises:
            MissingResource: If there is none.
        """
        path = Path(self.file).parent / MANIFEST if given is None else absolute(given, "model.manifest")
        if not path.exists():
            raise MissingResource(
                f"{path}: no such file; the manifest tells which picture a score is of, and {EXPORT}: give it as "
                "model.manifest=FILE (an export that was interrupted has none yet; the same command resumes it)"
            )
        return path


@final
class _Pictures:
    """The scores of exported pictures, by the digest of their pixels.

    Args:
        digests: The digests of all exported pictures with a score, sorted.
        scores: Their scores.
        table: The rows of the manifest, with a column ``scored``.
    """

    def __init__(self, digests: np.ndarray, scores: Float64[np.ndarray, "n"], table: pd.DataFrame) -> None:
        self.digests, self.scores, self.table = digests, scores, table

    def __getstate__(self) -> dict[str, object]:
        """Return what the scores depend on, which is all that a worker needs."""
        return {"digests": self.digests, "scores": self.scores, "table": None}

    @classmethod
    def of(cls, file: str, rows: ScoreRows, scores: Float64[np.ndarray, "n"], manifest: Path) -> "_Pictures":
        """Join the rows of a file of scores with a manifest.

        Raises:
            UsageError: If a row names no exported picture.
        """
        table = read_manifest(manifest)
        places = _places(Path(file), rows, table, manifest)
        number, digests = pd.factorize(table["digest"])  # equal pictures have one number
        joined = pd.DataFrame({"number": number[places], "place": places, "score": scores})
        _warn_of_different_scores(file, joined)
        first = joined.sort_values("place").drop_duplicates("number")
        known = _as_bytes(digests[first["number"]])
        order = np.argsort(known)
        is_scored = np.zeros(len(digests), dtype=bool)
        is_scored[first["number"]] = True
        return cls(known[order], first["score"].to_numpy()[order], table.assign(scored=is_scored[number]))

    def score(self, digest: str) -> float:
        """Return the score of a picture.

        Raises:
            LookupError: If it is not there.
        """
        wanted = np.frombuffer(bytes.fromhex(digest), dtype=f"S{DIGEST_BYTES}")
        at = int(np.searchsorted(self.digests, wanted)[0])
        if at == len(self.digests) or self.digests[at] != wanted[0]:
            raise LookupError("no scored picture of the export has these pixels; the photo or the damage has changed")
        return float(self.scores[at])

    def check(self, file: str, photo_files: Sequence[PhotoFile], variants: Sequence[str]) -> None:
        """See `iqbench.interfaces.StoredAnswers`."""
        exported = set(self.table["variant"].unique())
        if lacking := [key for key in variants if key not in exported]:
            raise MissingResource(
                f"{file}: the export has no {lacking[0]} ({len(lacking)} of {len(variants)} kinds of pictures are "
                "missing); export with the same degradation= as here"
            )
        names = self._names(photo_files)
        if lacking := [photo.name for photo, name in zip(photo_files, names, strict=True) if name is None]:
            raise MissingResource(
                f"{file}: {len(lacking)} of {len(photo_files)} photos were not exported, such as {lacking[0]}; export "
                "with the same data= as here"
            )
        asked = self.table[self.table["photo"].isin(set(names)) & self.table["variant"].isin(set(variants))]
        asked = asked[asked["status"] == "ok"]
        if not asked["scored"].all():
            lacking = asked["file"][~asked["scored"]].tolist()
            raise MissingResource(
                f"{file}: no score for {len(lacking):,} of {len(asked):,} pictures, such as {lacking[0]}; score them "
                "too, or write nan where the model has no answer"
            )

    def _names(self, files: Sequence[PhotoFile]) -> list[str | None]:
        """Return the name of each photo in the manifest, by its name or else by its bytes; None if it is not there."""
        known = self.table.drop_duplicates("photo")
        names: dict[str, str | None] = dict(zip(known["photo"], known["photo"], strict=True))
        by_content = dict(zip(known["sha256"], known["photo"], strict=True))
        moved = [file for file in files if file.name not in names]
        for file in track(moved, "photos of other names", len(moved)) if moved else []:
            try:
                names[file.name] = by_content.get(photos.sha256_of(file.path))
            except photos.PhotoError:
                names[file.name] = None
        return [names[file.name] for file in files]


@final
class _Photos:
    """The scores of photos by their names: relative or whole paths, or names of files that are unique."""

    def __init__(self, rows: ScoreRows, scores: Float64[np.ndarray, "n"]) -> None:
        paths = [_plain(name) for (name,) in rows.keys]
        self.by_path: dict[str, float] = dict(zip(paths, scores.tolist(), strict=True))
        times = Counter(path.rpartition("/")[2] for path in paths)
        pairs = zip(paths, scores.tolist(), strict=True)
        self.by_file_name: dict[str, float] = {
            name: score for path, score in pairs if times[name := path.rpartition("/")[2]] == 1
        }
        if len(self.by_path) < len(paths):
            raise UsageError(f"two rows name one photo, such as {quoted(Counter(paths).most_common(1)[0][0])}")

    def score(self, file: PhotoFile) -> float:
        """Return the score of a photo.

        Raises:
            KeyError: If there is none.
        """
        for path in (_plain(file.name), _plain(str(file.path))):
            if path in self.by_path:
                return self.by_path[path]
        return self.by_file_name[_plain(file.path.name)]

    def check(self, file: str, files: Sequence[PhotoFile]) -> None:
        """See `iqbench.interfaces.StoredAnswers`."""
        lacking = []
        for photo in files:
            try:
                self.score(photo)
            except KeyError:
                lacking.append(photo.name)
        if lacking:
            raise MissingResource(
                f"{file}: no score for {len(lacking):,} of {len(files):,} photos, such as {lacking[0]}; score them "
                "too, or write nan where the model has no answer"
            )


def _warn_of_different_scores(file: str, joined: pd.DataFrame) -> None:
    """Warn where files of equal pixels, such as a photo and its identical copy, have different scores."""
    spread = joined.groupby("number")["score"].agg(["min", "max"])
    different = spread[spread["min"] < spread["max"]]
    if len(different):
        log.warning(
            "%s: %d pictures are in several files and have different scores there (by up to %.3g): the program that "
            "scored them does not repeat its answers; the score of the first file in the manifest counts",
            file,
            len(different),
            (different["max"] - different["min"]).max(),
        )


def _places(file: Path, rows: ScoreRows, table: pd.DataFrame, manifest: Path) -> list[int]:
    """Return the row of the manifest that each row of scores is about.

    Raises:
        UsageError: If one names no exported picture.
    """
    made = np.flatnonzero(table["status"] == "ok").tolist()
    if rows.names == ["file"]:
        files = table["file"].tolist()
        known: dict[Key, int] = {(_file_name(files[at]),): at for at in made}
        keys: list[Key] = [(_file_name(name),) for (name,) in rows.keys]
    else:
        names, variants = table["photo"].tolist(), table["variant"].tolist()
        known = {(_plain(names[at]), variants[at]): at for at in made}
        keys = [(_plain(key[0]), key[1] if len(key) > 1 else ORIGINAL) for key in rows.keys]
    errors, first = LineErrors(file), dict[Key, int]()
    for line, key in zip(rows.lines, keys, strict=True):
        if key not in known:
            errors.add(line, f"{quoted(' '.join(key))}{_not_exported(key, known, manifest)}")
        elif (earlier := first.setdefault(key, line)) != line:
            errors.add(line, f"the same picture as in line {earlier}")
    if not first and all(_is_converted(key, known) for key in keys):
        raise UsageError(
            f"{file}: its files were converted, and so are other pictures; score the .png files themselves"
        )
    if not first and not any(_is_converted(key, known) for key in keys):
        raise UsageError(f"{file}: none of its pictures is in {manifest}; the scores are of another export")
    errors.raise_if_any()
    return [known[key] for key in keys]


def _not_exported(key: Sequence[str], known: Container[Key], manifest: Path) -> str:
    if _is_converted(key, known):
        return ": the export wrote a .png of this name, and a converted file is another picture"
    return f" is not in {manifest}"


def _is_converted(key: Sequence[str], known: Container[Key]) -> bool:
    """Return whether a file has the name of an exported one but for its ending."""
    return len(key) == 1 and (f"{key[0].rpartition('.')[0]}.png",) in known


def _file_name(path: str) -> str:
    """Return the name of an exported file, which is unique, from its path on any system."""
    return path.strip().replace("\\", "/").rpartition("/")[2]


def _plain(name: str) -> str:
    """Return the name of a photo in one form: with ``/``, without ``./``, composed."""
    return unicodedata.normalize("NFC", name.strip().replace("\\", "/").removeprefix("./"))


def _as_bytes(digests: "pd.Index[str]") -> np.ndarray:
    joined = bytes.fromhex("".join(digests.tolist()))
    return np.frombuffer(joined, dtype=f"S{DIGEST_BYTES}")
