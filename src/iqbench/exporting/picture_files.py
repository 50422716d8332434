"""The files of an export: a worker decodes a photo, makes its variants, and writes each picture losslessly."""

import hashlib
import json
import re
import shutil
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from torch.utils.data import Dataset

from iqbench import photos
from iqbench.inference.failures import Failure
from iqbench.inference.worker import pictures_of
from iqbench.interfaces import Photo, PhotoContext, PhotoFile, Variant
from iqbench.io import atomic_batch, write_text
from iqbench.outputs import stamped
from iqbench.picture_manifest import ORIGINAL, PictureRow, pixel_digest

PICTURES = "pictures"
PARTS = ".parts"
"""The folder of a record per finished photo, by which a resumed export knows which files are right."""

SLUG_LENGTH = 24
NAME_DIGITS = 12


@dataclass(frozen=True)
class ExportedPhoto:
    """The rows of a photo in the manifest, and whether its files were there already."""

    rows: Sequence[PictureRow]
    kept: bool = False


class PictureFiles(Dataset[ExportedPhoto]):
    """A data set of photos, each written with its variants in a worker.

    A photo's files appear together, and its record after them. A photo with a record is kept if its bytes, the suite,
    the versions and the content of every file are those of the record; otherwise it is written anew.

    Args:
        folder: The folder of the export.
        files: The photos.
        variants: The variants of each.
        made_by: What the pictures depend on besides the photo: the digests of the variants, and versions.
        source_files: All photos of the source, for variants that are made with another photo.
    """

    def __init__(
        self,
        folder: Path,
        files: Sequence[PhotoFile],
        variants: Sequence[Variant],
        made_by: Mapping[str, Any],
        source_files: Sequence[PhotoFile],
    ) -> None:
        self.folder, self.files, self.variants, self.source_files = folder, files, variants, source_files
        self.keys = [ORIGINAL, *(variant.key for variant in variants)]
        self.names = picture_names(self.keys)
        self.made_by = dict(made_by)
        if any(variant.needs_context for variant in variants):
            self.made_by["source"] = hashlib.sha256("\0".join(file.name for file in source_files).encode()).hexdigest()

    def __len__(self) -> int:
        return len(self.files)

    def substitute(self, index: int, code: str, error: str) -> ExportedPhoto:
        """Return the stand-in for a photo whose worker died or hung."""
        return self._failed(self.files[index], code, error)

    def __getitem__(self, index: int) -> ExportedPhoto:
        file = self.files[index]
        try:
            if rows := self._kept(file):
                return ExportedPhoto(rows, kept=True)
            decoded = photos.read(file.path, file.limits)
        except photos.PhotoError as error:
            return self._failed(file, error.code, str(error))
        return ExportedPhoto(self._written(file, decoded))

    def unfinished(self) -> int:
        """Return the number of photos without a record."""
        return sum(not self._record(file).exists() for file in self.files)

    def remove_others(self) -> int:
        """Remove the pictures of photos that are not in this export, and return the number of these photos."""
        stems = {photo_stem(file.name) for file in self.files}
        others = [part.stem for part in (self.folder / PARTS).glob("*.json") if part.stem not in stems]
        for stem in others:
            shutil.rmtree(self.folder / PICTURES / stem, ignore_errors=True)
            (self.folder / PARTS / f"{stem}.json").unlink()
        return len(others)

    def _failed(self, file: PhotoFile, status: str, error: str) -> ExportedPhoto:
        return ExportedPhoto([PictureRow("", file.name, key, status, error) for key in self.keys])

    def _record(self, file: PhotoFile) -> Path:
        return self.folder / PARTS / f"{photo_stem(file.name)}.json"

    def _made_of(self, sha256: str, file: PhotoFile) -> dict[str, Any]:
        return self.made_by | {"photo": file.name, "sha256": sha256}

    def _kept(self, file: PhotoFile) -> list[PictureRow]:
        """Return the rows of a photo whose files are there and right, else nothing."""
        try:
            record = json.loads(self._record(file).read_text(encoding="utf-8"))
            right = record["made_of"] == self._made_of(photos.sha256_of(file.path), file)
            if right and all(_content(self.folder / name) == digest for name, digest in record["files"].items()):
                return [PictureRow(*row) for row in record["rows"]]
        except (OSError, ValueError, KeyError, TypeError):
            return []
        return []

    def _written(self, file: PhotoFile, decoded: photos.DecodedPhoto) -> list[PictureRow]:
        stem = photo_stem(file.name)
        place = self.folder / PICTURES / stem
        record = self._record(file)
        record.unlink(missing_ok=True)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        rows: list[PictureRow] = []
        contents: dict[str, str] = {}
        with atomic_batch(place) as temporary:
            context = PhotoContext(file, self.source_files)
            for position, picture in pictures_of(decoded.pixels, self.variants, context):
                key = self.keys[position]
                encoded = picture if isinstance(picture, Failure) else encoded_picture(picture)
                if isinstance(encoded, Failure):
                    rows.append(PictureRow("", file.name, key, encoded.status, encoded.error, decoded.sha256))
                    continue
                assert not isinstance(picture, Failure)
                name = f"{stem}_{self.names[position]}.png"
                (temporary / name).write_bytes(encoded)
                path = f"{PICTURES}/{stem}/{name}"
                contents[path] = hashlib.sha256(encoded).hexdigest()
                height, width = picture.shape[:2]
                digest = pixel_digest(picture)
                rows.append(PictureRow(path, file.name, key, "ok", "", decoded.sha256, digest, width, height))
        record.parent.mkdir(exist_ok=True)
        made_of = self._made_of(decoded.sha256, file)
        write_text(record, json.dumps({"made_of": made_of, "files": contents, "rows": rows}))
        return rows


def encoded_picture(picture: Photo) -> bytes | Failure:
    """Return a picture as a PNG, by the fastest filter and compression, or the reason why it is none.

    It is stamped as iqbench's, so that a copy is never judged as a photo.
    """
    try:
        if picture.dtype != np.uint8 or picture.shape[2:] != (3,):
            raise ValueError(f"a picture of {picture.dtype} {picture.shape}, promised is uint8 (height, width, 3)")
        encoded = cv2.imencode(".png", cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2BGR))[1]
        return stamped(encoded.tobytes())
    except (ValueError, cv2.error) as error:
        return Failure.of("prepare_error", error)


def photo_stem(name: str) -> str:
    """Return the name of a photo's folder: readable, unique, and valid on every system, for any name.

    Example:
        >>> photo_stem("./a b/Été, 1.jpg"), photo_stem("./con.png")
        ('Ete-1-3fd8272d7532', 'con-9f3baf491cb1')
    """
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:NAME_DIGITS]
    stem = name.rpartition("/")[2]
    return "-".join(filter(None, [_slug(stem.rpartition(".")[0] or stem)[:SLUG_LENGTH].strip("-"), digest]))


def picture_names(keys: Sequence[str]) -> list[str]:
    """Return the part of a file name for each variant; one that another shares, or that was changed, has a digest.

    Example:
        >>> picture_names(["original", "blur/1.0", "mine/50 %", "crop_edge/right"])
        ['original', 'blur_1.0', 'mine_50-18b8820b', 'crop_edge_right']
    """
    plain = [key.replace("/", "_") for key in keys]
    lowered = [name.lower() for name in plain]
    names = []
    for key, name in zip(keys, plain, strict=True):
        slug = _slug(name)
        if slug != name or lowered.count(name.lower()) > 1:
            slug = f"{slug[:SLUG_LENGTH]}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
        names.append(slug)
    return names


def _slug(text: str) -> str:
    """Return a text in letters without accents, digits, dots and hyphens."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", ascii_text).strip("-")


def _content(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def counted(rows: Iterable[PictureRow]) -> dict[str, int]:
    """Return the number of rows by status, those with a picture left out."""
    counts: dict[str, int] = {}
    for row in rows:
        if row.status != "ok":
            counts[row.status] = counts.get(row.status, 0) + 1
    return dict(sorted(counts.items()))
