"""The config files: their folder, their valid keys, and objects built from their nodes."""

import inspect
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hydra
from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import _locate, create_config_search_path
from hydra.core.config_store import ConfigStore
from hydra.errors import InstantiationException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from iqbench import paths, plugins
from iqbench.config_schemas import register_schemas
from iqbench.errors import IqbenchError, UsageError, did_you_mean

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT_CONF = _PACKAGE.parent.parent / "conf"
CONF_DIR = _CHECKOUT_CONF if (_CHECKOUT_CONF / "bench.yaml").is_file() else _PACKAGE / "conf"
"""The folder of the config files: in a checkout, or else in the installed package."""


SEEDS = range(2**32)
"""The seeds that every random generator accepts."""


def check(config: DictConfig, files: DictConfig) -> None:
    """Refuse an empty group, a deleted group, and a seed that a random generator would refuse later.

    Args:
        config: The config with the user's overrides.
        files: The config with the chosen groups, but no other override.

    Raises:
        UsageError: With the key.
    """
    defaults: Any = OmegaConf.to_container(files)
    _check_groups(config, defaults, "")
    parts = [("", config), *((f"{key}.", config.get(key)) for key in defaults if isinstance(defaults[key], dict))]
    for parent, part in parts:
        seed = part.get("seed") if part else None
        if isinstance(seed, int) and seed not in SEEDS:
            raise UsageError(f"{parent}seed={seed}: must be from 0 to {SEEDS[-1]}")


def _check_groups(config: DictConfig, files: Any, parent: str) -> None:
    """Refuse a group, or a part of one, of which nothing is left."""
    for name, default in files.items():
        key = f"{parent}{name}"
        if not default or not isinstance(default, dict) or (parent and name not in config):
            continue
        given = config.get(name)
        if not given or not isinstance(given, DictConfig):
            choices = choices_of(key)
            hint = f"choose one: {', '.join(choices)}" if choices else "leave it as it is, or set what is in it"
            raise UsageError(f"{key}: there is nothing in it; {hint}")
        if given.get("_target_") == default.get("_target_"):
            _check_groups(given, default, f"{key}.")


def build(node: DictConfig, key: str) -> Any:
    """Build the object of a config node: call its ``_target_`` with the node's values.

    Raises:
        UsageError: If a value is missing, or the target does not take a key or refuses a value.
    """
    missing = sorted(OmegaConf.missing_keys(node))
    if missing:
        raise UsageError(f"{', '.join(missing)}: needed here; for example {missing[0]}=VALUE")
    _check_arguments(node, key)
    try:
        return hydra.utils.instantiate(_with_absolute_paths(node, key), _convert_="all")
    except (InstantiationException, OmegaConfBaseException) as error:
        cause = error.__cause__
        if isinstance(cause, IqbenchError):
            raise cause from error
        if cause is None or isinstance(cause, ValueError | TypeError | ImportError | AttributeError):
            raise UsageError(f"{key}: {' '.join(str(cause or error).split())}") from error
        raise cause from error


def _with_absolute_paths(node: DictConfig, key: str) -> dict[str, Any]:
    """Return a node's values with paths that do not depend on the current folder; the config keeps what was written."""
    values: Any = OmegaConf.to_container(node, resolve=True)
    return paths.in_settings(values, key)


def describes(node: DictConfig, key: str, kind: type) -> bool:
    """Return whether a config node's ``_target_`` is a subclass of ``kind``, without building it."""
    target = _target(node, key)
    return isinstance(target, type) and issubclass(target, kind)


def choices_of(group: str, kind: type | None = None) -> list[str]:
    """Return the choices of a group; with ``kind``, those whose ``_target_`` is a subclass of it.

    Those of other packages come last; with ``kind`` they are left out, since they would have to be imported.
    """
    paths = sorted((CONF_DIR / group).glob("*.yaml"))
    if kind is None:
        return [*(path.stem for path in paths), *plugins.offered(group, CONF_DIR)]
    return [path.stem for path in paths if describes(DictConfig(OmegaConf.load(path)), group, kind)]


def register() -> list[str]:
    """Register the schemas, and what other packages offer, with Hydra; return what was new in its store."""
    store = ConfigStore.instance()
    before = _stored()
    register_schemas()
    for group in plugins.GROUPS.values():
        for name, node in plugins.offered(group, CONF_DIR).items():
            store.store(group=group, name=name, node=node, provider="an installed package")
    return sorted(_stored() - before)


def _stored() -> set[str]:
    repo = ConfigStore.instance().repo
    groups = {name: content for name, content in repo.items() if isinstance(content, dict)}
    return (repo.keys() - groups.keys()) | {f"{group}/{name}" for group in groups for name in groups[group]}


def _target(node: DictConfig, key: str) -> Any:
    name = node.get("_target_")
    if not isinstance(name, str):
        raise UsageError(f"{key}._target_={name}: must name a class or function, such as package.module.Name")
    try:
        return _locate(name)
    except (ImportError, AttributeError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise UsageError(f"{key}._target_={name}: cannot be imported ({reason})") from error


def _check_arguments(node: DictConfig, key: str) -> None:
    """Refuse a key without an argument of the target, such as ``+model.typo=1``."""
    arguments = _arguments(_target(node, key))
    for name in map(str, node):
        if arguments and name not in arguments and name not in ("_target_", "_partial_"):
            hint = did_you_mean(name, arguments)
            raise UsageError(f"{key}.{name}: {node['_target_']} has no such setting.{hint}")


def _arguments(target: Any) -> list[str]:
    """Return the argument names of a callable, with those of the bases of a class; [] if it takes any name."""
    names: list[str] = []
    callables = [vars(base).get("__init__", base) for base in target.__mro__] if isinstance(target, type) else [target]
    for function in callables:
        parameters = inspect.signature(function).parameters.values()
        names += [parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD]
        if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters):
            return names
    return []


def defaults(arguments: Sequence[str], config_name: str, config_dirs: Sequence[str] = ()) -> DictConfig:
    """Return the config with the groups that ``arguments`` choose, without any other override.

    Args:
        arguments: Overrides.
        config_name: The name of the config file.
        config_dirs: The user's own config folders, whose choices count too.
    """
    folders = [CONF_DIR, *(Path(folder.removeprefix("file://")) for folder in config_dirs)]
    choices = []
    for argument in arguments:
        group, _, choice = argument.partition("=")
        options = {path.stem for folder in folders for path in (folder / group).glob("*.yaml")} if group else set()
        names = choice.removeprefix("[").removesuffix("]").split(",")
        is_list = choice.startswith("[") and options.issuperset(names)
        choices += [argument] if is_list else [f"{group}={name}" for name in names[:1] if name in options]
    return compose(config_name, choices, config_dirs)


_composing = threading.Lock()
"""Held while the state that all Hydra programs of this process share is not as they left it."""


def compose(config_name: str, overrides: Sequence[str], config_dirs: Sequence[str] = ()) -> DictConfig:
    """Compose a config from iqbench's own files, whatever else uses Hydra in this process.

    A program that calls iqbench may run under Hydra itself. Its search path, job and version base are not used here,
    and are left as they were. So ``${hydra:...}`` in the config is this program's only inside `iqbench.cli.launch`.

    Args:
        config_name: The name of the config file: ``bench``, ``train``, ...
        overrides: Overrides, as on the command line.
        config_dirs: The user's own config folders, such as ``file:///home/me/myconf``.

    Raises:
        HydraException: If an override cannot be used; see `iqbench.config_errors.explain`.
    """
    with _composing, _own_hydra():
        search_path = create_config_search_path(str(CONF_DIR))
        for folder in config_dirs:
            search_path.prepend("command-line", folder, anchor="schema")
        loader = ConfigLoaderImpl(search_path)
        config = loader.load_configuration(config_name, list(overrides), RunMode.RUN, from_shell=False)
    with open_dict(config):
        del config["hydra"]
    return config


@contextmanager
def _own_hydra() -> Iterator[None]:
    """Fill Hydra's store and set its version base; restore both."""
    store, before = ConfigStore.instance().repo, version.getbase()
    new = register()
    version.setbase("1.3")
    try:
        yield
    finally:
        version.VersionBase.instance().version_base = before
        for path in new:
            group, _, name = path.rpartition("/")
            del (store[group] if group else store)[name]
            if group and not store[group]:
                del store[group]


def overrides_of(folder: Path) -> dict[str, str]:
    """Return the overrides that a run was started with, as typed, by key: from the file that Hydra writes into it.

    Empty if there is no such file.
    """
    try:
        lines = OmegaConf.to_container(OmegaConf.load(folder / ".hydra" / "overrides.yaml"))
    except (OSError, YAMLError, OmegaConfBaseException):
        return {}
    overrides = [str(line).lstrip("+~").partition("=") for line in lines] if isinstance(lines, list) else []
    return {key: value for key, _, value in overrides}
