"""Every choice of every config group composes and, where cheap, builds: a new YAML needs no new test."""

from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import hydra
import pytest
from lightning import Callback
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf

from iqbench import config
from iqbench.config_schemas import SCHEMAS
from iqbench.errors import UsageError
from iqbench.training.trainer import make_trainer

PROGRAMS = sorted(SCHEMAS)
CHOICES = [
    (path.parent.name, path.stem) for path in sorted(config.CONF_DIR.glob("*/*.yaml")) if path.parent.name != "hydra"
]
GROUPS = sorted({group for group, _ in CHOICES})
OPTIONAL_PACKAGES = {"wandb": "wandb", "mlflow": "mlflow"}


def programs_with(group: str) -> list[str]:
    return [program for program in PROGRAMS if group in SCHEMAS[program].__dataclass_fields__]


def without_hydra(node: DictConfig, folder: Path) -> DictConfig:
    """Return a copy of a node with a folder in place of Hydra's, which is known in a job only."""
    text = OmegaConf.to_yaml(node).replace("${hydra:runtime.output_dir}", str(folder))
    return OmegaConf.create(text)  # type: ignore[return-value]


def nodes_of(group: str, choice: str, folder: Path) -> DictConfig:
    return without_hydra(config.compose("train", [f"{group}={choice}"])[group], folder)


def test_every_group_belongs_to_a_program() -> None:
    assert {"logger", "paths", "hparams_search", "trainer", "callbacks", "model", "data"} <= set(GROUPS)
    assert [group for group in GROUPS if not programs_with(group)] == []


@pytest.mark.slow
@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_choice_composes_with_every_program(group: str, choice: str) -> None:
    for program in programs_with(group):
        composed = config.compose(program, [f"{group}={choice}", "name=test", "out=nowhere"])
        config.check(composed, config.defaults([f"{group}={choice}"], program))


@pytest.mark.parametrize("choice", config.choices_of("logger"))
def test_every_logger_builds_or_names_the_package_that_it_needs(choice: str, tmp_path: Path) -> None:
    composed = config.compose("train", [f"logger={choice}", "trainer=cpu", "callbacks=progress"])
    composed.logger = nodes_of("logger", choice, tmp_path)
    package = OPTIONAL_PACKAGES.get(choice)
    if package and find_spec(package) is None:
        with pytest.raises(UsageError) as error:
            make_trainer(composed, tmp_path)
        assert str(error.value) == f"logger={choice} needs the package {package}: pip install {package}"
        return
    trainer = make_trainer(composed, tmp_path)
    assert len(trainer.loggers) == (0 if choice == "none" else 1)
    assert all(isinstance(logger, Logger) for logger in trainer.loggers)


def test_several_loggers_can_be_chosen(tmp_path: Path) -> None:
    composed = config.compose("train", ["logger=[tensorboard,csv]"])
    assert list(composed.logger) == ["tensorboard", "csv"]
    composed.logger = without_hydra(composed.logger, tmp_path)
    assert len(make_trainer(config_without_callbacks(composed), tmp_path).loggers) == 2


def config_without_callbacks(composed: DictConfig) -> DictConfig:
    composed.callbacks = {}
    return composed


@pytest.mark.parametrize("choice", config.choices_of("callbacks"))
def test_every_callback_builds(choice: str, tmp_path: Path) -> None:
    nodes = nodes_of("callbacks", choice, tmp_path)
    callbacks = [config.build(nodes[name], f"callbacks.{name}") for name in map(str, nodes)]
    assert callbacks
    assert all(isinstance(callback, Callback) for callback in callbacks)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("default", {"accelerator": "auto", "devices": 1, "strategy": "auto"}),
        ("cpu", {"accelerator": "cpu", "devices": 1}),
        ("gpu", {"accelerator": "gpu", "devices": 1, "precision": "bf16-mixed"}),
        ("mps", {"accelerator": "mps", "devices": 1}),
        ("ddp", {"devices": "auto", "strategy": "ddp", "sync_batchnorm": True}),
    ],
)
def test_every_trainer_builds_with_atomic_checkpoints(choice: str, expected: dict[str, Any]) -> None:
    built: partial[Any] = config.build(config.compose("train", [f"trainer={choice}"]).trainer, "trainer")
    assert expected.items() <= built.keywords.items()
    assert [type(plugin).__name__ for plugin in built.keywords["plugins"]] == ["AtomicCheckpointIO"]
    assert choice in {"default", "cpu", "gpu", "mps", "ddp"} == set(config.choices_of("trainer"))


@pytest.mark.parametrize("choice", config.choices_of("hparams_search"))
def test_every_search_varies_settings_that_exist_and_optimises_a_metric(choice: str) -> None:
    config.register_schemas()
    with hydra.initialize_config_dir(str(config.CONF_DIR), version_base="1.3"):
        composed = hydra.compose("train", [f"hparams_search={choice}"], return_hydra_config=True)
    sweeper = composed.hydra.sweeper
    assert sweeper._target_.endswith("OptunaSweeper")
    assert sweeper.params
    for key in sweeper.params:
        assert OmegaConf.select(composed, key) is not None, key
    assert (composed.optimized_metric, str(sweeper.direction)) in {
        ("val/accuracy", "maximize"),
        ("val/srcc", "maximize"),
    }


def test_the_environment_says_where_results_and_data_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RESULTS": "/r", "PHOTOTRIAGE": "/p", "AVA": "/a", "CACHE": "/c"}.items():
        monkeypatch.setenv(f"IQBENCH_{name}", value)
    triage, ava = config.compose("train", ["data=phototriage"]), config.compose("train", ["data=ava"])
    assert (triage.data.root, triage.data.cache, ava.data.root, ava.data.cache) == ("/p", "/c", "/a", "/c")
    assert str(OmegaConf.to_container(triage)["out"]).startswith("${paths.results}/train/")  # type: ignore[index,call-overload]
    assert triage.paths.results == "/r"
