"""An error ends the workers and gives the settings back at once, even while its traceback is held, as in a notebook.

What code has named lives as long as the traceback, and so does a generator among it that nobody closes.
"""

import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
import torch
from jaxtyping import Float
from PIL import Image

from fixtures.photos import noisy_gradient
from iqbench.benchmark.scoring import Scoring
from iqbench.benchmark.task import BenchmarkTask
from iqbench.culling.examine import Examination, examine
from iqbench.culling.sharpness import SubjectSharpness
from iqbench.culling.store import Store
from iqbench.datasets.folder import Folder
from iqbench.degradations.blur import blur_ladder
from iqbench.degradations.ladder import suite
from iqbench.inference.batching import Batcher
from iqbench.inference.calls_in_workers import in_workers
from iqbench.inference.encoding import encode_photos
from iqbench.inference.engine_config import EngineConfig
from iqbench.inference.float_format import float_format
from iqbench.interfaces import Photo, PhotoFile, Scorer

ENGINE = replace(EngineConfig.for_api("cpu", batch_size=2, workers=2), timeout=60)


class Brightness(Scorer):
    """Prefers the brighter photo."""

    def prepare(self, photo: Photo) -> Float[torch.Tensor, "1"]:
        return torch.tensor([photo.mean()], dtype=torch.float64)

    def encode(self, inputs: Float[torch.Tensor, "n 1"]) -> Float[torch.Tensor, "n 1"]:
        return inputs


def full_disk(*_: object, **__: object) -> None:
    raise OSError("no space left on device")


def scoring(files: list[PhotoFile]) -> None:
    Scoring(BenchmarkTask(Brightness(), files, suite({"blur": blur_ladder([1])}), ENGINE), full_disk).alone()


def encoding(files: list[PhotoFile]) -> None:
    with mock.patch.object(Batcher, "put", full_disk):
        encode_photos(Brightness(), files, ENGINE, "photos")


def examining(files: list[PhotoFile], model: Scorer | None) -> None:
    store = mock.create_autospec(Store, instance=True)
    store.write.side_effect = full_disk
    subject = SubjectSharpness("centre", None, None)
    examine(Examination(files, model, "full", subject, frozenset()), store, ENGINE, "photos")


def calling(files: list[PhotoFile]) -> None:
    for _ in in_workers([abs_of_minus_one] * 6, workers=2):
        full_disk()


def abs_of_minus_one() -> int:
    return abs(-1)


WORK = {
    "scoring": scoring,
    "encoding": encoding,
    "examining": lambda files: examining(files, Brightness()),
    "examining without a model": lambda files: examining(files, None),
    "calling": calling,
}


@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_an_error_leaves_no_worker_and_no_setting(work: Callable[[list[PhotoFile]], None], tmp_path: Path) -> None:
    for at in range(9):
        Image.fromarray(noisy_gradient(40, 48, seed=at)).save(tmp_path / f"{at}.png")
    files = list(Folder(str(tmp_path), limit=None, seed=0).photos().files)
    torch.set_float32_matmul_precision("high")
    try:
        before = float_format()
        with pytest.raises(OSError, match="no space left on device") as held:
            work(files)
        assert not multiprocessing.active_children()
        assert float_format() == before
        del held
    finally:
        torch.set_float32_matmul_precision("highest")
