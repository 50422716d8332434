"""What the wheel carries."""

import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from iqbench.config import CONF_DIR

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    built = next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"]))
    return set(zipfile.ZipFile(built).namelist())


def test_the_wheel_carries_every_config_file(wheel: set[str]) -> None:
    assert {f"iqbench/conf/{path.relative_to(CONF_DIR).as_posix()}" for path in CONF_DIR.rglob("*.yaml")} <= wheel


def test_the_wheel_carries_the_reference_weights_and_their_card(wheel: set[str]) -> None:
    names = ("siamese.safetensors", "ava.safetensors", "MODEL_CARD.md")
    assert {f"iqbench/weights/{name}" for name in names} <= wheel


def test_the_wheel_carries_the_template_of_the_report(wheel: set[str]) -> None:
    assert "iqbench/reporting/report.html.j2" in wheel
    assert "iqbench/reporting/sections/verdict.html.j2" in wheel
