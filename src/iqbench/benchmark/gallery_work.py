"""The work of making the pictures of mistakes: for one model, or for all models of a sweep at once.

In a worker each photo is decoded once, each of its variants made once, and shown as each model sees it.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor
from torch.utils.data import Dataset

from iqbench import photos
from iqbench.benchmark.gallery import Key, mistakes, names_of_inputs, pair_pictures, with_inputs
from iqbench.benchmark.task import BenchmarkTask
from iqbench.benchmark.verdict_table import verdict_rows
from iqbench.errors import one_line
from iqbench.inference import model_calls
from iqbench.inference.engine_config import EngineConfig
from iqbench.inference.failures import raise_if_fatal
from iqbench.inference.process_state import restore_surroundings, surroundings
from iqbench.inference.shared_worker import preparation_of
from iqbench.interfaces import Photo, PhotoContext, PhotoFile, Prepares, Variant, shown_input
from iqbench.progress import track
from iqbench.results.reader import read_store
from iqbench.results.schema import GalleryPicture
from iqbench.results.store import Store

log = logging.getLogger(__name__)


class View(NamedTuple):
    """How models see a photo: what prepares it, and the names of the numbers that it then consists of."""

    preparation: Prepares
    names: Sequence[str] | None


class MistakenPhoto(NamedTuple):
    """A photo, and for each of its variants that was mistaken the numbers of the views in which it is shown."""

    file: PhotoFile
    views: Mapping[Key, Set[int]]


@dataclass
class ViewedPhoto:
    """The pictures of a photo's mistakes by view, and the reasons for those that cannot be made."""

    pictures: list[tuple[int, GalleryPicture]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Gallery:
    """Brings a store's gallery up to date with its verdicts: adds missing pictures, deletes obsolete ones.

    A photo that is missing or has changed since the run gets no pictures.

    Args:
        store: The store of a run whose photos are scored.
        task: The work of the run.
        limit: Mistakes per type; 0 stores none.
    """

    def __init__(self, store: Store, task: BenchmarkTask, limit: int) -> None:
        self.store, self.task = store, task
        self.view = View(preparation_of(task.model), names_of_inputs(task.model))
        self._made: dict[Key, GalleryPicture] = {}
        worst = mistakes(verdict_rows([read_store(store.path)]), limit)
        columns = worst[["photo_sha256", "degradation_type", "degradation_level", "original"]]
        self._names: dict[Key, str] = {
            (str(sha256), f"{kind}/{level}"): str(name) for sha256, kind, level, name in columns.itertuples(index=False)
        }
        self._stored = store.gallery_keys()

    @property
    def missing(self) -> dict[Key, str]:
        """The names of the photos of the missing pictures, by key, sorted by name."""
        return {key: self._names[key] for key in self._sorted(set(self._names) - self._stored - set(self._made))}

    def _sorted(self, keys: Set[Key]) -> list[Key]:
        return sorted(keys, key=lambda key: (self._names[key], key))

    def put(self, picture: GalleryPicture) -> None:
        """Take a picture that was made together with those of other models."""
        self._made[picture.sha256, picture.variant] = picture

    def alone(self) -> None:
        """Make the pictures that are still missing, and store all."""
        task = self.task
        viewed = viewed_photos([self.missing], task, [View(task.model, self.view.names)], task.engine)
        for photo in viewed:
            for _, picture in photo.pictures:
                self.put(picture)
            for note in photo.notes:
                log.warning(note)
        pictures = [self._made[key] for key in self._sorted(set(self._made))]
        self.store.update_gallery(pictures, keep=set(self._names))


def viewed_photos(
    missing: Sequence[Mapping[Key, str]], task: BenchmarkTask, views: Sequence[View], engine: EngineConfig
) -> Iterator[ViewedPhoto]:
    """Yield the pictures of each photo with missing pictures.

    Args:
        missing: For each view the missing pictures, with the names of their photos.
        task: The photos and variants.
        views: The views.
        engine: The engine config.
    """
    files = {file.name: file for file in task.files}
    keys: dict[str, dict[Key, set[int]]] = {}
    for number, names in enumerate(missing):
        for key, name in names.items():
            if name in files:
                keys.setdefault(name, {}).setdefault(key, set()).add(number)
    work = [MistakenPhoto(files[name], keys[name]) for name in sorted(keys)]
    if not work:
        return
    dataset = MistakenPhotos(work, task.variants, views, task.source_files or task.files)
    pool = engine.worker_pool(max(2, len(work)))  # one photo in a worker, too, as where models share the work
    yield from track(pool.in_order(dataset), "pictures of the worst mistakes", len(work))


class MistakenPhotos(Dataset[ViewedPhoto]):
    """A data set of photos with mistakes, whose pictures are made in a worker."""

    def __init__(
        self,
        work: Sequence[MistakenPhoto],
        variants: Sequence[Variant],
        views: Sequence[View],
        source_files: Sequence[PhotoFile],
    ) -> None:
        self.work, self.views, self.source_files = work, views, source_files
        self.variants = {variant.key: variant for variant in variants}

    def __len__(self) -> int:
        return len(self.work)

    def substitute(self, index: int, code: str, error: str) -> ViewedPhoto:
        """Return no pictures for a photo whose worker died or hung."""
        return ViewedPhoto(notes=[f"{self.work[index].file.name}: no pictures of its mistakes ({error})"])

    def __getitem__(self, index: int) -> ViewedPhoto:
        viewed, (file, views) = ViewedPhoto(), self.work[index]
        try:
            decoded = photos.read(file.path, file.limits)
        except photos.PhotoError:
            return viewed
        originals: dict[int, Tensor] = {}
        for key, numbers in views.items():
            if key[0] != decoded.sha256:
                continue
            try:
                degraded = self.variants[key[1]].picture(decoded.pixels, PhotoContext(file, self.source_files))
                pair = pair_pictures(key, decoded.pixels, degraded)
                for number in sorted(numbers):
                    self._show(viewed, number, pair, decoded.pixels, degraded, originals)
            except BaseException as error:  # noqa: BLE001 - of other people's code
                raise_if_fatal(error)
                viewed.notes.append(f"{file.name}, {key[1]}: no picture of this mistake ({one_line(error)})")
        return viewed

    def _show(
        self,
        viewed: ViewedPhoto,
        number: int,
        pair: GalleryPicture,
        original: Photo,
        degraded: Photo,
        originals: dict[int, Tensor],
    ) -> None:
        """Add the picture of one view. One of several models that changes the process has to show it alone."""
        (preparation, names), before = self.views[number], surroundings()
        if number not in originals:
            originals[number] = shown_input(preparation, model_calls.prepare(preparation, original))
        prepared = shown_input(preparation, model_calls.prepare(preparation, degraded))
        picture = with_inputs(pair, originals[number], prepared, names)
        if len(self.views) > 1 and surroundings() != before:
            restore_surroundings(before)
        else:
            viewed.pictures.append((number, picture))
