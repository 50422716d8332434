"""The ranking as a call: the same as ``python -m iqbench.rank``, from objects instead of a command line."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from iqbench import config
from iqbench.api.call_frame import given_back, prepare_folder, random_state, results_folder
from iqbench.api.models import named_model
from iqbench.api.pictures import is_picture
from iqbench.api.sources import PICTURES, files_of
from iqbench.api.workers import is_starting_worker, why_without_workers
from iqbench.commands import override
from iqbench.config_errors import explain
from iqbench.culling.listing import ListedShot
from iqbench.errors import UsageError, as_disk_error
from iqbench.inference.engine_config import EngineConfig
from iqbench.progress import progress_bars
from iqbench.rank_job import RankRequest, log, rank_photos


def rank(
    photos: Any,
    model: Any = "siamese",
    *,
    out: str | Path | None = None,
    device: str = "auto",
    workers: int | str = "auto",
    progress: bool = True,
    **settings: Any,
) -> pd.DataFrame:
    """See `iqbench.rank`."""
    if is_starting_worker():
        sys.exit('iqbench.rank: put the call below the line if __name__ == "__main__":')
    named = named_model(model)
    with results_folder(out) as folder, progress_bars(progress), random_state(), as_disk_error():
        prepare_folder(folder, photos)
        composed = _composed(settings, named.settings)
        composed.name, composed.out = named.name, str(folder)
        composed.engine.device, composed.engine.workers = device, workers
        shots = None
        if isinstance(photos, str | Path):
            composed.photos = [str(photos)]
        elif not is_picture(photos) and _are_paths(given := _listed(photos)):
            composed.photos = [str(path) for path in given]
        else:
            files = files_of([photos] if is_picture(photos) else _listed(photos), folder / PICTURES)
            shots = [ListedShot(file) for file in sorted(files, key=lambda file: file.name)]
        engine: EngineConfig = config.build(composed.engine, "engine")
        if engine.worker_count and (reason := why_without_workers(engine.torch_device, named.model)):
            log.warning("%s: photos are prepared in this process, without workers: %s", named.name, reason)
            composed.engine.workers = 0
        elif named.runs_here and workers == "auto":
            composed.engine.workers = 0
        with given_back(named):
            return rank_photos(RankRequest(composed, named.model, shots), folder).table


def _composed(settings: Mapping[str, Any], model: DictConfig) -> DictConfig:
    """Return the config with some settings, which may be nested: ``series={"gap": 5}``.

    Raises:
        UsageError: If there is no such setting, or it cannot be used.
    """
    overrides = []
    for key, value in settings.items():
        parts = value.items() if isinstance(value, Mapping) else [(None, value)]
        overrides += [override(key if part is None else f"{key}.{part}", each) for part, each in parts]
    try:
        composed = config.compose("rank", ["name=rank", "out=.", *overrides])
    except (HydraException, OmegaConfBaseException) as error:
        raise UsageError(explain(error, overrides, "rank")) from error
    files = composed.copy()
    composed.model = model
    config.check(composed, files)
    return composed


def _listed(photos: Any) -> list[Any]:
    if isinstance(photos, Mapping) or not isinstance(photos, Iterable):
        raise UsageError(
            f"photos: {type(photos).__name__} is no source of photos; give a folder, or a list of paths, images or "
            "arrays"
        )
    return list(photos)


def _are_paths(photos: list[Any]) -> bool:
    return all(isinstance(each, str | Path) for each in photos)
