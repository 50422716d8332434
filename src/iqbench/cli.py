"""Start a program under Hydra, check its config, and end it with one line after a user's mistake."""

import os
import re
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack, chdir
from dataclasses import fields
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from iqbench import config as configuration
from iqbench.arguments import readable
from iqbench.config import CONF_DIR, defaults
from iqbench.config_errors import check_targets, explain, explain_group, explain_yaml
from iqbench.config_help import described
from iqbench.config_schemas import SCHEMAS
from iqbench.config_tree import print_tree
from iqbench.errors import (
    DiskError,
    IqbenchError,
    Stopped,
    UsageError,
    as_disk_error,
    did_you_mean,
    stop,
)
from iqbench.job import Job, own_config_dirs
from iqbench.outputs import MARK
from iqbench.paths import absolute, prepare_environment
from iqbench.terminal import tolerate_lost_output
from iqbench.training.processes import is_main_process
from iqbench.version import iqbench_version

GOES_ON = "finished photos are kept, the same command resumes the run"

NO_NAMES = r"Config group override|argument of type '\w+' is not iterable"
"""What Hydra says where a group is chosen by something else than names."""

ONE_A_RUN = ("model", "data", "engine", "protocol")
"""Groups of which a run has one choice."""

until_the_end = ExitStack()
"""Contexts that a Hydra callback opens for the whole program: Hydra calls no callback after an interruption."""


def launch(task: Callable[[DictConfig], float | None], config_name: str, interrupted: str = GOES_ON) -> None:
    """Run ``task`` under Hydra. A user's mistake ends the process with one line and its exit code.

    Args:
        task: The program, called once per job of a sweep. It returns the value that a hyperparameter search
            optimises, or None.
        config_name: The name of its config file: ``bench``, ``train``, ...
        interrupted: The advice after an interruption.
    """
    tolerate_lost_output()
    program = f"iqbench.{config_name}"
    if "--version" in sys.argv[1:]:  # Hydra would print its own
        sys.stdout.write(f"{program} {iqbench_version()}\n")
        return
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises its errors instead of printing them
    configuration.register()
    OmegaConf.register_new_resolver("iqbench.settings", _settings, replace=True)
    prepare_paths(program)
    mistakes: list[IqbenchError] = []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that open files are closed

    def guarded(config: DictConfig) -> float | None:
        try:
            with as_disk_error(), chdir("."):  # somebody's model may change the folder, and the next job starts here
                return task(config)
        except IqbenchError as error:  # Hydra would print more than one line
            mistakes.append(error)
        except MemoryError:
            mistakes.append(Stopped(f"out of memory; {interrupted}. Close other programs, or use engine.workers=1"))
        except OSError:
            if (folder := Path(HydraConfig.get().runtime.output_dir)).is_dir():
                raise
            mistakes.append(DiskError(f"{folder}: was removed during the run; the same command starts again"))
        return None

    try:
        with as_disk_error(), until_the_end:
            hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name=config_name)(guarded)()
    except (HydraException, OmegaConfBaseException) as error:
        if mistake := _mistake_behind(error):  # out= cannot be used
            stop(program, mistake, mistake.exit_code)
        stop(program, explain(error, sys.argv[1:], config_name), UsageError.exit_code)
    except YAMLError as error:
        stop(program, explain_yaml(error), UsageError.exit_code)
    except (ValueError, TypeError) as error:
        if "No trials are completed" in str(error):  # Optuna asks for the best trial
            stop(program, "all trials of the search failed, for the reasons above", IqbenchError.exit_code)
        if not re.search(NO_NAMES, str(error)):
            raise
        stop(program, explain_group(sys.argv[1:]), UsageError.exit_code)
    except DiskError as error:  # Hydra could not make the folder of the run
        mistakes.append(error)
    except KeyboardInterrupt:
        stop(program, f"interrupted; {interrupted}", 130)
    except SystemExit as end:  # a sweep ends with the exit code of its first failed job
        if mistakes and end.code:
            stop(program, mistakes[0], int(end.code))
        raise
    if mistakes:
        stop(program, mistakes[0], mistakes[0].exit_code)


def _mistake_behind(error: BaseException | None) -> IqbenchError | None:
    """Return the mistake that Hydra has wrapped into an error of its own, if there is one."""
    while error is not None and not isinstance(error, IqbenchError):
        error = error.__cause__ or error.__context__
    return error


def import_from_current_folder() -> None:
    """Make the modules of the current folder importable, as ``python -m`` does, for the console scripts too."""
    if not sys.flags.safe_path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))


def prepare_paths(program: str) -> None:
    """Make the paths of the environment absolute, and the command line readable for Hydra.

    A path that cannot be used, or a current folder that somebody has removed, ends the program.
    """
    try:
        Path.cwd()
        prepare_environment()
        import_from_current_folder()
        sys.argv[1:] = readable(sys.argv[1:])
    except UsageError as error:
        stop(program, error, error.exit_code)
    except FileNotFoundError:
        stop(program, "the current folder no longer exists; change into another one", UsageError.exit_code)


def _settings(*, _root_: DictConfig) -> str:
    """Return the settings for ``--help``; the templates in conf/ call it as ``${iqbench.settings:}``."""
    config = _root_.copy()
    with open_dict(config):
        del config["hydra"]
    runtime = _root_.hydra.runtime
    folders = [CONF_DIR, *(Path(folder.removeprefix("file://")) for folder in own_config_dirs(runtime))]
    choices = {str(group): choice for group, choice in runtime.choices.items()}
    return described(config, choices, folders, _root_.hydra.job.config_name).replace("$", "$$")


def prepare(config: DictConfig, job: Job, config_name: str) -> None:
    """Check a job's config, take the architecture of a checkpoint from its file, and print the config if wanted.

    Raises:
        UsageError: If a value cannot be used, or disagrees with the checkpoint.
    """
    check(config, job, config_name)
    if "model" in config:
        settings = adopt_checkpoint(config.model, lambda: _given(config, job, config_name))
        record = job.folder / ".hydra" / "config.yaml"
        if settings and record.is_file() and is_main_process():
            _add_to_record(record, settings)
    if config.print_config and job.number == 0 and is_main_process():
        print_tree(config, f"iqbench.{config_name}")


def _add_to_record(record: Path, settings: dict[str, Any]) -> None:
    """Add the settings that a checkpoint decides to the config that Hydra has saved, which keeps paths as written."""
    config = DictConfig(OmegaConf.load(record))
    for name, value in settings.items():
        OmegaConf.update(config, f"model.{name}", value, force_add=True)
    OmegaConf.save(config, record)


def adopt_checkpoint(model: DictConfig, given: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Set the architecture in a learned model's config to that of its weights, and return these settings.

    Args:
        model: The ``model`` part of a config.
        given: Returns the settings in it that the user has given; called if there are weights to load.

    Raises:
        CheckpointError: If the file cannot be used, or a given setting disagrees with it.
    """
    if model.get("checkpoint") in (None, "untrained"):
        return {}
    from iqbench.models.checkpoint import checkpoint_file, settings_from_file
    from iqbench.models.learned import Learned

    if not configuration.describes(model, "model", Learned):
        return {}
    family = str(model["_target_"]).rpartition(".")[2].lower()
    file = checkpoint_file(str(model.checkpoint), family)
    if file is None:
        return {}
    if model.checkpoint == "reference":  # the model itself refuses other settings, after those that do not exist
        wanted = given()
        settings = {key: value for key, value in settings_from_file(file, family, {}).items() if key not in wanted}
    else:
        settings = settings_from_file(file, family, given())
    for name, value in settings.items():
        OmegaConf.update(model, name, value, force_add=True)
    return settings


def _given(config: DictConfig, job: Job, config_name: str) -> dict[str, Any]:
    """Return the model settings from the command line or an experiment file: named there, or not the default."""
    overrides = OverridesParser.create().parse_overrides(job.overrides)
    named = {override.key_or_group for override in overrides if not override.is_delete()}
    choice = job.choices.get("model")
    files = configuration.compose(config_name, [f"model={choice}"] if choice else [], job.config_dirs)
    defaults, values = _plain(files.model), _plain(config.model)
    return {key: value for key, value in values.items() if f"model.{key}" in named or defaults.get(key, ...) != value}


def _plain(node: DictConfig) -> dict[str, Any]:
    values = OmegaConf.to_container(node)
    return {str(key): value for key, value in values.items()} if isinstance(values, dict) else {}


def check(config: DictConfig, job: Job, config_name: str) -> None:
    """Refuse mistakes that Hydra accepts: an unknown key at the top, a word for a number, results among the photos.

    The output folders are marked, so that no file in them is ever taken for a photo.

    Raises:
        UsageError: With the key or override.
    """
    keys = [field.name for field in fields(SCHEMAS[config_name])]
    for key in map(str, config):
        if key not in keys:
            raise UsageError(f"{key}: no such key.{did_you_mean(key, keys)} There are: {', '.join(keys)}")
    if not str(config.out).strip():
        raise UsageError("out: empty; give a folder, such as out=results/mine")
    for override in OverridesParser.create().parse_overrides(job.overrides):
        chosen: Any = override.value()
        if override.key_or_group in ONE_A_RUN and isinstance(chosen, list):
            group, names = override.key_or_group, ",".join(map(str, chosen))
            raise UsageError(
                f"{override.input_line}: one choice of {group} a run; -m {group}={names} runs them one after the other"
            )
    check_targets(job.choices, job.config_dirs)
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
            if folder.resolve() == absolute(str(root), "data.root").resolve():
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
