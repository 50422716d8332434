"""A checkpoint file is all that is needed to use it; what is given and disagrees is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

import iqbench
from fixtures.command_line import run
from fixtures.labelled_sets import write_pairs
from fixtures.tiny_models import ava, siamese
from iqbench.errors import CheckpointError
from iqbench.models.ava import Ava
from iqbench.models.checkpoint import Weights, export_head, settings_from_file
from iqbench.models.siamese import Siamese

BENCH = ("degradation=blur", "engine.workers=0", "gallery=0", "data=folder")
TRAIN = ("trainer=cpu", "trainer.max_epochs=1", "examples.workers=0", "degradation=blur", "logger=none", "data=folder")
REPEATED = ("model.backbone=tiny", "model.weights=none", "model.size=32", "model.preprocessing=squash")


def saved(model: Siamese | Ava, path: Path, **card: Any) -> Path:
    """Write the checkpoint of a model that was trained by somebody else."""
    content: dict[str, Any] = {"state_dict": model.state_dict()}
    model.on_save_checkpoint(content)
    content["iqbench"] |= card
    torch.save(content, path)
    return path


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A siamese of size 32 with a head of width 8: nothing as in conf/model/siamese.yaml."""
    return saved(siamese(), tmp_path / "siamese.ckpt")


def summary(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "summary.json").read_text())


def test_a_benchmark_needs_the_file_alone_and_records_its_architecture(
    checkpoint: Path, folder: Path, tmp_path: Path
) -> None:
    outcome = run("bench", f"model.checkpoint={checkpoint}", *BENCH, f"data.root={folder}", f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 0, outcome.err
    recorded = summary(tmp_path / "out")["runs"][0]["details"]["config"]["model"]
    written = OmegaConf.load(tmp_path / "out" / ".hydra" / "config.yaml").model
    for model in (recorded, written):
        architecture = {key: model[key] for key in ("backbone", "preprocessing", "size", "head_width", "weights")}
        assert architecture == {
            "backbone": "tiny", "preprocessing": "squash", "size": 32, "head_width": 8, "weights": "none",
        }  # fmt: skip


@pytest.mark.slow
def test_a_store_goes_on_whether_the_architecture_is_repeated_or_not(
    checkpoint: Path, folder: Path, tmp_path: Path
) -> None:
    common = (f"model.checkpoint={checkpoint}", *BENCH, f"data.root={folder}", f"out={tmp_path / 'out'}")
    fingerprints = []
    for overrides in ((), (*REPEATED, "model.head_width=8"), ("model.weights=pretrained",)):
        outcome = run("bench", *common, *overrides)
        assert outcome.exit_code == 0, outcome.err
        fingerprints.append(summary(tmp_path / "out")["models"]["siamese"]["fingerprint"])
    assert len(set(fingerprints)) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("model.head_width=16", "trained with model.head_width=8, but model.head_width=16 was given; leave it out"),
        ("model.head_width=256", "trained with model.head_width=8, but model.head_width=256 was given"),  # the default
        ("model.backbone=resnet50", "trained with model.backbone=tiny, but model.backbone=resnet50 was given"),
        ("model=ava", "a checkpoint of model=siamese, not of model=ava"),
    ],
)
@pytest.mark.parametrize("program", ["bench", "evaluate", "train"])
def test_what_is_given_and_disagrees_is_refused_in_one_line(
    checkpoint: Path, folder: Path, tmp_path: Path, program: str, override: str, reason: str
) -> None:
    locations = ("data=folder", f"data.root={folder}", f"out={tmp_path / 'out'}")
    outcome = run(program, f"model.checkpoint={checkpoint}", override, *locations)
    assert outcome.exit_code == 2
    assert outcome.err.startswith(f"iqbench.{program}: {checkpoint}: {reason}")
    assert len(outcome.err.splitlines()) == 1


def test_an_experiment_that_disagrees_is_refused(checkpoint: Path, folder: Path, tmp_path: Path) -> None:
    locations = ("data=folder", f"data.root={folder}", f"out={tmp_path / 'out'}")
    outcome = run("train", "experiment=best_siamese", f"model.checkpoint={checkpoint}", *locations)
    assert outcome.exit_code == 2
    assert "but model.backbone=convnext_tiny model.preprocessing=pad was given" in outcome.last_line


def test_an_evaluation_needs_the_file_alone(checkpoint: Path, tmp_path: Path) -> None:
    write_pairs(tmp_path / "set")
    data = ("data=pairs", f"data.file={tmp_path / 'set' / 'list.csv'}", f"data.cache={tmp_path / 'cache'}")
    outcome = run("evaluate", f"model.checkpoint={checkpoint}", *data, "engine.workers=0", f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 0, outcome.err


def test_the_api_needs_the_file_alone(checkpoint: Path, folder: Path) -> None:
    judge = iqbench.load("siamese", checkpoint=str(checkpoint))
    assert isinstance(judge.model, Siamese)
    assert (judge.model.size, judge.model.head_width) == (32, 8)
    photos = sorted(folder.iterdir())
    assert judge.compare(photos[0], photos[1]).margin == -judge.compare(photos[1], photos[0]).margin
    with pytest.raises(CheckpointError, match="a checkpoint of model=siamese, not of model=ava"):
        iqbench.load("ava", checkpoint=str(checkpoint))


def test_training_starts_from_the_weights_of_the_file_and_says_how_to_use_the_new_one(
    checkpoint: Path, folder: Path, tmp_path: Path
) -> None:
    still = "model.optimizer={name: SGD, lr: 0.0, backbone_lr: 0.0, layer_decay: 1.0}"
    locations = (f"data.root={folder}", f"out={tmp_path / 'out'}")
    outcome = run("train", f"model.checkpoint={checkpoint}", still, *TRAIN, *locations)
    assert outcome.exit_code == 0, outcome.err
    best = tmp_path / "out" / "checkpoints" / "best.ckpt"
    before, after = (torch.load(path, weights_only=True)["state_dict"] for path in (checkpoint, best))
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert outcome.last_line == f"python -m iqbench.bench model=siamese model.checkpoint={best}"


def test_a_regressor_of_the_mean_vote_needs_the_file_alone(folder: Path, tmp_path: Path) -> None:
    file = saved(ava(output="mean", losses={"votes": "mse"}), tmp_path / "mean.ckpt")
    locations = (f"data.root={folder}", f"out={tmp_path / 'out'}")
    outcome = run("bench", "model=ava", f"model.checkpoint={file}", *BENCH, *locations)
    assert outcome.exit_code == 0, outcome.err


def test_a_complete_file_reads_no_packaged_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lite = {"backbone": "tf_efficientnet_lite0", "frozen": True}
    model = siamese(**lite, weights="none")
    file = saved(model, tmp_path / "lite.ckpt")
    monkeypatch.setattr("iqbench.models.backbone._packaged_weights", None)
    loaded_model = siamese(**lite, weights="packaged", checkpoint=str(file), seed=1)
    assert all(torch.equal(value, loaded_model.state_dict()[name]) for name, value in model.state_dict().items())
    assert not loaded_model.is_head_on_packaged_backbone  # its head alone would be completed by another backbone
    assert settings_from_file(file, "siamese", {})["weights"] == "packaged"  # as older runs have recorded it


def test_the_statistics_of_a_file_are_kept_unless_they_are_to_be_learned(tmp_path: Path) -> None:
    file = saved(siamese(backbone="test_resnet"), tmp_path / "resnet.ckpt")
    for batch_statistics, is_kept in (("auto", True), ("kept", True), ("learned", False)):
        model = siamese(backbone="test_resnet", batch_statistics=batch_statistics, checkpoint=str(file))
        assert model.backbone.keeps_statistics is is_kept


def test_a_head_alone_is_of_the_packaged_backbone_and_other_weights_are_refused(tmp_path: Path) -> None:
    model = siamese(backbone="tf_efficientnet_lite0")
    export_head(tmp_path / "head.safetensors", Weights(model.state_dict(), "siamese", model.architecture, {}))
    settings = settings_from_file(tmp_path / "head.safetensors", "siamese", {"weights": "packaged", "dropout": 0.1})
    assert settings == {**model.architecture, "weights": "packaged"}
    with pytest.raises(
        CheckpointError, match=r"trained with model\.weights=packaged, but model\.weights=none was given"
    ):
        settings_from_file(tmp_path / "head.safetensors", "siamese", {"weights": "none"})


def test_a_checkpoint_of_before_recipes_is_read(tmp_path: Path) -> None:
    file = saved(siamese(), tmp_path / "old.ckpt")
    content = torch.load(file, weights_only=True)
    del content["iqbench"]["recipe"]
    torch.save(content, file)
    assert settings_from_file(file, "siamese", {})["backbone"] == "tiny"
    assert siamese(checkpoint=str(file)).trained_on == {}
