"""Data sets and their loaders in worker processes that are spawned, as on Windows and macOS."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Trainer
from omegaconf import DictConfig
from torch.utils.data import DataLoader

from fixtures.labelled_sets import write_ava, write_pairs, write_phototriage
from fixtures.tiny_models import ava, examples, siamese
from iqbench.config import build as instantiate
from iqbench.config import compose
from iqbench.datasets.ava import AvaPhotos
from iqbench.datasets.degraded import DegradedPhotos
from iqbench.datasets.labelled import LabelledPhotos
from iqbench.datasets.pairs import PairList
from iqbench.datasets.phototriage import PhotoTriage
from iqbench.datasets.samples import Samples
from iqbench.degradations.drawn import Kind
from iqbench.interfaces import PhotoFile
from iqbench.models.learned import Learned

SETTINGS = examples(augmentation={"flip": 0.5, "keep": 0.9}, workers=1)


def phototriage(root: Path) -> LabelledPhotos:
    write_phototriage(root)
    return PhotoTriage(str(root), 0.25, 0.5, cache=str(root / "cache"), limit=None, seed=0)


def ava_photos(root: Path) -> LabelledPhotos:
    write_ava(root)
    return AvaPhotos(str(root), "images", "official", 0.2, cache=str(root / "cache"), limit=None, seed=0)


def pair_list(root: Path) -> LabelledPhotos:
    write_pairs(root)
    return PairList(str(root / "list.csv"), 0.2, 0.2, cache=str(root / "cache"), limit=None, seed=0)


def attached(model: Learned) -> Learned:
    """Attach a trainer, as in a running training."""
    model.trainer = Trainer(accelerator="cpu", devices=1, logger=False, enable_checkpointing=False)
    return model


def assert_same(batch: Any, other: Any) -> None:
    assert all(torch.equal(part, same) for part, same in zip(batch, other, strict=True))


@pytest.mark.parametrize(
    ("make", "model"), [(phototriage, siamese), (pair_list, siamese), (ava_photos, siamese), (ava_photos, ava)]
)
def test_labelled_examples_survive_pickling_without_the_model(
    tmp_path: Path, make: Callable[[Path], LabelledPhotos], model: Callable[[], Learned]
) -> None:
    data, learner = make(tmp_path), attached(model())
    data.configure_examples(learner, SETTINGS)
    for loader in (data.train_dataloader(), data.val_dataloader()):
        pickled = pickle.dumps(loader.dataset)
        index = next(iter(loader.sampler))
        assert_same(pickle.loads(pickled)[index], loader.dataset[index])
        assert b"Siamese" not in pickled
        assert b"Ava\n" not in pickled
        assert b"Backbone" not in pickled


@pytest.mark.parametrize("labels", ["pairs", "votes"])
def test_degraded_examples_of_the_standard_suite_survive_pickling_without_the_model(
    files: list[PhotoFile], labels: str
) -> None:
    nodes = compose("train", ["data=samples", "model=ava"]).degradation
    kinds = [
        Kind(str(name), instantiate(DictConfig({**node, "_partial_": True}), name)) for name, node in nodes.items()
    ]
    votes = {"original": 7.0, "harshest": 3.0, "spread": 1.4}
    data = DegradedPhotos(files, kinds, attached(ava()), examples(labels=labels), 0.3, seed=0, votes=votes)
    dataset = data.train_dataloader().dataset
    pickled = pickle.dumps(dataset)
    restored_dataset = pickle.loads(pickled)
    for row in range(0, len(dataset), 5):
        assert_same(restored_dataset[row, 3], dataset[row, 3])
    assert b"Backbone" not in pickled


@pytest.mark.slow  # a spawned process imports torch anew
def test_a_spawned_worker_yields_the_batches_of_the_main_process(tmp_path: Path) -> None:
    data = phototriage(tmp_path)
    data.configure_examples(attached(siamese()), SETTINGS)
    loader = data.train_dataloader()
    spawned = DataLoader(
        loader.dataset,
        batch_size=loader.batch_size,
        sampler=loader.sampler,
        num_workers=1,
        worker_init_fn=loader.worker_init_fn,
        multiprocessing_context="spawn",
    )
    alone = DataLoader(loader.dataset, batch_size=loader.batch_size, sampler=loader.sampler)
    for batch, expected in zip(spawned, alone, strict=True):
        assert_same(batch, expected)


def test_photo_files_survive_pickling() -> None:
    listing = Samples(limit=None, seed=0).photos()
    assert pickle.loads(pickle.dumps(listing)) == listing
