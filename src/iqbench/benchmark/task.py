"""The work of a run: which model scores which variants of which photos, and how it uses the machine."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from torch import nn

from iqbench.degradations.ladder import planned_pairs
from iqbench.inference.engine_config import EngineConfig
from iqbench.inference.tensor_pictures import TensorPictures
from iqbench.inference.worker import NOTHING_LEFT_OUT, LeftOut, PhotoDataset
from iqbench.interfaces import PhotoFile, QualityModel, Variant
from iqbench.results.schema import ORIGINAL


@dataclass(frozen=True)
class BenchmarkTask:
    """A model, photos, their variants, and the engine config.

    Positions count the pictures of a photo: 0 is the original, i + 1 the variant i. ``source_files`` are all photos
    of the source, of which these may be a shard; () means the same ones.

    ``picture_bytes`` is the size of a prepared picture. ``is_shareable`` is False for a model that must be alone in the
    process: it changes settings that others depend on, or it is compiled. ``tensor_pictures`` makes pictures beside the
    network, None if workers make them all.
    """

    model: QualityModel
    files: Sequence[PhotoFile]
    variants: Sequence[Variant]
    engine: EngineConfig
    source_files: Sequence[PhotoFile] = ()
    picture_bytes: int = 0
    is_shareable: bool = True
    tensor_pictures: TensorPictures | None = None

    @property
    def is_network(self) -> bool:
        """True if the model is a network, whose batches are encoded by the inference threads."""
        return isinstance(self.model, nn.Module)

    @property
    def planned_pairs(self) -> list[tuple[int, int]]:
        """The pairs to compare, as positions of reference and variant."""
        return planned_pairs([variant.ladder for variant in self.variants])

    def key(self, position: int) -> str:
        """Return the key of a picture in the store."""
        return self.variants[position - 1].key if position else ORIGINAL

    def dataset(self, files: Sequence[PhotoFile]) -> PhotoDataset:
        """Return the data set that prepares some of the photos in workers."""
        return PhotoDataset(files, self.variants, self.model, self.source_files or self.files, self.left_out)

    def in_workers(self, names: Sequence[str]) -> PhotoDataset:
        """Return the data set that prepares photos of these names in workers alone."""
        files = [file for file in self.files if file.name in names]
        return PhotoDataset(files, self.variants, self.model, self.source_files or self.files)

    @property
    def left_out(self) -> LeftOut:
        """The pictures that workers leave out, since they are made beside the network."""
        return NOTHING_LEFT_OUT if self.tensor_pictures is None else self.tensor_pictures.left_out(self.variants)

    def with_files(self, files: Sequence[PhotoFile]) -> Self:
        """Return the task for other photos."""
        return replace(self, files=files)
