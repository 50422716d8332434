"""One judge through the benchmark, in this process: its rows, or the line with which the run ends."""

import io
import logging
import multiprocessing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
from omegaconf import DictConfig
from PIL import Image

from fixtures.photos import noisy_gradient
from iqbench import bench, config, photos
from iqbench.degradations.blur import blur_ladder
from iqbench.degradations.control import controls
from iqbench.degradations.crop import crop_center_ladder
from iqbench.degradations.exposure import exposure_ladders
from iqbench.degradations.ladder import suite
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
    repeats: pd.DataFrame
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


def settings_of(judge: str, arguments: Mapping[str, Any], root: Path, out: Path, **engine: Any) -> DictConfig:
    """Return the config of a benchmark of a judge of `zoo.odd_judges`; it is composed once."""
    settings = _composed().copy()
    settings.model = {"_target_": f"zoo.odd_judges.{judge}", **arguments}
    settings.degradation, settings.data.root, settings.out = DEGRADATION, str(root), str(out)
    settings.engine.update({"workers": 0, "timeout": 20, **engine})
    return settings


def benchmark(judge: str, root: Path, out: Path, workers: int = 0, **arguments: Any) -> Result:
    """Benchmark a judge of `zoo.odd_judges` on the photos in a folder, without the exports, which take seconds."""
    settings = settings_of(judge, arguments, root, out, workers=workers)
    out.mkdir(parents=True, exist_ok=True)
    line, log = "", io.StringIO()
    handler = logging.StreamHandler(log)
    logging.getLogger().addHandler(handler)
    with mock.patch("iqbench.reporting.exports.export", return_value=None):
        try:
            with as_disk_error():
                for _ in bench.bench(bench.Request(settings), out, Status(out, None)):
                    pass
        except (IqbenchError, MemoryError) as error:
            line = f"{type(error).__name__}: {error}"
        finally:
            logging.getLogger().removeHandler(handler)
    assert not multiprocessing.active_children()
    assert "\n" not in line
    store = out / "results.sqlite"
    tables = read_store(store) if store.exists() else None
    none = pd.DataFrame()
    return Result(line, tables.pairs if tables else none, tables.repeats if tables else none, log.getvalue())


def means(root: Path) -> dict[tuple[str, str], float]:
    """The mean of each picture, by photo and variant, made without a judge."""
    kinds = {"blur": blur_ladder([2]), "exposure": exposure_ladders([-2], "encoded")}
    variants = suite({**kinds, "crop_center": crop_center_ladder([0.7])}) + controls()
    table = {}
    for path in sorted(root.glob("*.png")):
        pixels = photos.read(path).pixels
        table[f"./{path.name}", "original"] = float(pixels.mean(dtype=np.float64))
        for variant in variants:
            table[f"./{path.name}", variant.key] = float(variant.apply(pixels).mean(dtype=np.float64))
    return table
