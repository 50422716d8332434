"""iqbench composes its own configs, whatever else uses Hydra in the process, and leaves that as it was."""

import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hydra
import pytest
from hydra import version
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

import iqbench
from fixtures.command_line import run
from iqbench import config


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    yield
    GlobalHydra.instance().clear()
    HydraConfig.instance().cfg = None
    ConfigStore.instance().repo.pop("bench_schema.yaml", None)
    ConfigStore.instance().repo.pop("iqbench_bench_schema.yaml", None)


@dataclass
class Theirs:
    """A config of another program, under a name that iqbench used once."""

    model: str = "theirs"


def start_other_program(folder: Path, version_base: str | None) -> None:
    (folder / "bench.yaml").write_text("defaults: [bench_schema, _self_]\nmodel: other\n")
    ConfigStore.instance().store(name="bench_schema", node=Theirs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hydra.initialize_config_dir(str(folder), version_base=version_base)


@pytest.mark.parametrize("version_base", ["1.1", "1.2", "1.3", None])
def test_a_program_that_uses_hydra_loads_a_model_and_keeps_its_state(tmp_path: Path, version_base: str | None) -> None:
    start_other_program(tmp_path, version_base)
    before = (GlobalHydra.instance().hydra, version.getbase(), dict(ConfigStore.instance().repo))
    OmegaConf.register_new_resolver("iqbench_test", lambda: "theirs", replace=True)
    assert type(iqbench.load("iqa").model).__name__ == "Rules"
    assert (GlobalHydra.instance().hydra, version.getbase(), dict(ConfigStore.instance().repo)) == before
    assert OmegaConf.create({"x": "${iqbench_test:}"}).x == "theirs"
    assert hydra.compose("bench").model == "other"


def test_a_mistake_leaves_the_state_too(tmp_path: Path) -> None:
    start_other_program(tmp_path, "1.2")
    before = (GlobalHydra.instance().hydra, version.getbase(), dict(ConfigStore.instance().repo))
    with pytest.raises(hydra.errors.HydraException):
        config.compose("bench", ["model=siamse"])
    assert (GlobalHydra.instance().hydra, version.getbase(), dict(ConfigStore.instance().repo)) == before


def test_it_loads_after_somebody_cleared_hydra(tmp_path: Path) -> None:
    start_other_program(tmp_path, "1.3")
    GlobalHydra.instance().clear()
    assert iqbench.load("contrast").named.name == "contrast"
    assert not GlobalHydra.instance().is_initialized()


def test_many_threads_compose_at_once() -> None:
    names: list[str] = []
    errors: list[BaseException] = []

    def work(name: str) -> None:
        try:
            names.append(str(config.compose("bench", [f"model={name}"]).model._target_))
        except BaseException as error:  # noqa: BLE001 - shown below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("iqa", "siamese", "ava", "contrast")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(name.rpartition(".")[2] for name in names) == ["Ava", "Rules", "Rules", "Siamese"]


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [[], ["hydra.job.chdir=true"], ["-m", "x=1,2"]], ids=["job", "chdir", "sweep"])
def test_a_job_of_another_hydra_program_loads_a_model(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "bench.yaml").write_text("x: 1\nmodel: theirs\n")
    (tmp_path / "app.py").write_text(
        "import hydra\n"
        "from hydra.core.hydra_config import HydraConfig\n"
        "@hydra.main(version_base='1.3', config_path='conf', config_name='bench')\n"
        "def main(theirs):\n"
        "    import iqbench\n"
        "    judge = iqbench.load('iqa')\n"
        "    print(type(judge.model).__name__, theirs.model, HydraConfig.get().job.name, hydra.compose('bench').x)\n"
        "main()\n"
    )
    ended = subprocess.run([sys.executable, "app.py", *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    printed = [line for line in ended.stdout.splitlines() if line.startswith("Rules")]
    assert printed == ["Rules theirs app 1"] * (2 if "-m" in arguments else 1)


def test_choices_of_the_users_own_folder_are_known_after_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "conf" / "model").mkdir(parents=True)
    own = "_target_: iqbench.models.rules.Rules\nweights: {contrast: 1.0}\nclipped: true\nspecial: 1\n"
    (tmp_path / "conf" / "model" / "mine.yaml").write_text(own)
    outcome = run("bench", "--config-dir", tmp_path / "conf", "model=mine", "model.specal=2", f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 2
    assert "model.specal=2: no such key. Did you mean 'special'?" in outcome.last_line
