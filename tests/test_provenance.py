"""The versions that results depend on."""

import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from iqbench import version as iqbench_versions
from iqbench.provenance import versions
from iqbench.version import iqbench_version


def installed(versions: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let only these distributions be installed."""

    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(iqbench_versions.metadata, "version", version)


def test_the_version_is_that_of_the_checkout_even_if_nothing_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())
    for distributions in ({}, {"iqbench": "0.0.1"}):  # an editable install keeps an old version
        installed(distributions, monkeypatch)
        assert iqbench_version() == project["project"]["version"]


def test_the_version_of_an_installed_package_is_that_of_its_metadata(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "iqbench"
    package.mkdir(parents=True)
    monkeypatch.setattr(iqbench_versions, "_PACKAGE", package)
    installed({"iqbench": "7.8.9"}, monkeypatch)
    assert iqbench_version() == "7.8.9"
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "other"\nversion = "1.0"\n')
    assert iqbench_version() == "7.8.9"
    installed({}, monkeypatch)
    assert iqbench_version() == "unknown"


def test_a_distribution_that_is_missing_has_no_version_and_opencv_has_that_of_any_of_its_distributions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed({"torch": "2.6", "opencv-python": "4.11"}, monkeypatch)
    releases = versions()
    assert (releases["torch"], releases["timm"], releases["opencv-python"]) == ("2.6", "unknown", "4.11")
    assert "opencv-python-headless" not in releases
    installed({}, monkeypatch)
    assert versions()["opencv-python-headless"] == "unknown"
