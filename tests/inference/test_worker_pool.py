"""Workers that die or hang: the photo that did it is named, and nothing else is lost."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from fixtures.error_texts import without_place
from fixtures.fatal_photos import SpawnedNumbers
from fixtures.photos import noisy_gradient
from iqbench.benchmark.pairs import ScoredPhoto, score_pairs
from iqbench.benchmark.task import BenchmarkTask
from iqbench.datasets.folder import Folder
from iqbench.degradations.blur import blur_ladder
from iqbench.degradations.ladder import suite
from iqbench.errors import UsageError
from iqbench.inference.autotuning import share_cores
from iqbench.inference.encoding import encode_photos
from iqbench.inference.engine_config import EngineConfig
from iqbench.inference.worker_pool import AHEAD, WorkerPool
from iqbench.inference.worker_process import start_method
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
    results = list(scored(Harmed(), files, TWO_WORKERS))
    assert [photo.name for photo, *_ in results] == [file.name for file in files]
    assert [photo.status for photo, *_ in results] == [code if at in places else "ok" for at in range(12)]
    assert all({pair.status for pair in pairs} == {photo.status} for photo, pairs, _ in results)
    sane = photos_with(tmp_path, {})
    undisturbed = list(scored(Harmed(), sane, replace(TWO_WORKERS, workers=0)))
    scores = [[pair.score_reference for pair in pairs] for _, pairs, _ in results]
    expected = [[pair.score_reference for pair in pairs] for _, pairs, _ in undisturbed]
    assert [photo_scores for at, photo_scores in enumerate(scores) if at not in places] == [
        photo_scores for at, photo_scores in enumerate(expected) if at not in places
    ]
    assert not multiprocessing.active_children()


def test_a_worker_may_die_while_the_parent_is_busy_elsewhere(tmp_path: Path) -> None:
    original_handler = signal.getsignal(signal.SIGCHLD)
    judged = scored(Harmed(), photos_with(tmp_path, {2: 1}), TWO_WORKERS)
    first, *_ = next(judged)
    for _ in range(200):  # the worker of the third photo is dead by now, or soon
        np.linalg.svd(np.eye(60))
    later_statuses = [photo.status for photo, *_ in judged]
    assert [first.status, *later_statuses] == ["ok", "ok", "process_died", *["ok"] * 9]
    assert signal.getsignal(signal.SIGCHLD) == original_handler


def test_an_error_in_a_worker_is_no_lost_worker(tmp_path: Path) -> None:
    class Buggy(Harmed):
        def prepare(self, photo: Photo) -> Float[Tensor, "1"]:
            raise AttributeError("a bug")

    results = list(scored(Buggy(), photos_with(tmp_path, {}), TWO_WORKERS))
    assert {without_place(pair.error) for photo in results for pair in photo.pairs} == {"AttributeError: a bug"}


def test_an_evaluation_loses_that_photo_only_as_well(tmp_path: Path) -> None:
    encodings = encode_photos(Harmed(), photos_with(tmp_path, {3: 1}), TWO_WORKERS, "")
    assert encodings.photos["status"].tolist() == ["process_died" if at == 3 else "ok" for at in range(12)]
    assert encodings.photos["error"][3] == "the worker that prepared it died, twice"


@dataclass
class Numbers:
    """A dataset of numbers, of which some do harm to their worker."""

    count: int
    harm: dict[int, Callable[[], object]] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> object:
        return self.harm[index]() if index in self.harm else index

    def substitute(self, index: int, code: str, error: str) -> object:
        return code


class TooLarge:
    """An answer that takes longer to send than its worker lives."""

    def __reduce__(self) -> object:
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return bytes, (bytearray(300_000_000),)


def test_a_worker_that_dies_while_it_sends_costs_that_photo_only() -> None:
    items = []
    for item in WorkerPool(2, timeout=20).in_order(Numbers(6, {3: TooLarge})):
        items.append(item)
        time.sleep(0.3)  # so that the worker sends while nobody receives
    assert items == [0, 1, 2, "process_died", 4, 5]


def test_an_answer_that_cannot_be_pickled_is_the_error_that_it_is() -> None:
    with pytest.raises(TypeError, match="cannot pickle"):
        list(WorkerPool(2, timeout=20).in_order(Numbers(6, {3: threading.Lock})))
    assert not multiprocessing.active_children()


def test_an_error_that_cannot_be_pickled_is_told_with_its_traceback() -> None:
    class LocalError(Exception):
        pass

    def fail() -> None:
        raise LocalError("here")

    with pytest.raises(RuntimeError, match="LocalError: here") as raised:
        list(WorkerPool(2, timeout=20).in_order(Numbers(6, {3: fail})))
    assert any("in fail" in note for note in raised.value.__notes__)


def test_an_error_of_the_network_in_a_living_worker_is_an_error_of_its_own(tmp_path: Path) -> None:
    class Remote(Harmed):
        def prepare(self, photo: Photo) -> Float[Tensor, "1"]:
            raise ConnectionRefusedError("nobody there")

    results = list(scored(Remote(), photos_with(tmp_path, {}), TWO_WORKERS))
    errors = {without_place(pair.error) for photo in results for pair in photo.pairs}
    assert errors == {"ConnectionRefusedError: nobody there"}


def test_only_so_many_items_are_computed_ahead(tmp_path: Path) -> None:
    def slow() -> None:
        time.sleep(0.5)
        (tmp_path / "0").touch()

    touch = {index: (tmp_path / str(index)).touch for index in range(40)}
    items = WorkerPool(2, timeout=20).in_order(Numbers(40, {**touch, 0: slow}))
    for count in range(1, 10):
        next(items)
        time.sleep(0.05)
        assert len(list(tmp_path.iterdir())) <= count + 2 * AHEAD
    items.close()
    assert not multiprocessing.active_children()


def test_a_second_try_runs_alone(tmp_path: Path) -> None:
    """As when all workers together need more memory than there is."""

    def work(index: int) -> int:
        if index == 5 and list(tmp_path.iterdir()):
            die()
        (tmp_path / str(index)).touch()
        time.sleep(0.2)
        (tmp_path / str(index)).unlink()
        return index

    numbers = Numbers(12, {index: partial(work, index) for index in range(12)})
    assert list(WorkerPool(3, timeout=20).in_order(numbers)) == list(range(12))


@pytest.mark.parametrize("starts", [0, 1, 2, 3])
def test_where_no_more_processes_can_be_started_the_program_goes_on_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, starts: int
) -> None:
    context = multiprocessing.get_context("fork")
    allowed_starts = iter(range(starts))

    def start(process: multiprocessing.process.BaseProcess) -> None:
        if next(allowed_starts, None) is None:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        multiprocessing.process.BaseProcess.start(process)

    monkeypatch.setattr(context.Process, "start", start, raising=False)
    killer = partial(die_elsewhere, os.getpid())
    items = list(WorkerPool(2, timeout=20).in_order(Numbers(9, {3: killer, 4: killer})))
    substitute = "process_died" if starts == 3 else "here"
    assert items[:3] + items[5:] == [0, 1, 2, 5, 6, 7, 8]
    assert set(items[3:5]) <= {substitute, "process_died"}
    assert "cannot be started" in caplog.text
    assert not multiprocessing.active_children()


def die_elsewhere(program: int) -> str:
    """Kill any process but that one."""
    if os.getpid() != program:
        os.kill(os.getpid(), signal.SIGKILL)
    return "here"


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, RuntimeError])
def test_an_error_in_the_program_leaves_no_worker_behind(interrupt: type[BaseException]) -> None:
    def stop_at_three() -> None:
        for item in WorkerPool(2, timeout=20).in_order(Numbers(9)):
            if item == 3:
                raise interrupt

    with pytest.raises(interrupt):
        stop_at_three()
    assert not multiprocessing.active_children()


def test_a_pool_runs_in_a_thread_and_in_a_daemon(tmp_path: Path) -> None:
    def run() -> None:
        (tmp_path / "done").write_text(str(list(WorkerPool(2, timeout=5).in_order(Numbers(6, {3: die})))))

    makers = threading.Thread, multiprocessing.get_context("fork").Process
    for make in makers:
        runner = make(target=run, daemon=True)
        runner.start()
        runner.join(60)
        assert (tmp_path / "done").read_text() == "[0, 1, 2, 'process_died', 4, 5]"
        (tmp_path / "done").unlink()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_workers_that_are_not_forked_give_the_same(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    monkeypatch.setattr("iqbench.inference.worker_pool.start_method", lambda: method)
    items = list(WorkerPool(2, timeout=60).in_order(SpawnedNumbers()))
    assert [item if isinstance(item, int | str) else item.tolist() for item in items] == [
        0, 1, [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]], "process_died", "its own"
    ]  # fmt: skip
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(
    ("system", "cuda", "chosen", "method"),
    [
        ("linux", False, None, "fork"),
        ("linux", True, None, "forkserver"),
        ("linux", False, "spawn", "spawn"),
        ("darwin", False, None, "spawn"),
    ],
)
def test_workers_are_forked_only_where_that_is_safe(
    monkeypatch: pytest.MonkeyPatch, system: str, cuda: bool, chosen: str | None, method: str
) -> None:
    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setattr("torch.cuda.is_initialized", lambda: cuda)
    monkeypatch.setattr("multiprocessing.get_start_method", lambda allow_none: chosen)
    assert start_method() == method
    monkeypatch.setattr("multiprocessing.get_all_start_methods", lambda: ["spawn"])
    assert start_method() == "spawn"


def test_a_dataset_that_cannot_be_pickled_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iqbench.inference.worker_pool.start_method", lambda: "spawn")
    with pytest.raises(UsageError, match=r"^the model .* cannot be pickled .*local object.*use engine\.workers=0$"):
        list(WorkerPool(2, timeout=60).in_order(Numbers(5, {0: lambda: None})))


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


@dataclass
class Unloadable(Numbers):
    """Cannot be unpickled in a worker, as a class that only exists in the program's first file."""

    def __reduce__(self) -> object:
        return int, ("no number",)


def test_a_worker_that_cannot_load_its_work_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iqbench.inference.worker_pool.start_method", lambda: "forkserver")
    monkeypatch.setattr("multiprocessing.get_context", lambda _: ForkedWithPacked())
    with pytest.raises(UsageError, match=r"^a worker process cannot load its work \(ValueError: .*engine\.workers=0$"):
        list(WorkerPool(2, timeout=60).in_order(Unloadable(5)))
    assert not multiprocessing.active_children()


class ForkedWithPacked:
    """Forks workers, which is faster, but gives them their work as other workers get it."""

    def __init__(self) -> None:
        self.forking = multiprocessing.context.ForkContext()

    def set_forkserver_preload(self, modules: list[str]) -> None:
        pass

    def __getattr__(self, name: str) -> object:
        return getattr(self.forking, name)
