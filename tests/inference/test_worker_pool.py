"""Workers that die or hang: the photo that did it is named, and nothing else is lost."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import Dataset

from fixtures.photos import noisy_gradient
from iqbench.benchmark.pairs import ScoredPhoto, score_pairs
from iqbench.benchmark.task import BenchmarkTask
from iqbench.datasets.folder import Folder
from iqbench.degradations.blur import blur_ladder
from iqbench.degradations.ladder import suite
from iqbench.inference.autotuning import share_cores
from iqbench.inference.encoding import encode_photos
from iqbench.inference.engine_config import EngineConfig
from iqbench.inference.worker_pool import stream
from iqbench.interfaces import Photo, PhotoFile, Scorer

VARIANTS = suite({"blur": blur_ladder([1])})
TWO_WORKERS = replace(EngineConfig.for_api("cpu", batch_size=8, workers=2), timeout=2)


def scored(model: Scorer, files: list[PhotoFile], engine: EngineConfig) -> Iterator[ScoredPhoto]:
    return score_pairs(BenchmarkTask(model, files, VARIANTS, engine))


class Harmed(Scorer):
    """Its worker dies of photos whose first pixel is 1, and hangs on those where it is 2."""

    def prepare(self, photo: Photo) -> Float[Tensor, "1"]:
        if photo[0, 0].tolist() == [1, 1, 1]:
            os.kill(os.getpid(), signal.SIGKILL)
        if photo[0, 0].tolist() == [2, 2, 2]:
            signal.pause()
        return torch.tensor([photo.mean()], dtype=torch.float64)

    def encode(self, inputs: Float[Tensor, "n 1"]) -> Float[Tensor, "n 1"]:
        return inputs


def photos_with(tmp_path: Path, harm: dict[int, int], count: int = 12) -> list[PhotoFile]:
    for at in range(count):
        pixels = noisy_gradient(40, 48, seed=at)
        pixels[0, 0] = harm.get(at, 9)
        Image.fromarray(pixels).save(tmp_path / f"{at:02}.png")
    return list(Folder(str(tmp_path), limit=None, seed=0).photos().files)


@pytest.mark.parametrize(("harm", "places", "code"), [(1, (0, 6, 11), "process_died"), (2, (6,), "timeout")])
def test_a_photo_that_kills_or_hangs_its_worker_costs_its_own_rows_only(
    tmp_path: Path, harm: int, places: tuple[int, ...], code: str
) -> None:
    files = photos_with(tmp_path, dict.fromkeys(places, harm))
    found = list(scored(Harmed(), files, TWO_WORKERS))
    assert [photo.name for photo, _ in found] == [file.name for file in files]
    assert [photo.status for photo, _ in found] == [code if at in places else "ok" for at in range(12)]
    assert all({pair.status for pair in pairs} == {photo.status} for photo, pairs in found)
    sane = photos_with(tmp_path, {})
    undisturbed = list(scored(Harmed(), sane, replace(TWO_WORKERS, workers=0)))
    scores = [[pair.score_reference for pair in pairs] for _, pairs in found]
    expected = [[pair.score_reference for pair in pairs] for _, pairs in undisturbed]
    assert [one for at, one in enumerate(scores) if at not in places] == [
        one for at, one in enumerate(expected) if at not in places
    ]
    assert not multiprocessing.active_children()


def test_a_worker_may_die_while_the_parent_is_busy_elsewhere(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGCHLD)
    judged = scored(Harmed(), photos_with(tmp_path, {2: 1}), TWO_WORKERS)
    first, _ = next(judged)
    for _ in range(200):  # the worker of the third photo is dead by now, or soon
        np.linalg.svd(np.eye(60))
    rest = [photo.status for photo, _ in judged]
    assert [first.status, *rest] == ["ok", "ok", "process_died", *["ok"] * 9]
    assert signal.getsignal(signal.SIGCHLD) == before


def test_an_error_in_a_worker_is_no_lost_worker(tmp_path: Path) -> None:
    class Buggy(Harmed):
        def prepare(self, photo: Photo) -> Float[Tensor, "1"]:
            raise AttributeError("a bug")

    with pytest.raises(AttributeError, match="a bug"):
        list(scored(Buggy(), photos_with(tmp_path, {}), TWO_WORKERS))


def test_an_evaluation_loses_that_photo_only_as_well(tmp_path: Path) -> None:
    found = encode_photos(Harmed(), photos_with(tmp_path, {3: 1}), TWO_WORKERS, "")
    assert found.photos["status"].tolist() == ["process_died" if at == 3 else "ok" for at in range(12)]
    assert found.photos["error"][3] == "the worker that prepared it died, twice"


class HandedOver:
    """A photo whose worker dies when it has been handed over and not yet fetched."""

    def __init__(self, worker: int) -> None:
        self.worker = worker

    def __reduce__(self) -> tuple[Callable[[int], object], tuple[int]]:
        return fetched_too_late, (self.worker,)


def fetched_too_late(worker: int) -> object:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})  # nor has anybody said so
    os.kill(worker, signal.SIGKILL)
    raise ConnectionResetError("Connection reset by peer")


class Handing(Dataset[object]):
    """Photos, of which one is fetched too late from every worker."""

    def __init__(self, files: Sequence[PhotoFile], late: str) -> None:
        self.files, self.late = files, late

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> object:
        name = self.files[index].name
        return HandedOver(os.getpid()) if name == self.late else name

    def lost(self, code: str, error: str) -> object:
        return code


@pytest.fixture
def heard() -> Iterator[None]:
    """Signals are heard again, whatever a test has done."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


@pytest.mark.usefixtures("heard")
def test_a_worker_that_dies_between_handing_over_and_fetching_costs_that_photo_only() -> None:
    files = [PhotoFile(f"./{at}.png", Path()) for at in range(6)]
    found = list(stream(files, lambda some: Handing(some, "./3.png"), TWO_WORKERS))
    assert found == ["./0.png", "./1.png", "./2.png", "process_died", "./4.png", "./5.png"]


def test_a_connection_that_a_living_worker_loses_is_an_error_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Remote(Harmed):
        def prepare(self, photo: Photo) -> Float[Tensor, "1"]:
            raise ConnectionRefusedError("nobody there")

    monkeypatch.setattr("iqbench.inference.worker_pool.PARTING", 0)
    with pytest.raises(ConnectionRefusedError, match="nobody there"):
        list(scored(Remote(), photos_with(tmp_path, {}), TWO_WORKERS))


@pytest.mark.parametrize("harm", [1, 2])
def test_choosing_the_number_of_workers_survives_a_photo_that_kills_or_hangs(
    tmp_path: Path, harm: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Network(nn.Module, Harmed):
        pass

    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    files, model = photos_with(tmp_path, {0: harm}), Network()
    auto = replace(TWO_WORKERS, workers="auto", timeout=1)
    chosen = share_cores(auto, model, files, VARIANTS)
    assert chosen.workers in (1, 2)
    assert share_cores(chosen, model, files, VARIANTS) == chosen
