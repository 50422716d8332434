"""Metrics of pyiqa, built with their weights. What is missing is named before a photo is scored."""

import importlib
import importlib.util
import io
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from pickle import UnpicklingError
from types import ModuleType
from typing import Any

import packaging.version
import torch

from iqbench.errors import CheckpointError, IqbenchError, MissingResource, UsageError, did_you_mean, one_line
from iqbench.models.adapters.pyiqa_downloads import Downloads

log = logging.getLogger(__name__)

INSTALL = (
    "pip install --no-deps pyiqa==0.1.16 facexlib einops requests urllib3 idna certifi charset-normalizer "
    "openai-clip ftfy wcwidth regex"
)
"""Without dependencies: theirs bring opencv-python, which breaks opencv-python-headless, and bitsandbytes."""

_SETS = "compares two sets of photos"
_FACES = "judges the face in a photo"
REFUSED = {
    "fid": _SETS,
    "sfid": _SETS,
    "fid_dinov2": _SETS,
    "inception_score": "judges a set of photos",
    "clipscore": "compares a photo with a caption",
    "topiq_nr-face": _FACES,
    "topiq_nr-face-v1": _FACES,
    "topiq_nr_swin-face": _FACES,
}
"""Metrics that pyiqa lists as no-reference ones, but that have no score for any photo by itself, with the reason."""


def create(metric: str, weights: str | None) -> Any:
    """Return the module of a metric on the CPU, in eval mode, with all of its weights.

    Raises:
        UsageError: If pyiqa has no such metric, it does not judge a single photo, or it cannot be built.
        MissingResource: If a package or a weights file is missing.
        CheckpointError: If a weights file does not fit.
    """
    pyiqa = _package()
    config = _config_of(metric)
    with _explained_imports(f"model.metric={metric}"), _pkg_resources(), _logged_output():
        _import_definition(Path(pyiqa.__file__).parent / "archs", config["metric_opts"]["type"])
        downloads = Downloads(metric, weights)
        try:
            with downloads:
                network = pyiqa.create_metric(metric, device=torch.device("cpu"))
        except (IqbenchError, ImportError, MemoryError):
            raise
        except Exception as error:
            raise _explained(error, metric, downloads.last) from error
    downloads.check_used()
    if broken := [name for name, value in network.state_dict().items() if bool(torch.isnan(value).any())]:
        raise CheckpointError(
            f"model.metric={metric}: {downloads.last} leaves NaN in {broken[0]} and {len(broken) - 1} other weights"
        )
    return network.eval()


def metrics() -> list[str]:
    """Return the names of the metrics that judge a single photo, in pyiqa's order.

    Raises:
        MissingResource: If pyiqa is not installed.
    """
    _package()
    return [name for name in _configs() if _reason_against(name) is None]


def _package() -> Any:
    if importlib.util.find_spec("pyiqa") is None:
        raise MissingResource(
            "model.metric: needs the package pyiqa, which is for non-commercial use (PolyForm Noncommercial 1.0.0); "
            f"{INSTALL} (offline: the same with pip download elsewhere, then pip install of the files)"
        )
    with _explained_imports("model=pyiqa"):
        return importlib.import_module("pyiqa")


def _configs() -> dict[str, dict[str, Any]]:
    configs: dict[str, dict[str, Any]] = importlib.import_module("pyiqa.default_model_configs").DEFAULT_CONFIGS
    return configs


def _reason_against(metric: str) -> str | None:
    """Return why a metric has no score for a photo by itself, None if it has one."""
    return "compares a photo with its original" if _configs()[metric]["metric_mode"] == "FR" else REFUSED.get(metric)


def _config_of(metric: str) -> dict[str, Any]:
    if metric not in _configs():
        hint = did_you_mean(metric, metrics())
        raise UsageError(f"model.metric={metric}: pyiqa has no such metric.{hint} There are: {', '.join(metrics())}")
    if reason := _reason_against(metric):
        raise UsageError(f"model.metric={metric}: {reason}; a metric must score a single photo of anything")
    return _configs()[metric]


def _import_definition(folder: Path, kind: str) -> None:
    """Import the module that defines a class: pyiqa would pass over it silently if that fails."""
    definition = re.compile(rf"^class {re.escape(kind)}\b", re.MULTILINE)
    for file in sorted(folder.glob("*_arch.py")):
        if definition.search(file.read_text("utf-8")):
            importlib.import_module(f"pyiqa.archs.{file.stem}")


@contextmanager
def _explained_imports(setting: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        package = (error.name or "").partition(".")[0]
        remedy = INSTALL if package in ("", "clip") or package in INSTALL else f"pip install {package}"
        raise MissingResource(f"{setting}: cannot be imported ({one_line(error)}); {remedy}") from error


@contextmanager
def _pkg_resources() -> Iterator[None]:
    """Supply what openai-clip imports from ``pkg_resources``, which setuptools has no more since version 82."""
    is_missing = "pkg_resources" not in sys.modules and importlib.util.find_spec("pkg_resources") is None
    if is_missing:
        sys.modules["pkg_resources"] = ModuleType("pkg_resources")
        vars(sys.modules["pkg_resources"])["packaging"] = packaging
    try:
        yield
    finally:
        if is_missing:
            del sys.modules["pkg_resources"]


@contextmanager
def _logged_output() -> Iterator[None]:
    """Log what pyiqa prints."""
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            yield
    finally:
        for line in printed.getvalue().splitlines():
            log.info("pyiqa: %s", line)


def _explained(error: Exception, metric: str, file: Path | None) -> UsageError:
    """Return the error of a metric that cannot be built, in the user's words."""
    key, reason = f"model.metric={metric}", one_line(error)
    if isinstance(error, UnpicklingError) or "weights_only" in str(error):
        return CheckpointError(
            f"{key}: {file} is damaged, or holds more than weights, which is never run; fetch the file again"
        )
    if "huggingface" in str(error).lower() or type(error).__module__.startswith("huggingface_hub"):
        return MissingResource(
            f"{key}: a file of the Hugging Face hub is missing, and cannot be downloaded ({reason}); run the command "
            "once on a machine with a network, and copy the folder HF_HOME (~/.cache/huggingface)"
        )
    if file is not None:
        return CheckpointError(f"{key}: cannot be built from {file} ({reason}); fetch the file again")
    if isinstance(error, OSError):
        return MissingResource(f"{key}: a file is missing ({reason})")
    return UsageError(f"{key}: cannot be built ({reason})")
