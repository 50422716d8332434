"""One-line explanations of Hydra's errors: the wrong override, the reason, and the valid choices."""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError

from iqbench import commands
from iqbench.config import CONF_DIR, choices_of, defaults
from iqbench.errors import UsageError, did_you_mean

TYPES = {"Integer": "a whole number", "Float": "a number", "Boolean": "true or false"}

PLUGINS = {
    "hydra/sweeper/optuna": "optuna",
    "hydra/launcher/joblib": "joblib",
    "hydra/launcher/submitit_local": "slurm",
    "hydra/launcher/submitit_slurm": "slurm",
    "hydra/launcher/ray": "ray",
}
"""The extra of iqbench that installs each plugin of Hydra."""


def explain(error: Exception, arguments: Sequence[str], config_name: str) -> str:
    """Return one line for an error of Hydra or OmegaConf.

    Args:
        error: The error.
        arguments: The command line.
        config_name: The name of the program's config file.
    """
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _explain_missing_choice(str(error.missing_cfg_file), error.options or [])
    if isinstance(error, OverrideParseException):
        if "=" not in error.override:
            return f"{error.override}: not a setting; use KEY=VALUE, such as model=siamese"
        reason, (key, _, value) = str(error).splitlines()[0], error.override.partition("=")
        quoted = commands.shell_quoted(commands.override(key, value))
        return f"{error.override}: cannot be read ({reason}); if the value is meant as a text, write {quoted}"
    text = " ".join(f"{error} {error.__cause__ or ''}".split())
    deleted = next((group for group in ("data", "model") if f"~{group}" in arguments), None)
    if deleted and "Error resolving interpolation" in text:  # conf/demo is chosen by these two groups
        return f"{deleted}: there is nothing in it; choose one: {', '.join(choices_of(deleted))}"
    override = _wrong_override(text, arguments)
    if "Ambiguous value" in text or "requires --multirun" in text:
        group, _, names = override.partition("=")
        one_run = commands.shell_quoted(f"{group}=[{names}]") + " for one run with all of them"
        other = one_run if group == "degradation" else "quote a value that holds a comma"
        return f"{override}: several values; add -m to run them one after the other, or {other}"
    if "is not a ListConfig" in text:
        return f"{override}: must be a list, such as {override.partition('=')[0]}=[{override.partition('=')[2]}]"
    if "could not be converted" in text:
        wanted = re.search(r"converted to (\w+)", text)
        return f"{override}: must be {TYPES.get(wanted.group(1), wanted.group(1)) if wanted else 'another type'}"
    if "not in" in text:
        return _explain_unknown_key(override, arguments, config_name)
    return text[:300] + (f" (in {override})" if override and override not in text else "")


def explain_group(arguments: Sequence[str]) -> str:
    """Return one line for a group whose choice is null or a number. Hydra's own message does not name the group."""
    for argument in arguments:
        group, _, choice = argument.partition("=")
        choices = choices_of(group)
        if choices and not {*choice.split(",")} <= {*choices}:
            return f"{argument}: a group is chosen by a name. There are: {', '.join(choices)}"
    return "a group is chosen by a name, such as model=siamese"


def explain_yaml(error: YAMLError) -> str:
    """Return one line for a file that is no YAML: the file, the line, and the reason."""
    mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
    if mark is None:
        return f"a config file is not YAML ({' '.join(str(error).split())[:160]})"
    problem = getattr(error, "problem", None) or "cannot be read"
    return f"{mark.name}, line {mark.line + 1}: not YAML ({problem})"


def _explain_missing_choice(path: str, options: Sequence[str]) -> str:
    group, _, choice = path.rpartition("/")
    options = options or choices_of(group)  # Hydra gives none where the choice stands in a list
    if extra := PLUGINS.get(path):
        return f"{group}={choice}: the plugin is not installed: pip install 'iqbench[{extra}]'"
    return f"{group}={choice}: no such {group}.{did_you_mean(choice, options)} There are: {', '.join(options)}"


def _explain_unknown_key(override: str, arguments: Sequence[str], config_name: str) -> str:
    key = override.split("=")[0].lstrip("+~")
    group, _, word = key.rpartition(".")
    keys = keys_below(group, arguments, config_name)
    parent, _, name = group.rpartition(".")
    if parent and not keys and override.startswith(key) and name in keys_below(parent, arguments, config_name):
        return f"{override}: there is nothing below {group} yet; add it as +{override}"
    others = " or ".join(f"{group}={choice}" for choice in _choices_with(group, word))
    hint = did_you_mean(word, keys) or (f" It belongs to {others}." if others else "")
    return f"{override or key}: no such key.{hint} There are: {', '.join(keys)}"


def _config_dirs(arguments: Sequence[str]) -> list[str]:
    """Return the folder of ``--config-dir``; Hydra no longer knows it once it has raised."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config-dir", "-cd")
    given = parser.parse_known_args(arguments)[0].config_dir
    return [f"file://{Path(given).absolute()}"] if given else []


def _wrong_override(text: str, arguments: Sequence[str]) -> str:
    """Return the override that an error quotes, or whose key it names."""
    overrides = [argument for argument in arguments if "=" in argument]
    for override in overrides:
        if override in text:
            return override
    for override in overrides:
        key = override.split("=")[0].lstrip("+~")
        if re.search(rf"(?<![\w.]){re.escape(key)}(?![\w.])", text) or f"'{key.split('.')[-1]}'" in text:
            return override
    return ""


EXAMPLES = {"model": "mine.Brightness", "data": "mine.MyPhotos", "degradation": "mine.grain_ladder"}
"""A ``_target_`` for each group that users add files to."""


def check_targets(choices: Mapping[str, str], config_dirs: Sequence[str]) -> None:
    """Refuse a user's own config file that names no class or function, or that Hydra passes over for one of iqbench's.

    Raises:
        UsageError: With the file and an example.
    """
    for group, choice in choices.items():
        for folder in config_dirs:
            file = Path(folder.removeprefix("file://")) / group / f"{choice}.yaml"
            own = CONF_DIR / group / file.name
            if file.is_file() and own.is_file() and not file.samefile(own):
                raise UsageError(f"{file}: not used, since iqbench has a file for {group}={choice} too; rename yours")
            if group in EXAMPLES and file.is_file():
                check_target_of(file, group)


def check_target_of(file: Path, group: str) -> None:
    """Refuse a config file without ``_target_``; of a degradation, without one below each type.

    Raises:
        UsageError: If it is no YAML, or a ``_target_`` is missing.
    """
    try:
        content = OmegaConf.to_container(OmegaConf.load(file))
    except YAMLError as error:
        raise UsageError(explain_yaml(error)) from error
    except (OSError, ValueError, OmegaConfBaseException) as error:
        raise UsageError(f"{file}: cannot be read ({' '.join(str(error).split())[:160]})") from error
    if isinstance(content, dict) and "defaults" in content:
        return
    if group == "degradation":
        types = content.items() if isinstance(content, dict) else ()
        if not types or not all(isinstance(node, dict) and "_target_" in node for _, node in types):
            example = f"grain: {{_target_: {EXAMPLES[group]}, std: [5, 10]}}"
            raise UsageError(f"{file}: must hold the type as its one key, with _target_ below it, such as {example}")
    elif not isinstance(content, dict) or "_target_" not in content:
        raise UsageError(f"{file}: has no _target_, which names the class, such as _target_: {EXAMPLES[group]}")


def _choices_with(group: str, key: str) -> list[str]:
    """Return the choices of a group whose files have that key."""
    paths = sorted((CONF_DIR / group).glob("*.yaml")) if group else []
    return [path.stem for path in paths if key in OmegaConf.load(path).keys()]  # noqa: SIM118 - "in" skips ???


def keys_below(parent: str, arguments: Sequence[str], config_name: str) -> list[str]:
    """Return the keys below ``parent`` in the config files, with the chosen groups but no other override."""
    config = defaults(arguments, config_name, _config_dirs(arguments))
    node = OmegaConf.select(config, parent) if parent else config
    return [str(key) for key in node if key != "_target_"] if isinstance(node, DictConfig) else []
