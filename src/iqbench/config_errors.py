"""One-line explanations of Hydra's errors: the wrong override, the reason, and the valid choices."""

import re
from collections.abc import Sequence

from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf

from iqbench import commands
from iqbench.config import CONF_DIR, choices_of, defaults
from iqbench.errors import did_you_mean

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
        return _explain_missing_choice(str(error.missing_cfg_file), list(error.options or []))
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


def _explain_missing_choice(path: str, options: Sequence[str]) -> str:
    group, _, choice = path.rpartition("/")
    if extra := PLUGINS.get(path):
        return f"{group}={choice}: the plugin is not installed: pip install 'iqbench[{extra}]'"
    return f"{group}={choice}: no such {group}.{did_you_mean(choice, options)} There are: {', '.join(options)}"


def _explain_unknown_key(override: str, arguments: Sequence[str], config_name: str) -> str:
    key = override.split("=")[0].lstrip("+~")
    group, _, word = key.rpartition(".")
    keys = keys_below(group, arguments, config_name)
    others = " or ".join(f"{group}={choice}" for choice in _choices_with(group, word))
    hint = did_you_mean(word, keys) or (f" It belongs to {others}." if others else "")
    return f"{override or key}: no such key.{hint} There are: {', '.join(keys)}"


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


def _choices_with(group: str, key: str) -> list[str]:
    """Return the choices of a group whose files have that key."""
    paths = sorted((CONF_DIR / group).glob("*.yaml")) if group else []
    return [path.stem for path in paths if key in OmegaConf.load(path).keys()]  # noqa: SIM118 - "in" skips ???


def keys_below(parent: str, arguments: Sequence[str], config_name: str) -> list[str]:
    """Return the keys below ``parent`` in the config files, with the chosen groups but no other override."""
    config = defaults(arguments, config_name)
    node = OmegaConf.select(config, parent) if parent else config
    return [str(key) for key in node if key != "_target_"] if isinstance(node, DictConfig) else []
