"""Metrics of pyiqa through the adapter, with a stand-in for the package; the real one has its own tests."""

import pickle
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import timm
import torch

from fixtures import pyiqa_stand_in
from fixtures.error_texts import without_place
from fixtures.photos import noisy_gradient
from iqbench.errors import CheckpointError, MissingResource, UsageError
from iqbench.inference.batching import Batcher
from iqbench.inference.engine_config import EngineConfig
from iqbench.inference.failures import Failure
from iqbench.models.adapters.pyiqa_loading import metrics
from iqbench.models.adapters.pyiqa_metric import PyiqaMetric
from iqbench.provenance import fingerprint


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Install the stand-in, with an empty cache in a folder of the test."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    with pyiqa_stand_in.installed(tmp_path / "site", monkeypatch):
        yield tmp_path / "torch" / "hub" / "pyiqa"


def scores(metric: PyiqaMetric, *photos: np.ndarray) -> list[float]:
    return [metric.encode(metric.prepare(photo).unsqueeze(0)).item() for photo in photos]


def saved(file: Path, bias: float) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"params": {"bias": torch.tensor([bias])}}, file)
    return str(file)


def test_a_photo_reaches_the_metric_as_rgb_from_0_to_1_at_its_own_size() -> None:
    photo = noisy_gradient(37, 53)
    assert scores(PyiqaMetric("bright", None), photo) == pytest.approx([photo.mean() / 255], abs=1e-6)


def test_a_metric_of_which_lower_is_better_is_negated() -> None:
    photo = noisy_gradient(40, 40)
    assert scores(PyiqaMetric("dark", None), photo)[0] == -scores(PyiqaMetric("bright", None), photo)[0]


def test_each_picture_of_a_batch_is_scored_by_itself_and_padding_only_once() -> None:
    metric = PyiqaMetric("bright", None)
    batch = torch.stack([metric.prepare(noisy_gradient(40, 40, seed=seed)) for seed in (0, 1, 1, 1)])
    calls = []
    metric.network.register_forward_hook(lambda *_: calls.append(1))
    assert metric.encode(batch)[:, 0].tolist() == [metric.encode(each[None]).item() for each in batch]
    assert len(calls) == 2 + 4


def test_lower_precision_is_not_used_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    metric = PyiqaMetric("bright", None)
    picture = metric.prepare(noisy_gradient(40, 40)).unsqueeze(0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = [metric.encode(picture).item() for _ in range(2)]
    assert low == [metric.encode(picture).item()] * 2
    assert [record.message for record in caplog.records].count(
        "engine.precision: metrics of pyiqa are computed in fp32 all the same"
    ) == 1


def test_a_metric_that_fails_on_a_small_photo_costs_only_the_answer_about_it() -> None:
    metric = PyiqaMetric("small_only", None)
    with Batcher[int](metric, EngineConfig.for_api("cpu", batch_size=2, workers=0)) as batcher:
        pictures = [noisy_gradient(side, 50) for side in (50, 30, 60)]
        put = [(at, metric.prepare(picture).unsqueeze(0)) for at, picture in enumerate(pictures)]
        answers = [*(each for part in put for each in batcher.put(*part)), *batcher.flush()]
    failed = {tag: without_place(answer.error) for tag, _, answer in answers if isinstance(answer, Failure)}
    assert failed == {1: "RuntimeError: Kernel size can't be greater than actual input size"}


def test_a_metric_that_gives_two_numbers_is_said_to() -> None:
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        scores(PyiqaMetric("pair_of_numbers", None), noisy_gradient(40, 40))


def test_a_copy_for_workers_prepares_photos_and_carries_no_network(tmp_path: Path) -> None:
    metric = PyiqaMetric("loaded", saved(tmp_path / "bias-1.pth", 1.0))
    copy = pickle.loads(pickle.dumps(metric))
    photo = noisy_gradient(40, 60)
    assert torch.equal(copy.prepare(photo), metric.prepare(photo))
    assert list(copy.parameters()) == []
    assert len(list(metric.parameters())) == 1


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        ("brigth", r"no such metric\. Did you mean 'bright'\? There are: bright, dark"),
        ("psnr", "compares a photo with its original"),
        ("fid", "compares two sets of photos"),
    ],
)
def test_what_does_not_score_a_single_photo_is_refused_with_the_reason(metric: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        PyiqaMetric(metric, None)
    assert metric not in metrics()


def test_an_import_error_that_pyiqa_would_hide_is_shown() -> None:
    with pytest.raises(MissingResource, match=r"No module named 'a_package_that_nobody_has'.*pip install a_package"):
        PyiqaMetric("broken", None)


def test_without_pyiqa_the_command_that_installs_it_and_its_licence_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingResource, match=r"non-commercial.*pip install --no-deps pyiqa==0\.1\.16"):
        PyiqaMetric("bright", None)


def test_a_missing_file_is_named_with_its_address_and_its_place(hub: Path) -> None:
    with pytest.raises(MissingResource) as refused:
        PyiqaMetric("loaded", None)
    for part in ("https://example.invalid/IQA-PyTorch-Weights/bias-1.pth", str(hub / "bias-1.pth"), "no network"):
        assert part in str(refused.value)


def test_weights_come_from_the_cache_a_file_or_a_folder(hub: Path, tmp_path: Path) -> None:
    saved(hub / "bias-1.pth", 1.0)
    file, folder = saved(tmp_path / "my weights.pth", 2.0), saved(tmp_path / "folder" / "bias-1.pth", 3.0)
    photo = np.zeros((40, 40, 3), np.uint8)
    found = [scores(PyiqaMetric("loaded", given), photo)[0] for given in (None, file, str(Path(folder).parent))]
    assert found == [1.0, 2.0, 3.0]


def test_one_file_for_a_metric_of_several_is_refused_with_their_names(tmp_path: Path) -> None:
    file = saved(tmp_path / "mine.pth", 2.0)
    with pytest.raises(UsageError, match=r"several files \(bias-1\.pth, bias-2\.pth\); give the folder"):
        PyiqaMetric("two_files", file)


@pytest.mark.parametrize("metric", ["bright", "loaded"])
def test_weights_that_the_metric_does_not_read_are_refused(hub: Path, tmp_path: Path, metric: str) -> None:
    saved(hub / "bias-1.pth", 1.0)
    saved(tmp_path / "folder" / "other.pth", 1.0)
    with pytest.raises(UsageError, match=rf"not used by model\.metric={metric}"):
        PyiqaMetric(metric, str(tmp_path / "folder"))


def test_weights_that_do_not_exist_do_not_fit_or_are_damaged_are_refused(tmp_path: Path) -> None:
    wrong, damaged = tmp_path / "wrong.pth", tmp_path / "damaged.pth"
    torch.save({"params": {"other": torch.zeros(1)}}, wrong)
    damaged.write_bytes(b"<html>404</html>")
    for file, reason in ((wrong, "cannot be built from .*wrong.pth"), (damaged, "damaged.pth is damaged")):
        with pytest.raises(CheckpointError, match=reason):
            PyiqaMetric("loaded", str(file))
    with pytest.raises(MissingResource, match="no such file or folder"):
        PyiqaMetric("loaded", str(tmp_path / "nowhere"))


@pytest.mark.parametrize("in_cache", [True, False])
def test_a_pickle_that_would_run_code_is_never_run(hub: Path, tmp_path: Path, in_cache: bool) -> None:
    class Malicious:
        def __reduce__(self) -> tuple[object, ...]:
            return (tmp_path.joinpath("canary").touch, ())

    file = (hub if in_cache else tmp_path) / "bias-1.pth"
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"params": Malicious()}, file)
    with pytest.raises(CheckpointError, match="never run"):
        PyiqaMetric("loaded", None if in_cache else str(file))
    assert not (tmp_path / "canary").exists()


def test_imagenet_weights_are_not_downloaded_where_the_metric_overwrites_them(tmp_path: Path) -> None:
    network = timm.create_model("test_vit", num_classes=1)
    torch.save({f"base.{name}": value for name, value in network.state_dict().items()}, tmp_path / "backbone.pth")
    metric = PyiqaMetric("backbone", str(tmp_path / "backbone.pth"))
    assert all(
        torch.equal(value, metric.network.net.base.state_dict()[name]) for name, value in network.state_dict().items()
    )


def test_a_backbone_that_the_metric_does_not_overwrite_is_refused(tmp_path: Path) -> None:
    torch.save(timm.create_model("test_vit", num_classes=1).head.state_dict(), tmp_path / "backbone.pth")
    with pytest.raises(CheckpointError, match=r"leaves NaN in net\.base\."):
        PyiqaMetric("half_backbone", str(tmp_path / "backbone.pth"))


def test_what_is_changed_to_load_a_metric_is_as_before_afterwards(tmp_path: Path) -> None:
    load, pretrained = torch.load, timm.models._builder.load_pretrained
    PyiqaMetric("loaded", saved(tmp_path / "bias-1.pth", 1.0))
    with pytest.raises(MissingResource):
        PyiqaMetric("two_files", None)
    assert torch.load is load
    assert timm.models._builder.load_pretrained is pretrained
    assert sys.modules["pyiqa.archs.simple_arch"].load_file_from_url.__module__ == "pyiqa.utils.download_util"
    assert not hasattr(sys.modules["pyiqa.archs.simple_arch"].load_file_from_url, "__wrapped__")


def test_other_weights_and_another_metric_are_another_model(tmp_path: Path) -> None:
    def fingerprint_of(metric: str, weights: str | None) -> str:
        settings = {
            "_target_": "iqbench.models.adapters.pyiqa_metric.PyiqaMetric",
            "metric": metric,
            "weights": weights,
        }
        return fingerprint(PyiqaMetric(metric, weights), settings)

    first = fingerprint_of("loaded", saved(tmp_path / "a" / "bias-1.pth", 1.0))
    assert fingerprint_of("loaded", saved(tmp_path / "b" / "bias-1.pth", 1.0)) == first
    others = [fingerprint_of("loaded", saved(tmp_path / "c.pth", 2.0)), fingerprint_of("bright", None)]
    assert len({first, *others, fingerprint_of("dark", None)}) == 4
