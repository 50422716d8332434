"""The files that a metric of pyiqa downloads: taken from where the user put them, read as data, named where missing."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlparse

import timm.models._builder as timm_builder
import torch
from torch import nn

from iqbench.errors import MissingResource, UsageError, one_line

_LOADERS = ("load_file_from_url", "load_state_dict_from_url", "_download")
"""Names of the functions that fetch a file by its URL: pyiqa's, torch's, and that of the package clip."""

_CALLERS = ("pyiqa", "clip", "torch.hub", "torchvision.models")
"""The modules that call them, with those below them."""

_OWN_FILES = "IQA-PyTorch"
"""Part of the URLs of pyiqa's own files; the others are backbones."""


class Downloads:
    """A context in which pyiqa gets its files from ``weights``, from its cache, or from the network.

    All are read with ``weights_only=True``. ImageNet weights of timm are left out, since the metric's own overwrite
    them; until then such a network is NaN, so that a part that is not overwritten does not go unnoticed.

    Args:
        metric: The metric's name, for messages.
        weights: A file or folder, or None; see `iqbench.models.adapters.pyiqa_metric.PyiqaMetric`.

    Raises:
        MissingResource: If ``weights`` is neither a file nor a folder.
    """

    def __init__(self, metric: str, weights: str | None) -> None:
        self._metric, self._weights = metric, None if weights is None else Path(weights)
        if self._weights is not None and not self._weights.exists():
            raise MissingResource(f"model.weights={weights}: no such file or folder; null uses pyiqa's cache")
        self._stack = ExitStack()
        self._wanted: list[str] = []
        self._given: dict[str, Path] = {}
        self.last: Path | None = None
        """The file that is read, or was read last."""

    def __enter__(self) -> Self:
        callers = [module for name, module in list(sys.modules.items()) if _is_below(name, _CALLERS)]
        for module in callers:
            for name in _LOADERS:
                if callable(function := vars(module).get(name)):
                    self._stack.enter_context(_replaced(module, name, self._instead_of(function)))
        self._stack.enter_context(_replaced(torch, "load", _as_data(torch.load)))
        self._stack.enter_context(_replaced(timm_builder, "load_pretrained", _fill_with_nan))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def check_used(self) -> None:
        """Refuse ``weights`` that the metric has no use for.

        Raises:
            UsageError: With the names of the files that it does use.
        """
        if self._weights is not None and not self._given:
            wanted = f"it reads {', '.join(self._wanted)}" if self._wanted else "it reads no file"
            raise UsageError(f"model.weights={self._weights}: not used by model.metric={self._metric}; {wanted}")

    def _instead_of(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def fetch(url: str, *args: Any, **options: Any) -> Any:
            name = str(options.get("file_name") or Path(urlparse(url).path).name)
            is_read_here = function.__name__ == "load_state_dict_from_url"
            self._wanted.append(name)
            if (given := self._supplied(url, name)) is not None:
                self._given[url] = self.last = given
                return torch.load(given, map_location="cpu") if is_read_here else str(given)
            self.last = _cache_folder(function, args, options) / name
            try:
                return function(url, *args, **options)
            except OSError as error:
                given_as = "give it as model.weights=FILE" if _OWN_FILES in url else "give model.weights=FOLDER with it"
                raise MissingResource(
                    f"model.metric={self._metric}: {name} is missing, and cannot be downloaded ({one_line(error)}); "
                    f"fetch {url} elsewhere, and save it as {self.last} or {given_as}"
                ) from error

        return fetch

    def _supplied(self, url: str, name: str) -> Path | None:
        """Return the user's file for a URL, None if there is none."""
        if self._weights is None:
            return None
        if self._weights.is_dir():
            return self._weights / name if (self._weights / name).is_file() else None
        if self._weights.name != name and _OWN_FILES not in url:
            return None
        if self._weights in [file for other, file in self._given.items() if other != url]:
            raise UsageError(
                f"model.weights={self._weights}: model.metric={self._metric} needs several files "
                f"({', '.join(self._wanted)}); give the folder that holds them"
            )
        return self._weights


def _is_below(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _cache_folder(function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Path:
    """Return the folder in which a function looks for a file before it downloads it."""
    if folder := (args[0] if args else options.get("model_dir") or options.get("root")):
        return Path(folder)
    hub = Path(torch.hub.get_dir())
    return hub / "checkpoints" if function.__name__ == "load_state_dict_from_url" else hub / "pyiqa"


def _as_data(load: Callable[..., Any]) -> Callable[..., Any]:
    def read(*args: Any, **options: Any) -> Any:
        return load(*args, **options | {"weights_only": True})

    return read


@torch.no_grad()
def _fill_with_nan(network: nn.Module, *_: object, **__: object) -> None:
    for value in network.state_dict().values():
        if value.is_floating_point():
            value.fill_(torch.nan)


@contextmanager
def _replaced(owner: Any, name: str, value: object) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)
