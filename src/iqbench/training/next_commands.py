"""The commands that benchmark and evaluate a trained checkpoint."""

from collections.abc import Mapping, Sequence

from omegaconf import DictConfig

from iqbench import config as configuration
from iqbench.commands import command, config_folders, override
from iqbench.datasets.labelled import LabelledPhotos


def next_commands(
    config: DictConfig, choices: Mapping[str, str], checkpoint: str, config_dirs: Sequence[str] = ()
) -> list[str]:
    """Return the commands that benchmark and, on labelled data, evaluate a checkpoint.

    Args:
        config: The config of the training.
        choices: The chosen name of each group.
        checkpoint: The checkpoint file.
        config_dirs: The user's own config folders, such as ``file:///home/me/myconf``, in which the choices may lie.
    """
    choice, data = choices["model"], choices["data"]
    common = config_folders(config_dirs)
    common += [override("model", choice), override("model.checkpoint", checkpoint)]
    commands = [command("bench", *common)]
    if configuration.describes(config.data, "data", LabelledPhotos):
        files = configuration.compose("train", [f"model={choice}", f"data={data}"], config_dirs)
        place = [override("data", data), *_changed(config, files)]
        commands.append(command("evaluate", *common, *place))
    return commands


def _changed(config: DictConfig, files: DictConfig) -> list[str]:
    """Return the overrides of the data and the seed that differ from the config files."""
    overrides = [] if config.seed == files.seed else [override("seed", config.seed)]
    for key in map(str, config.data):
        default = files.data.get(key) if key != "seed" else config.seed  # data.seed follows seed
        if config.data[key] != default:
            overrides.append(override(f"{'' if key in files.data else '+'}data.{key}", config.data[key]))
    return overrides
