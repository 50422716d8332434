"""One judge through the benchmark, in this process: its rows, or the line with which the run ends."""

import contextlib
import io
import logging
import multiprocessing
import os
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import pandas as pd
import torch
from omegaconf import DictConfig
from PIL import Image, ImageFile

from fixtures.photos import noisy_gradient
from iqbench import bench, config, photos
from iqbench.errors import IqbenchError, as_disk_error
from iqbench.results.reader import read_store
from iqbench.sweep import Status

DEGRADATION = {
    "blur": {"_target_": "iqbench.degradations.blur.blur_ladder", "sigma": [2]},
    "exposure": {"_target_": "iqbench.degradations.exposure.exposure_ladders", "stops": [-2], "light": "encoded"},
    "crop_center": {"_target_": "iqbench.degradations.crop.crop_center_ladder", "keep": [0.7]},
}
SIZES = ((130, 160), (160, 140), (128, 136), (150, 151))


@dataclass(frozen=True)
class Result:
    """How a run ended: the line of its error, "" if there was none, and the rows of its pairs."""

    line: str
    pairs: pd.DataFrame
    log: str

    def statuses(self) -> dict[str, set[str]]:
        """The statuses of each variant's pairs with the original."""
        pairs = self.pairs[self.pairs["reference"] == "original"]
        return {str(name): set(rows["status"]) for name, rows in pairs.groupby("variant")}


def write_photos(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for number, (height, width) in enumerate(SIZES):
        Image.fromarray(noisy_gradient(height, width, seed=number)).save(root / f"{number}.png")
    return root


@cache
def _composed() -> DictConfig:
    return config.compose("bench", ["data=folder", "data.root=.", "name=odd", "out=.", "gallery=1"])


def benchmark(judge: str, root: Path, out: Path, workers: int = 0, **arguments: Any) -> Result:
    """Benchmark a judge of `zoo.odd_judges` on the photos in a folder. The exports are left out, as they take seconds."""
    settings = _composed().copy()
    settings.model = {"_target_": f"zoo.odd_judges.{judge}", **arguments}
    settings.degradation, settings.data.root, settings.out = DEGRADATION, str(root), str(out)
    settings.engine.workers, settings.engine.timeout = workers, 20
    out.mkdir(parents=True, exist_ok=True)
    line, log = "", io.StringIO()
    handler = logging.StreamHandler(log)
    logging.getLogger().addHandler(handler)
    with mock.patch("iqbench.reporting.exports.export", lambda *_: None), contextlib.redirect_stderr(io.StringIO()):
        try:
            with as_disk_error():
                bench.bench(settings, out, Status(out, None))
        except (IqbenchError, MemoryError) as error:
            line = f"{type(error).__name__}: {error}"
        finally:
            logging.getLogger().removeHandler(handler)
    assert not multiprocessing.active_children()
    assert "\n" not in line
    store = out / "results.sqlite"
    return Result(line, read_store(store).pairs if store.exists() else pd.DataFrame(), log.getvalue())


def means(root: Path) -> dict[tuple[str, str], float]:
    """The mean of each picture, by photo and variant, made without a judge."""
    from iqbench.degradations.blur import blur_ladder
    from iqbench.degradations.control import controls
    from iqbench.degradations.crop import crop_center_ladder
    from iqbench.degradations.exposure import exposure_ladders
    from iqbench.degradations.ladder import suite

    kinds = {"blur": blur_ladder([2]), "exposure": exposure_ladders([-2], "encoded")}
    variants = suite({**kinds, "crop_center": crop_center_ladder([0.7])}) + controls()
    table = {}
    for path in sorted(root.glob("*.png")):
        pixels = photos.read(path).pixels
        table[f"./{path.name}", "original"] = float(pixels.mean(dtype=np.float64))
        for variant in variants:
            table[f"./{path.name}", variant.key] = float(variant.apply(pixels).mean(dtype=np.float64))
    return table


@contextlib.contextmanager
def restored() -> Iterator[None]:
    """Put back what odd judges change for the whole process."""
    folder, dtype, threads, cv2_threads = (
        os.getcwd(),
        torch.get_default_dtype(),
        torch.get_num_threads(),
        cv2.getNumThreads(),
    )
    pillow, errors = (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS), np.geterr()
    grad, autocast = torch.is_grad_enabled(), torch.is_autocast_enabled("cpu")
    try:
        with warnings.catch_warnings():
            yield
    finally:
        os.chdir(folder)
        torch.set_default_dtype(dtype)
        torch.set_default_device(None)
        torch.set_num_threads(threads)
        cv2.setNumThreads(cv2_threads)
        torch.set_grad_enabled(grad)
        torch.set_autocast_enabled("cpu", autocast)
        ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = pillow
        np.seterr(**errors)


def seconds() -> float:
    return time.perf_counter()
