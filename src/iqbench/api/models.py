"""The models that a program gives: a name, a file, a class's name, an object, or several of them."""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from torch import nn

from iqbench import cli, config
from iqbench.config_errors import check_target_of, explain
from iqbench.errors import UsageError, did_you_mean
from iqbench.interfaces import QualityModel
from iqbench.models.adapters.function import STEPS, FunctionScorer
from iqbench.models.adapters.network import NetworkScorer
from iqbench.models.checkpoint import read_weights
from iqbench.target import located

TARGET = re.compile(r"[^:]*[^:\\/]:[A-Za-z_][\w.]*|[A-Za-z]:[\\/][^:]*\.py:[A-Za-z_][\w.]*")
"""``module:name`` or ``file.py:name``, which no path is, not even one with a drive."""

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


@dataclass(frozen=True)
class NamedModel:
    """A model that a program gave, by its name in the results.

    Args:
        name: Its name.
        settings: The ``model`` part of a config: what builds the model, or says what the object is.
        model: The object, None if the settings build it.
        runs_here: Whether the photos are prepared in this process, unless the program asks for workers.
    """

    name: str
    settings: DictConfig
    model: QualityModel | None = None
    runs_here: bool = False


def named_model(model: Any) -> NamedModel:
    """Return a model of any kind; see `iqbench.load` for the kinds.

    Raises:
        UsageError: If it is no model, with what would be one.
    """
    if isinstance(named := getattr(model, "named", None), NamedModel):  # a judge that was loaded
        return replace(named, model=model.model)
    if isinstance(model, str | Path):
        return _from_text(str(model))
    if isinstance(model, DictConfig) or (isinstance(model, Mapping) and "_target_" in model):
        node = DictConfig(model)
        return NamedModel(str(node["_target_"]).rpartition(".")[2].lower(), node)
    if isinstance(model, type):
        raise UsageError(f"model {model.__name__}: a class; give an object of it, such as {model.__name__}()")
    kind = type(model)
    methods = [name for name in STEPS if callable(getattr(model, name, None))]
    if len(methods) == len(STEPS):
        return _of_object(model, kind.__name__, kind)
    if {"prepare", "encode"} <= set(methods):
        raise UsageError(
            f"model {kind.__name__}: has prepare and encode, but no margin; derive it from iqbench.interfaces.Scorer "
            "if it scores, or add margin(first, second)"
        )
    if isinstance(model, nn.Module):
        return _of_object(NetworkScorer(model), kind.__name__, kind)
    if callable(model):
        scorer = FunctionScorer(model)
        source = model if hasattr(model, "__qualname__") else kind
        return replace(_of_object(scorer, getattr(model, "__name__", kind.__name__), source), runs_here=True)
    raise UsageError(
        f"model: {kind.__name__} is no model; give a name, a checkpoint file, an object with prepare, encode and "
        "margin, a torch module, or a function that scores a photo"
    )


def named_models(models: Any) -> list[NamedModel]:
    """Return one or several models with distinct names.

    Args:
        models: A model, a mapping of names to models, or a list of models. In a list, models of one name are
            numbered.

    Raises:
        UsageError: If one of them is no model, or there is none.
    """
    if isinstance(models, Mapping) and "_target_" not in models and not isinstance(models, nn.Module):
        named = [replace(named_model(model), name=_checked_name(name)) for name, model in models.items()]
    elif isinstance(models, Sequence) and not isinstance(models, str | bytes):
        named = _numbered([named_model(model) for model in models])
    else:
        return [named_model(models)]
    if not named:
        raise UsageError("model: there is none; give at least one")
    return named


def are_several(models: Any) -> bool:
    """Return whether a program gave a mapping or a list of models, even of one."""
    is_mapping = isinstance(models, Mapping) and "_target_" not in models
    is_list = isinstance(models, Sequence) and not isinstance(models, str | bytes)
    return (is_mapping or is_list) and not isinstance(models, nn.Module)


def _of_object(model: QualityModel, name: str, source: Any) -> NamedModel:
    target = f"{source.__module__}.{source.__qualname__}"
    found: Any = sys.modules.get(source.__module__)
    for part in source.__qualname__.split("."):
        found = getattr(found, part, None)
    key = "_target_" if found is source else "object"  # what no config could name, such as a lambda
    return NamedModel(name.strip("<>").lower(), OmegaConf.create({key: target}), model)


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not name.strip():
        raise UsageError(f"model: {name!r} is no name; give a dict of names to models, such as {{'mine': model}}")
    return name


def _numbered(models: list[NamedModel]) -> list[NamedModel]:
    names = [model.name for model in models]
    counted = [
        f"{name}_{names[: at + 1].count(name)}" if names.count(name) > 1 else name for at, name in enumerate(names)
    ]
    return [replace(model, name=name) for model, name in zip(models, counted, strict=True)]


def _from_text(text: str) -> NamedModel:
    if URL.match(text):
        raise UsageError(f"model {text}: a URL; download the file and give its path")
    choices = config.choices_of("model")
    if text in choices:
        return NamedModel(text, _choice(text))
    if TARGET.fullmatch(text):
        found = located(text, "model")
        return named_model(found() if isinstance(found, type) else found)
    path = Path(text).expanduser()
    if path.suffix in (".yaml", ".yml") and path.is_file():
        check_target_of(path, "model")
        return NamedModel(path.stem, DictConfig(OmegaConf.load(path)))
    if path.suffix == ".json" and path.is_file():
        return NamedModel(path.stem, DictConfig({**_choice("ensemble"), "file": str(path)}))
    if path.is_file():
        return _from_checkpoint(path)
    if re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", text) and path.suffix not in (".ckpt", ".safetensors", ".yaml"):
        node = DictConfig({"_target_": text})
        config.describes(node, "model", object)  # imports it
        return NamedModel(text.rpartition(".")[2].lower(), node)
    if path.is_dir():
        raise UsageError(f"model {text}: a folder; give a checkpoint file in it")
    if path.suffix or path.name != text:
        near = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        raise UsageError(f"model {text}: no such file.{did_you_mean(path.name, near)}")
    raise UsageError(
        f"model={text}: no such model.{did_you_mean(text, choices)} There are: {', '.join(choices)}; or give a "
        "checkpoint file, a YAML file, a class as package.module.Class, or an object"
    )


def _choice(name: str) -> DictConfig:
    try:
        node = config.compose("bench", [f"model={name}"]).model
    except HydraException as error:
        raise UsageError(explain(error, [f"model={name}"], "bench")) from error
    settings = DictConfig(OmegaConf.to_container(node))
    cli.adopt_checkpoint(settings, given=dict)
    return settings


def _from_checkpoint(path: Path) -> NamedModel:
    family = read_weights(path).family
    if family not in config.choices_of("model"):
        raise UsageError(f"model {path}: a checkpoint of {family}, which is no model of this iqbench")
    return replace(with_checkpoint(NamedModel(family, _choice(family)), path), name=path.stem)


def with_checkpoint(model: NamedModel, checkpoint: str | Path) -> NamedModel:
    """Return a model with the weights and architecture of a checkpoint file.

    Raises:
        UsageError: If the file cannot be used, or the model takes no checkpoint.
    """
    if model.model is not None:
        raise UsageError(f"checkpoint={checkpoint}: {model.name} is an object, load the weights into it yourself")
    settings = model.settings.copy()
    OmegaConf.update(settings, "checkpoint", str(checkpoint), force_add=True)
    cli.adopt_checkpoint(settings, given=dict)
    return replace(model, settings=settings)
