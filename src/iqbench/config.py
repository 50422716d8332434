"""Where conf/ is, which keys it has, and how a part of it becomes an object."""

import hashlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import InstantiationException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from iqbench.errors import IqbenchError, UsageError, did_you_mean

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT_CONF = _PACKAGE.parent.parent / "conf"
CONF_DIR = _CHECKOUT_CONF if (_CHECKOUT_CONF / "bench.yaml").is_file() else _PACKAGE / "conf"
"""The config files: the checkout's own, else those inside the installed package."""

MARK = ".iqbench"
"""A file in every folder that iqbench writes into: whatever else is in there or below is no photo to judge."""


@dataclass
class BenchFrame:
    """The frame of conf/bench.yaml: a key or a type that is not here is refused."""

    model: Any = None
    data: Any = None
    degradation: Any = None
    protocol: Any = None
    engine: Any = None
    name: str = "???"
    out: str = "???"
    seed: int = 0
    max_failures: int = 0
    gallery: int = 0
    shard: int = 0
    shards: int = 1
    fresh: bool = False


@dataclass
class TrainFrame:
    """The frame of conf/train.yaml."""

    model: Any = None
    data: Any = None
    degradation: Any = None
    self_supervision: Any = None
    examples: Any = None
    trainer: Any = None
    callbacks: Any = None
    experiment: Any = None
    debug: Any = None
    name: str = "???"
    out: str = "???"
    seed: int = 0
    ckpt_path: str | None = None


@dataclass
class EvaluateFrame:
    """The frame of conf/evaluate.yaml."""

    model: Any = None
    data: Any = None
    engine: Any = None
    name: str = "???"
    out: str = "???"
    seed: int = 0
    split: str | None = None
    pairs_per_photo: int = 4
    min_difference: float = 0.5
    anchors: int = 64
    max_failures: int = 0


@dataclass
class DoctorFrame:
    """The frame of conf/doctor.yaml."""

    data: Any = None
    name: str = "???"
    out: str = "???"
    seed: int = 0
    sample: int = 2000
    reference: str | None = None


FRAMES: dict[str, type] = {
    "bench": BenchFrame,
    "train": TrainFrame,
    "evaluate": EvaluateFrame,
    "doctor": DoctorFrame,
}
"""The frame of each config file of that name."""


def register_frames() -> None:
    """Tell Hydra the types and keys of the frames."""
    for name, frame in FRAMES.items():
        ConfigStore.instance().store(name=f"{name}_frame", node=frame)


SEEDS = range(2**32)
"""What every random generator takes."""


def check(config: DictConfig, files: DictConfig) -> None:
    """Refuse what would fail somewhere inside: a group that is gone or empty, or a seed that no generator takes.

    Args:
        config: What the user has made of it.
        files: The config as it is in the files, with the chosen groups but no other override.

    Raises:
        UsageError: With the key.
    """
    there: Any = OmegaConf.to_container(files)
    _check_groups(config, there, "")
    parts = [("", config), *((f"{key}.", config[key]) for key in there if isinstance(there[key], dict))]
    for parent, part in parts:
        seed = part.get("seed")
        if isinstance(seed, int) and seed not in SEEDS:
            raise UsageError(f"{parent}seed={seed}: must be from 0 to {SEEDS[-1]}")


def _check_groups(config: DictConfig, files: Any, parent: str) -> None:
    """Refuse a group, or a part of one, in which nothing is left of what the files have there."""
    for name, there in files.items():
        key = f"{parent}{name}"
        if not there or not isinstance(there, dict) or (parent and name not in config):
            continue
        given = config.get(name)
        if not given or not isinstance(given, DictConfig):
            choices = choices_of(key)
            hint = f"choose one: {', '.join(choices)}" if choices else "leave it as it is, or set what is in it"
            raise UsageError(f"{key}: there is nothing in it; {hint}")
        if given.get("_target_") == there.get("_target_"):
            _check_groups(given, there, f"{key}.")


def build(node: DictConfig, key: str) -> Any:
    """Return what a config node describes: its ``_target_``, called with the node's values.

    Raises:
        UsageError: If the node has a key that the target does not take, or the target refuses a value.
    """
    missing = sorted(OmegaConf.missing_keys(node))
    if missing:
        raise UsageError(f"{', '.join(missing)}: needed here; for example {missing[0]}=VALUE")
    _check_arguments(node, key)
    try:
        return hydra.utils.instantiate(node, _convert_="all")
    except (InstantiationException, OmegaConfBaseException) as error:
        cause = error.__cause__
        if isinstance(cause, IqbenchError):
            raise cause from error
        if cause is None or isinstance(cause, ValueError | TypeError | ImportError | AttributeError):
            raise UsageError(f"{key}: {' '.join(str(cause or error).split())}") from error
        raise cause from error


def describes(node: DictConfig, key: str, kind: type) -> bool:
    """Tell whether a config node's ``_target_`` is a class of that kind, without building it."""
    target = _target(node, key)
    return isinstance(target, type) and issubclass(target, kind)


def choices_of(group: str, kind: type | None = None) -> list[str]:
    """Return the choices of a group; of a kind, those whose ``_target_`` is a class of it."""
    paths = sorted((CONF_DIR / group).glob("*.yaml"))
    return [path.stem for path in paths if kind is None or describes(DictConfig(OmegaConf.load(path)), group, kind)]


def _target(node: DictConfig, key: str) -> Any:
    name = node.get("_target_")
    if not isinstance(name, str):
        raise UsageError(f"{key}._target_={name}: must name a class or function, such as package.module.Name")
    try:
        return hydra.utils.get_object(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"{key}._target_={node['_target_']}: cannot be imported ({error})") from error


def _check_arguments(node: DictConfig, key: str) -> None:
    """Refuse a setting that the node's target has no argument for, such as ``+model.typo=1``."""
    known = _arguments(_target(node, key))
    for name in map(str, node):
        if known and name not in known and name not in ("_target_", "_partial_"):
            hint = did_you_mean(name, known)
            raise UsageError(f"{key}.{name}: {node['_target_']} has no such setting.{hint}")


def _arguments(target: Any) -> list[str]:
    """Return the names of a callable's arguments, those that a class hands on to its bases included; [] if open."""
    names: list[str] = []
    makers = [vars(base).get("__init__", base) for base in target.__mro__] if isinstance(target, type) else [target]
    for maker in makers:
        parameters = inspect.signature(maker).parameters.values()
        names += [parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD]
        if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters):
            return names
    return []


def defaults(arguments: Sequence[str], config_name: str) -> DictConfig:
    """Return the config with the groups that ``arguments`` choose, all else as the files have it."""
    choices = []
    for argument in arguments:
        group, _, choice = argument.partition("=")
        options = {path.stem for path in (CONF_DIR / group).glob("*.yaml")} if group else set()
        choices += [f"{group}={name}" for name in choice.split(",")[:1] if name in options]
    return compose(config_name, choices)


def compose(config_name: str, overrides: Sequence[str]) -> DictConfig:
    """Return a config composed outside of Hydra's main, for the API and for explanations."""
    if GlobalHydra.instance().is_initialized():
        return hydra.compose(config_name, list(overrides))
    register_frames()
    with hydra.initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        return hydra.compose(config_name, list(overrides))


def own_code(settings: object) -> str:
    """Return a name for the user's own code that settings call: 12 hex digits of its files, nothing if it is all ours.

    Ours has a version, which is recorded. What those files import does not count.
    """
    modules = {inspect.getmodule(hydra.utils.get_object(target)) for target in _targets(settings)}
    files = {str(module.__file__) for module in modules if module and getattr(module, "__file__", None)}
    own = sorted(file for file in files if not Path(file).is_relative_to(_PACKAGE))
    return hashlib.sha256(b"".join(Path(file).read_bytes() for file in own)).hexdigest()[:12] if own else ""


def _targets(settings: object) -> Iterator[str]:
    if isinstance(settings, Mapping):
        if isinstance(settings.get("_target_"), str):
            yield settings["_target_"]
        for value in settings.values():
            yield from _targets(value)
    elif isinstance(settings, list):
        for value in settings:
            yield from _targets(value)
