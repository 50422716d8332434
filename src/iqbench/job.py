"""The job that Hydra runs: its folder, its sweep, its overrides and choices."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hydra
from hydra.conf import RuntimeConf
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from iqbench import commands


@dataclass(frozen=True)
class Job:
    """The job that Hydra runs: its folder, and the sweep that it belongs to."""

    folder: Path
    root: Path | None = None
    """The folder of the sweep, None for a single run."""
    number: int = 0
    """The number in the sweep."""
    overrides: list[str] = field(default_factory=list)
    choices: dict[str, str] = field(default_factory=dict)
    """The chosen name of each group, such as ``model: siamese``."""
    config_dirs: list[str] = field(default_factory=list)
    """The user's own config folders, in which choices were looked up as well."""

    @property
    def is_sweep(self) -> bool:
        """True if the job belongs to a sweep."""
        return self.root is not None

    @classmethod
    def current(cls) -> "Job":
        """Return the running job."""
        config = HydraConfig.get()
        given = list(config.overrides.task), dict(config.runtime.choices), own_config_dirs(config.runtime)
        if config.mode != hydra.types.RunMode.MULTIRUN:
            return cls(Path(config.runtime.output_dir), None, 0, *given)
        root = Path(config.sweep.dir).absolute()
        return cls(Path(config.runtime.output_dir), root, int(config.job.num), *given)

    def command(self, program: str, without: Collection[str] = ()) -> str:
        """Return the command of this job alone, as it is typed in a shell.

        Args:
            program: The name of the program, such as ``bench``.
            without: Settings, or groups of settings, that are left out.

        Example:
            >>> Job(Path(), overrides=["model=iqa", "out=a", "data.root=my photos"]).command("bench", without=["out"])
            "python -m iqbench.bench model=iqa 'data.root=my photos'"
        """
        left_out = ("hydra", *without)
        kept = [
            text for text in self.overrides if re.split(r"[.=/@]", text.lstrip("+~"), maxsplit=1)[0] not in left_out
        ]
        return commands.command(program, *commands.config_folders(self.config_dirs), *kept)


def own_config_dirs(runtime: RuntimeConf) -> list[str]:
    """Return the user's own config folders of a Hydra run: ``--config-dir`` and ``hydra.searchpath``."""
    own = ("command-line", "hydra.searchpath")
    return [f"{source.schema}://{source.path}" for source in runtime.config_sources if source.provider.startswith(own)]


def choice(group: str, *, _root_: DictConfig) -> str:
    """Return what a run has chosen of a group; conf/ calls it as ``${iqbench.choice:degradation}``.

    Of several choices, which Hydra does not name, the names are joined: ``blur+noise``.
    """
    name = _root_.hydra.runtime.choices.get(group)
    if name is not None:
        return str(name)
    for override in OverridesParser.create().parse_overrides(list(_root_.hydra.overrides.task)):
        names: Any = override.value()
        if override.key_or_group == group and isinstance(names, list):
            return "+".join(map(str, names))
    return "none"


OmegaConf.register_new_resolver("iqbench.choice", choice, replace=True)
