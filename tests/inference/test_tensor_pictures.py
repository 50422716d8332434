"""Pictures that are made beside the network are those that workers make, to the byte, and so are all rows."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor, nn

from fixtures.photos import noisy_gradient
from iqbench.benchmark.pairs import ScoredPhoto, score_pairs
from iqbench.benchmark.task import BenchmarkTask
from iqbench.datasets.folder import Folder
from iqbench.degradations.blur import blur_ladder
from iqbench.degradations.control import controls
from iqbench.degradations.crop import crop_edge_ladders
from iqbench.degradations.exposure import exposure_ladders
from iqbench.degradations.jpeg import jpeg_ladder
from iqbench.degradations.ladder import Degradation, Ladder, Level, suite
from iqbench.degradations.noise import noise_ladder
from iqbench.exact.forms import has_tensor_form
from iqbench.inference import tensor_pictures as module
from iqbench.inference.engine_config import EngineConfig
from iqbench.inference.tensor_pictures import TensorPictures, tensor_pictures
from iqbench.interfaces import Photo, PhotoFile, Variant
from iqbench.preprocessing import Preprocessing

ON_CPU = replace(EngineConfig.for_api("cpu", batch_size=4, workers=2), pictures="device")
SIZES = [(48, 64), (64, 48), (49, 63), (48, 64), (120, 40), (33, 34)]


class Mean(nn.Module):
    """Judges by the mean of what it sees."""

    thread_safe = True

    def __init__(self, rule: str = "squash") -> None:
        super().__init__()
        self.preprocessing = Preprocessing(rule, 32)  # type: ignore[arg-type]

    @property
    def preparation(self) -> Preprocessing:
        return self.preprocessing

    def prepare(self, photo: Photo) -> UInt8[Tensor, "..."]:
        return self.preprocessing(photo)

    def encode(self, inputs: Tensor) -> Float[Tensor, "n 2"]:
        values = inputs.float().flatten(1)
        return torch.stack([values.mean(dim=1), values.std(dim=1)], dim=1)

    def margin(self, first: Tensor, second: Tensor) -> Float[Tensor, "n"]:
        return (first - second).sum(dim=1) / 100


@pytest.fixture
def files(tmp_path: Path) -> list[PhotoFile]:
    for at, (height, width) in enumerate(SIZES):
        Image.fromarray(noisy_gradient(height, width, seed=at)).save(tmp_path / f"{at}.png")
    return list(Folder(str(tmp_path), limit=None, seed=0).photos().files)


def variants(**others: Degradation) -> list[Variant]:
    crops = crop_edge_ladders(["right", "top"], [0.2, 0.3])
    light = exposure_ladders([-1, 1], "linear")
    own = {"blur": blur_ladder([1, 3]), "jpeg": jpeg_ladder([80, 20]), "crop": crops, "light": light}
    return [*suite({**own, **others}), *controls()]


def rows(task: BenchmarkTask) -> list[ScoredPhoto]:
    return list(score_pairs(task))


def both_ways(
    files: list[PhotoFile], asked: Sequence[Variant], model: nn.Module | None = None, engine: EngineConfig = ON_CPU
) -> tuple[BenchmarkTask, BenchmarkTask]:
    judge = model or Mean()
    made = tensor_pictures(judge, asked, engine, files, files)
    in_workers = BenchmarkTask(judge, files, asked, engine, files)
    return in_workers, replace(in_workers, tensor_pictures=made)


def check_equal(one: Sequence[ScoredPhoto], other: Sequence[ScoredPhoto]) -> None:
    assert [photo.record for photo in one] == [photo.record for photo in other]
    assert [photo.pairs for photo in one] == [photo.pairs for photo in other]
    for photo, same in zip(one, other, strict=True):
        assert photo.encodings.rows.keys() == same.encodings.rows.keys()
        positions = list(photo.encodings.rows)
        assert torch.equal(photo.encodings.of(positions), same.encodings.of(positions).cpu())


@pytest.mark.parametrize("rule", ["standard", "fit_crop", "pad", "squash", "native"])
def test_every_row_is_the_same(files: list[PhotoFile], rule: str, device: torch.device) -> None:
    engine = ON_CPU if device.type == "cpu" else replace(ON_CPU, device=str(device), workers=0)
    in_workers, on_device = both_ways(files, variants(), Mean(rule), engine)
    assert on_device.left_out.positions == frozenset(range(len(in_workers.variants) + 1))
    photo = on_device.dataset(files)[0]
    assert (photo.stacks, photo.original is not None) == ([], True)
    check_equal(rows(in_workers), rows(on_device))


def test_what_has_no_form_is_made_by_workers_in_the_same_run(files: list[PhotoFile]) -> None:
    asked = variants(noise=noise_ladder([10, 30]))
    in_workers, on_device = both_ways(files, asked)
    keys, left_out = ["original", *(variant.key for variant in asked)], on_device.left_out.positions
    by_workers = [key for at, key in enumerate(keys) if at not in left_out]
    assert by_workers == ["original", "noise/10", "noise/30"]
    check_equal(rows(in_workers), rows(on_device))


def test_large_photos_are_left_to_workers(files: list[PhotoFile]) -> None:
    in_workers, on_device = both_ways(files, variants())
    assert on_device.tensor_pictures is not None
    limited = replace(on_device, tensor_pictures=replace(on_device.tensor_pictures, most_pixels=48 * 64 - 1))
    kept = [photo.original is not None for photo in map(limited.dataset(files).__getitem__, range(len(files)))]
    assert kept == [height * width < 48 * 64 for height, width in SIZES]
    check_equal(rows(in_workers), rows(limited))


def test_a_photo_of_which_something_cannot_be_made_is_made_by_a_worker(
    files: list[PhotoFile], caplog: pytest.LogCaptureFixture
) -> None:
    in_workers, on_device = both_ways(files, variants())
    own = TensorPictures.completed
    failures = [torch.OutOfMemoryError("CUDA out of memory"), ValueError("no idea")]
    limit = mock.patch.dict("iqbench.inference.tensor_pictures.PIXELS_OF_PHOTOS", cpu=2 * 48 * 64)

    def failing(self: TensorPictures, photos: object, asked: Sequence[Variant]) -> object:
        if failures:
            raise failures.pop()
        return own(self, photos, asked)  # type: ignore[arg-type]

    with mock.patch.object(TensorPictures, "completed", failing), limit:
        check_equal(rows(in_workers), rows(on_device))
    assert [record.message for record in caplog.records if record.levelno == logging.WARNING] == [
        "workers make the pictures of ./0.png, ./1.png (ValueError: no idea)",
        "workers make the pictures of ./2.png, ./3.png (OutOfMemoryError: CUDA out of memory)",
    ]


def test_what_always_fails_is_not_tried_for_ever(files: list[PhotoFile], caplog: pytest.LogCaptureFixture) -> None:
    in_workers, on_device = both_ways(files, variants())
    limit = mock.patch.dict("iqbench.inference.tensor_pictures.PIXELS_OF_PHOTOS", cpu=1)
    failing = mock.patch.object(TensorPictures, "completed", side_effect=ValueError("no idea"))
    with failing as tried, limit:
        check_equal(rows(in_workers), rows(on_device))
    assert (len(files), tried.call_count) == (6, 3)
    assert [record.message for record in caplog.records if record.levelno == logging.WARNING] == [
        "workers make the pictures of ./0.png (ValueError: no idea)",
        "workers make the pictures of ./1.png (ValueError: no idea)",
        "workers make the pictures of ./2.png and of all others (ValueError: no idea)",
    ]


def wrong(photos: UInt8[Tensor, "n 3 height width"]) -> UInt8[Tensor, "n 3 height width"]:
    return photos + 1


@has_tensor_form(wrong)
def darker(photo: Photo) -> Photo:
    return photo // 2


def test_a_form_that_gives_other_bytes_is_found_before_the_run_and_not_used(
    files: list[PhotoFile], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    asked = variants(darker=Degradation("technical", [Ladder("", [Level("half", darker)])]))
    in_workers, on_device = both_ways(files, asked)
    assert on_device.tensor_pictures is not None
    assert on_device.tensor_pictures.excluded == {"darker/half"}
    assert "workers make darker/half, which would have other bytes on cpu" in caplog.text
    assert "12 of 13 variants are made on cpu, the others by workers" in caplog.text
    check_equal(rows(in_workers), rows(on_device))


def test_the_photo_of_the_check_is_not_too_large_for_it(files: list[PhotoFile]) -> None:
    asked = variants(darker=Degradation("technical", [Ladder("", [Level("half", darker)])]))
    with mock.patch.object(module, "_most_pixels", return_value=48 * 64 - 1):
        made = tensor_pictures(Mean(), asked, ON_CPU, files, files)
    assert made is not None
    assert made.excluded == {"darker/half"}


def black(photos: UInt8[Tensor, "n 3 height width"]) -> UInt8[Tensor, "n 3 32 32"]:
    return torch.zeros(len(photos), 3, 32, 32, dtype=torch.uint8)


def test_an_input_with_other_bytes_leaves_all_to_workers(
    files: list[PhotoFile], caplog: pytest.LogCaptureFixture
) -> None:
    model = Mean()
    with mock.patch.object(Preprocessing, "on_tensors", property(lambda self: black)):
        assert tensor_pictures(model, variants(), ON_CPU, files, files) is None
    assert "./0.png: its input on cpu is not that of a worker; workers make all pictures" in caplog.text


@pytest.mark.parametrize(("pictures", "is_made"), [("auto", False), ("workers", False), ("device", True)])
def test_where_pictures_are_made_on_a_cpu(files: list[PhotoFile], pictures: str, is_made: bool) -> None:
    made = tensor_pictures(Mean(), variants(), replace(ON_CPU, pictures=pictures), files, files)
    assert (made is not None) == is_made


def test_a_model_that_prepares_photos_by_itself_says_so(
    files: list[PhotoFile], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert tensor_pictures(Mean("multiscale"), variants(), ON_CPU, files, files) is None
    assert "Mean prepares photos on the CPU: workers make its pictures" in caplog.text


def test_pictures_of_one_size_are_made_together_up_to_a_limit(files: list[PhotoFile]) -> None:
    in_workers, on_device = both_ways(files, variants())
    with mock.patch.object(module, "PIXELS_TOGETHER", 48 * 64 * 2):
        check_equal(rows(in_workers), rows(on_device))


def test_broken_photos_are_what_they_are(files: list[PhotoFile], tmp_path: Path) -> None:
    (tmp_path / "2.png").write_bytes(b"no picture")
    np.save(tmp_path / "x.npy", np.zeros(1))
    in_workers, on_device = both_ways(files, variants())
    found = rows(on_device)
    check_equal(rows(in_workers), found)
    assert [photo.record.status for photo in found].count("ok") == len(SIZES) - 1
