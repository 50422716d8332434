"""Batches that do not fit into memory: they are halved, the size that fits is kept, and the results record it."""

import gc
import json
import logging
import weakref
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import iqbench
from fixtures.photos import noisy_gradient
from iqbench.benchmark.run_records import run_records
from iqbench.inference.batching import Batcher, Encoded
from iqbench.inference.encoding import encode_photos
from iqbench.inference.engine_config import EngineConfig
from iqbench.inference.failures import Failure
from iqbench.interfaces import Photo, PhotoFile
from iqbench.reporting.cautions import cautions
from iqbench.results.reader import Run
from iqbench.results.schema import TABLES
from iqbench.results.summary import Summary


class Large(nn.Module):
    """A network of whose pictures only so many fit into memory; the failed try leaves a large tensor behind."""

    def __init__(self, fits: int, error: type[Exception] = torch.OutOfMemoryError) -> None:
        super().__init__()
        self.fits, self.error = fits, error
        self.sizes: list[int] = []
        self.left: list[weakref.ref[Tensor]] = []
        self.alive_at_retry: list[int] = []

    def prepare(self, photo: Photo) -> Tensor:
        return torch.from_numpy(np.asarray(photo, dtype=np.float32).mean(axis=(0, 1)))

    def encode(self, inputs: Tensor) -> Tensor:
        self.alive_at_retry.append(sum(each() is not None for each in self.left))
        self.sizes.append(len(inputs))
        if len(inputs) > self.fits:
            activations = inputs.repeat(10, 1)
            self.left.append(weakref.ref(activations))
            raise self.error("CUDA out of memory. Tried to allocate 3.06 GiB")
        return inputs.clone()

    def margin(self, first: Tensor, second: Tensor) -> Tensor:
        return (first - second).sum(1)


def by_tag(found: Iterable[Encoded[int]]) -> dict[int, Tensor | Failure]:
    return {tag: answer if isinstance(answer, Failure) else answer[0] for tag, _, answer in found}


def encoded(model: Large, pictures: int, batch_size: int) -> tuple[dict[int, Tensor | Failure], int]:
    engine = EngineConfig.for_api("cpu", batch_size=batch_size, workers=0).for_model(model)
    batcher: Batcher[int] = Batcher(model, engine)
    answers: dict[int, Tensor | Failure] = {}
    with batcher:
        for number in range(pictures):
            answers |= by_tag(batcher.put(number, torch.full((1, 3), float(number))))
        answers |= by_tag(batcher.flush())
    return answers, batcher.size


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError])
@pytest.mark.parametrize(("fits", "kept"), [(8, 8), (7, 4), (4, 4), (3, 2), (1, 1)])
def test_every_picture_is_encoded_by_the_largest_half_that_fits(fits: int, kept: int, error: type[Exception]) -> None:
    model = Large(fits, error)
    answers, size = encoded(model, pictures=40, batch_size=8)
    assert {number: answer.tolist() for number, answer in answers.items() if isinstance(answer, Tensor)} == {
        number: [float(number)] * 3 for number in range(40)
    }
    assert size == kept
    assert model.sizes[-4:] == [kept] * 4, "later batches have the size that fits from the start"


def test_nothing_of_the_failed_try_is_alive_when_the_next_one_starts() -> None:
    gc.disable()
    try:
        model = Large(fits=1)
        encoded(model, pictures=8, batch_size=8)
    finally:
        gc.enable()
    assert len(model.left) > 1
    assert set(model.alive_at_retry) == {0}


def test_one_picture_that_does_not_fit_says_what_to_do() -> None:
    answers, _ = encoded(Large(fits=0), pictures=3, batch_size=2)
    for answer in answers.values():
        assert isinstance(answer, Failure)
        assert answer.status == "model_error"
        assert "a single picture does not fit into the device's memory (OutOfMemoryError: CUDA out of" in answer.error
        assert "model.size" in answer.error


def test_another_error_does_not_change_the_size() -> None:
    class Picky(Large):
        def encode(self, inputs: Tensor) -> Tensor:
            if (inputs[:, 0] == 5).any():
                raise ValueError("five")
            return inputs

    answers, size = encoded(Picky(fits=8), pictures=16, batch_size=8)
    assert size == 8
    assert [number for number, answer in answers.items() if isinstance(answer, Failure)] == [5]


def test_a_run_records_the_size_and_its_report_says_so(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        iqbench.benchmark({"large": Large(fits=2)}, photos=folder, out=tmp_path / "out", batch_size=8, workers=0)
    assert "out of memory with batches of 8 pictures: the run goes on with 4" in caplog.text
    summary = Summary.model_validate(json.loads((tmp_path / "out" / "summary.json").read_text()))
    (run,) = summary.runs
    assert run.details["batch_sizes"] == [8, 2]
    text = [caution.text for caution in cautions(summary) if "Batches" in caution.text]
    assert text == [
        "Batches of large fell from 8 to 2 pictures for want of memory, so the last bits of its margins differ before "
        "and after; engine.batch_size=2 keeps them the same"
    ]


@pytest.mark.parametrize(("fits", "sizes"), [(2, (8, 2)), (8, ())])
def test_encodings_for_an_evaluation_know_the_size_to_which_batches_fell(
    files: list[PhotoFile], fits: int, sizes: tuple[int, ...]
) -> None:
    engine = EngineConfig.for_api("cpu", 8, 0)
    assert encode_photos(Large(fits=fits), files, engine, "encoding").batch_sizes == sizes


def test_a_run_that_is_resumed_starts_with_the_size_that_fitted(folder: Path, tmp_path: Path) -> None:
    settings = {"out": tmp_path / "out", "batch_size": 8, "workers": 0}
    iqbench.benchmark({"large": Large(fits=2)}, photos=folder, **settings)
    Image.fromarray(noisy_gradient(50, 60, seed=9)).save(folder / "d.png")
    again = Large(fits=2)
    result = iqbench.benchmark({"large": again}, photos=folder, **settings)
    (run,) = result.summary.runs
    assert run.details["batch_sizes"] == [8, 2]
    assert again.sizes.count(8) == 1  # in the rehearsal


def test_a_shard_whose_batches_fell_is_told_of(tmp_path: Path) -> None:
    def run_of(shard: int, **more: object) -> Run:
        identity = {"model_name": "large", "photos": [f"./{shard}.png"]}
        details = {"shard": [shard, 2], "config": {"data": {}, "engine": {}}, **more}
        return Run(tmp_path, identity, details, **{table.name: pd.DataFrame() for table in TABLES})

    (record,) = run_records([run_of(0), run_of(1, batch_sizes=[8, 2])])
    assert record.details["batch_sizes"] == [8, 2]
