"""iqbench: a benchmark that shows the blind spots of image quality models.

Benchmark two models on a folder of photos, compare two photos, or score one::

    import iqbench

    result = iqbench.benchmark({"mine": my_model, "theirs": "siamese"}, photos="DIR")
    result.table, result.plot()
    iqbench.load("siamese").compare("a.jpg", "b.jpg")
    iqbench.load("ava").score(["a.jpg", "b.jpg"])

Pick the keepers out of a folder::

    table = iqbench.rank("DIR")
    table[table["place"] == 1]  # the best of each series, in order of preference
"""

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from iqbench import benchmark as _package
from iqbench.version import iqbench_version

if TYPE_CHECKING:
    import pandas as pd

    from iqbench.api.results import BenchmarkResult
    from iqbench.judge import Judge

__all__ = ["__version__", "benchmark", "load", "rank"]

__version__ = iqbench_version()


def load(model: Any, checkpoint: str | Path | None = None, device: str = "auto") -> "Judge":
    """Return a model that compares, scores and ranks photos.

    Args:
        model: A name from conf/model (``siamese``, ``ava``, ``iqa``, ``sharpness``, ...) or of an installed package, a
            checkpoint file, which says itself of which model it is, the JSON file of an ensemble, a YAML file with a
            ``_target_``, the name of a class (``package.module.Class``), of a function or a network (``module:name``,
            ``file.py:name``), or an object: a quality model (`iqbench.interfaces`), a torch module that gives one
            number for each photo of a batch (n, 3, height, width) from 0 to 1, or a function that gives one number
            for a photo (an array (height, width, 3) of uint8, or an image of PIL). A higher number is better.
        checkpoint: A checkpoint file of a learned model, instead of its packaged reference weights. The file
            decides the architecture.
        device: ``auto``, ``cpu``, ``gpu``, ``cuda``, ...

    Raises:
        UsageError: If there is no such model, or the checkpoint cannot be used.
    """
    from iqbench.judge import Judge  # deferred: it imports torch

    return Judge.load(model, checkpoint, device)


def rank(
    photos: Any,
    model: Any = "siamese",
    *,
    out: str | Path | None = None,
    device: str = "auto",
    workers: int | str = "auto",
    progress: bool = True,
    **settings: Any,
) -> "pd.DataFrame":
    """Rank photos, as ``python -m iqbench.rank`` does: series, the best of each, an order over all, and stars.

    Args:
        photos: A folder, paths, images of PIL, or arrays (height, width, 3) of uint8 RGB. Only files have a capture
            time.
        model: What `iqbench.load` takes or has returned.
        out: The folder of the table, the contact sheet, and the store from which the same call resumes. None: nothing
            is kept.
        device: ``auto``, ``cpu``, ``gpu``, ``cuda``, ``cuda:1``, ``mps``.
        workers: Processes that decode; 0 for none.
        progress: Whether to show progress bars.
        settings: Settings of conf/rank.yaml, such as ``sidecars="full"`` or ``series={"gap": 5}``.

    Returns:
        A row per photo, series by series, the best of each first; src/iqbench/culling/README.md lists the columns.

    Raises:
        IqbenchError: If something cannot be used, with the reason.
    """
    from iqbench.api.rank import rank  # deferred: it imports torch

    return rank(photos, model, out=out, device=device, workers=workers, progress=progress, **settings)


class _Benchmark(ModuleType):
    """The package `iqbench.benchmark`, which is also a function: a program that imports from it can still call it."""

    def __call__(
        self,
        model: Any,
        photos: Any = None,
        suite: Any = "standard",
        *,
        out: str | Path | None = None,
        device: str = "auto",
        workers: int | str = "auto",
        batch_size: int | str = "auto",
        precision: str = "fp32",
        seed: int = 0,
        limit: int | None = None,
        gallery: int = 4,
        fresh: bool = False,
        progress: bool = True,
    ) -> "BenchmarkResult":
        """Benchmark one or several models, as ``python -m iqbench.bench`` does, to the same numbers.

        Args:
            model: What `iqbench.load` takes, what it returned, or several of these: a mapping of names to models, or a
                list. If one of several fails, the others have results.
            photos: A folder, paths, images of PIL, arrays (height, width, 3) of uint8 RGB, or a data set: an object
                with ``photos()``, or a mapping with its ``_target_``. None: the eight sample photos.
            suite: ``standard``, a type of damage (``blur``) or a list of them, or a mapping of your own types to
                functions from array to array, to mappings of level names to such functions (mild to severe), or to
                settings (``{"blur": {"sigma": [1, 2]}}``).
            out: The folder of the store, the exports and the report. The same call with the same folder resumes. None:
                nothing is kept.
            device: ``auto``, ``cpu``, ``gpu``, ``cuda``, ``cuda:1``, ``mps``.
            workers: Processes that decode and degrade; 0 for none. Plain functions are called in this process unless a
                number is given.
            batch_size: Pictures encoded together.
            precision: ``fp32``, ``tf32``, ``bf16`` or ``fp16``.
            seed: Seed of the sample that a limit keeps, and of untrained weights.
            limit: Maximum number of photos, sampled by the seed.
            gallery: Mistakes of each type whose pictures the report shows; 0 for none.
            fresh: Whether to move results in ``out`` aside and start anew.
            progress: Whether to show progress bars.

        Raises:
            IqbenchError: If something cannot be used, with the reason, or no model has results.
        """
        from iqbench.api.benchmark import Options, benchmark  # deferred: it imports torch

        options = Options(out, device, workers, batch_size, precision, seed, limit, gallery, fresh, progress)
        return benchmark(model, photos, suite, options)


sys.modules[_package.__name__].__class__ = _Benchmark

if TYPE_CHECKING:
    benchmark: _Benchmark
