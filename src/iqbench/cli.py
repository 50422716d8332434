"""How a program is started with its config, and how a mistake in it is explained in one line."""

import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from iqbench import config as configuration
from iqbench.config import CONF_DIR, FRAMES, MARK, choices_of, defaults, register_frames
from iqbench.errors import DiskError, IqbenchError, Stopped, UsageError, did_you_mean, naming_the_disk, stop

GOES_ON = "photos that were finished are kept, the same command goes on"

until_the_end = ExitStack()
"""What a Hydra callback opens for as long as the program runs: of an interruption Hydra tells none of them."""


def launch(task: Callable[[DictConfig], None], config_name: str, interrupted: str = GOES_ON) -> None:
    """Run ``task`` under Hydra; a user's mistake ends the process with one line and its exit code.

    Args:
        task: The program; in a sweep it is called once a job.
        config_name: The name of its config file: ``bench``, ``train``, ...
        interrupted: What is said to who has interrupted it.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors travel to here instead of being printed by Hydra
    register_frames()
    program = f"iqbench.{config_name}"
    mistakes: list[IqbenchError] = []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what is open is closed

    def guarded(config: DictConfig) -> None:
        try:
            with naming_the_disk():
                task(config)
        except IqbenchError as error:  # Hydra would print more than the one line about it
            mistakes.append(error)
        except MemoryError:
            mistakes.append(Stopped(f"out of memory; {interrupted}. Close other programs, or say engine.workers=1"))
        except OSError:
            if (folder := Path(HydraConfig.get().runtime.output_dir)).is_dir():
                raise
            mistakes.append(DiskError(f"{folder}: is not there any more; the same command starts again"))

    try:
        with naming_the_disk(), until_the_end:
            hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name=config_name)(guarded)()
    except (HydraException, OmegaConfBaseException) as error:
        stop(program, explain(error, sys.argv[1:], config_name), UsageError.exit_code)
    except ValueError as error:
        if "Config group override" not in str(error):
            raise
        stop(program, _not_chosen(sys.argv[1:]), UsageError.exit_code)
    except DiskError as error:  # Hydra makes the run's folder
        mistakes.append(error)
    except KeyboardInterrupt:
        stop(program, f"interrupted; {interrupted}", 130)
    except SystemExit as end:  # of a sweep, whose jobs may have had mistakes
        if mistakes and end.code:
            stop(program, mistakes[0], int(end.code))
        raise
    if mistakes:
        stop(program, mistakes[0], mistakes[0].exit_code)


def explain(error: Exception, arguments: Sequence[str], config_name: str) -> str:
    """Return one line for an error of Hydra's: which override is wrong, why, and what there is instead."""
    text = " ".join(f"{error} {error.__cause__ or ''}".split())
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        options = list(error.options or [])
        return f"{group}={choice}: no such {group}.{did_you_mean(choice, options)} There are: {', '.join(options)}"
    if isinstance(error, OverrideParseException):
        if "=" not in error.override:
            return f"{error.override}: not a setting; say KEY=VALUE, such as model=siamese"
        reason = str(error).splitlines()[0]
        return f"{error.override}: cannot be read ({reason}); quote special characters, such as 'out=\"a=b\"'"
    override = _guilty(text, arguments)
    key = override.split("=")[0].lstrip("+~")
    if "could not be converted" in text:
        wanted = re.search(r"converted to (\w+)", text)
        return f"{override}: must be {_KINDS.get(wanted.group(1), wanted.group(1)) if wanted else 'another type'}"
    if "not in struct" in text or re.search(r"Key '.*' not in '", text) or "not in" in text:
        known = known_keys(key.rpartition(".")[0], arguments, config_name)
        group, _, word = key.rpartition(".")
        elsewhere = " or ".join(f"{group}={choice}" for choice in _choices_with(group, word))
        hint = did_you_mean(word, known) or (f" It belongs to {elsewhere}." if elsewhere else "")
        return f"{override or key}: no such key.{hint} There are: {', '.join(known)}"
    return text[:300] + (f" (in {override})" if override and override not in text else "")


def _not_chosen(arguments: Sequence[str]) -> str:
    """Return one line for a group that is chosen by null or a number; Hydra does not say which group it is."""
    for argument in arguments:
        group, _, choice = argument.partition("=")
        known = choices_of(group)
        if known and not {*choice.split(",")} <= {*known}:
            return f"{argument}: a group is chosen by a name. There are: {', '.join(known)}"
    return "a group is chosen by a name, such as model=siamese"


_KINDS = {"Integer": "a whole number", "Float": "a number", "Boolean": "true or false"}


def _guilty(text: str, arguments: Sequence[str]) -> str:
    """Return the argument that an error is about: the one it quotes, or whose key it names."""
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
    return [path.stem for path in paths if key in OmegaConf.load(path).keys()]  # noqa: SIM118 - "in" overlooks ???


def known_keys(parent: str, arguments: Sequence[str], config_name: str) -> list[str]:
    """Return the keys below ``parent`` as they are with the chosen groups but no other override."""
    config = defaults(arguments, config_name)
    node = OmegaConf.select(config, parent) if parent else config
    return [str(key) for key in node if key != "_target_"] if isinstance(node, DictConfig) else []


@dataclass(frozen=True)
class Job:
    """What a program has to know of Hydra: where it writes, and whether it is one of many."""

    folder: Path
    root: Path | None = None
    """Of the sweep that it is a job of."""
    overrides: list[str] = field(default_factory=list)
    choices: dict[str, str] = field(default_factory=dict)
    """What was chosen of each group, such as ``model: siamese``."""

    @property
    def is_sweep(self) -> bool:
        """Whether it is one of many."""
        return self.root is not None

    @classmethod
    def current(cls) -> "Job":
        """Return the job that is running."""
        config = HydraConfig.get()
        root = Path(config.sweep.dir).absolute() if config.mode == hydra.types.RunMode.MULTIRUN else None
        return cls(Path(config.runtime.output_dir), root, list(config.overrides.task), dict(config.runtime.choices))


def check(config: DictConfig, job: Job, config_name: str) -> None:
    """Refuse what Hydra lets through: a new key at the top, a value that cannot be, or results among the photos.

    The folders that may be written into are marked, so that what is in them is never taken for photos.

    Raises:
        UsageError: If ``+typo=1`` adds a key that nothing reads, or an override gives a word for a number.
    """
    known = [field.name for field in fields(FRAMES[config_name])]
    for key in map(str, config):
        if key not in known:
            raise UsageError(f"{key}: no such key.{did_you_mean(key, known)} There are: {', '.join(known)}")
    if not str(config.out).strip():
        raise UsageError("out: empty; give a folder, such as out=results/mine")
    files = defaults(job.overrides, config_name)
    configuration.check(config, files)
    for override in OverridesParser.create().parse_overrides(job.overrides):
        expected = OmegaConf.select(files, override.key_or_group, default=None)
        if isinstance(expected, bool | int | float) and not override.is_delete():
            _check_type(expected, OmegaConf.select(config, override.key_or_group), override.input_line)
    if config.get("max_failures", 0) < 0:
        raise UsageError(f"max_failures={config.max_failures}: must be 0 or more")
    folders = [job.folder] if job.root is None else [job.folder, job.root]
    if root := OmegaConf.select(config, "data.root"):
        for folder in folders:
            if folder.resolve() == Path(str(root)).expanduser().resolve():
                raise UsageError(
                    f"out={config.out}: is data.root, the photos' own folder; choose one in it or beside it"
                )
    for folder in folders:
        (folder / MARK).touch()


def _check_type(expected: bool | int | float, given: Any, override: str | None) -> None:
    if isinstance(expected, bool) and not isinstance(given, bool):
        raise UsageError(f"{override}: must be true or false")
    if isinstance(expected, int) and not isinstance(given, int):
        raise UsageError(f"{override}: must be a whole number")
    if isinstance(given, bool) != isinstance(expected, bool) or not isinstance(given, int | float):
        raise UsageError(f"{override}: must be a number")
