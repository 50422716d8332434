"""Fingerprints, versions and training provenance."""

import importlib
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
from torch import nn

from iqbench import provenance
from iqbench.provenance import (
    custom_code,
    fingerprint,
    iqbench_version,
    photos_seen_in_training,
    training_provenance,
    versions,
    was_seen,
)

MINE = {"_target_": "a_model_of_mine.Model", "size": 3}


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "a_model_of_mine.py"
    file.write_text("class Model:\n    scale = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "a_model_of_mine", raising=False)
    importlib.invalidate_caches()
    return file


def test_a_model_whose_code_was_edited_is_another_model(code: Path) -> None:
    original_fingerprint = fingerprint(nn.Identity(), MINE)
    assert fingerprint(nn.Identity(), MINE) == original_fingerprint
    code.write_text("class Model:\n    scale = 2\n")
    assert fingerprint(nn.Identity(), MINE) != original_fingerprint


def test_own_code_is_found_wherever_it_is_called_and_ours_is_none(code: Path) -> None:
    ours = {"_target_": "iqbench.models.siamese.Siamese", "list": [1, {"a": None}], "text": "_target_"}
    assert custom_code(ours) == ""
    assert custom_code({"blur": ours | {"levels": [{"kernel": MINE}]}}) == custom_code(MINE) != ""


def test_a_model_is_told_apart_by_its_settings_and_weights_but_not_by_where_they_lie() -> None:
    def told(weight: float, **settings: object) -> str:
        net = nn.Linear(1, 1, bias=False)
        nn.init.constant_(net.weight, weight)
        return fingerprint(net, settings)

    assert told(1.0, size=3, checkpoint="a") == told(1.0, checkpoint="b", size=3)
    assert len({told(1.0, size=3), told(1.0, size=4), told(2.0, size=3)}) == 3


def installed(versions: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let only these distributions be installed."""

    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(provenance.metadata, "version", version)


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
    monkeypatch.setattr(provenance, "_PACKAGE", package)
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


def test_photos_seen_in_training_are_known_by_the_start_of_their_sha256() -> None:
    model = SimpleNamespace(trained_on={"what": "100 photos", "photos": ["0123456789abcdef"]})
    seen_photos = photos_seen_in_training(model)
    assert training_provenance(model) == {"what": "100 photos"}
    assert was_seen("0123456789abcdef" + "0" * 48, seen_photos)
    assert not was_seen("1" * 64, seen_photos)
    assert not was_seen(None, seen_photos)
    assert photos_seen_in_training(object()) == frozenset()
    assert training_provenance(object()) == {}
