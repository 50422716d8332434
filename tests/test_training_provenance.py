"""Training provenance: it accumulates over a chain of trainings, and contents decide what was seen."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch
from PIL import Image

from fixtures.command_line import run
from fixtures.labelled_sets import write_pairs
from fixtures.near_copies import brighter, structured
from fixtures.tiny_models import examples, siamese
from iqbench.datasets.degraded import DegradedPhotos
from iqbench.datasets.folder import Folder
from iqbench.datasets.pairs import PairList
from iqbench.errors import CheckpointError
from iqbench.inference.perceptual_hash import perceptual_hash
from iqbench.models.checkpoint import export_head, read_weights
from iqbench.training_provenance import TrainingPhotos, joined_provenance, training_provenance, training_step

BENCH = ("degradation=blur", "engine.workers=0", "gallery=0", "data=folder")
TRAIN = ("trainer=cpu", "trainer.max_epochs=1", "examples.workers=0", "degradation=blur", "logger=none")
TINY = ("model.backbone=tiny", "model.weights=none", "model.size=32", "model.preprocessing=squash")


def step(name: str, digits: str) -> dict[str, Any]:
    return training_step(name, "pairs", [(digit * 64, None) for digit in digits])


def test_photos_seen_in_training_are_known_by_the_start_of_their_sha256() -> None:
    model = SimpleNamespace(trained_on={"what": "100 photos", "photos": ["0123456789abcdef"]})
    seen = TrainingPhotos.of(model)
    assert training_provenance(model) == {"what": "100 photos"}
    assert seen.include("0123456789abcdef" + "0" * 48)
    assert not seen.include("1" * 64)
    assert not seen.include(None)
    assert not seen.resemble("0" * 32)
    assert not TrainingPhotos.of(object()).include("0" * 64)
    assert training_provenance(object()) == {}


def test_a_chain_of_trainings_holds_the_photos_and_steps_of_all_of_them_in_order() -> None:
    chain: dict[str, Any] = {}
    for name, digits in (("a set", "12"), ("b set", "23"), ("a set", "12")):
        chain = joined_provenance(chain, step(name, digits))
    assert chain["what"] == "a set, then b set, then a set"
    assert chain["photos"] == [digit * 16 for digit in "123"]
    assert [each["photos"] for each in chain["steps"]] == [2, 2, 2]


def test_sets_of_one_name_and_size_but_other_photos_are_two_steps_and_a_resumed_training_is_one() -> None:
    first = step("4 photos", "1234")
    assert len(joined_provenance(first, step("4 photos", "5678"))["steps"]) == 2
    assert joined_provenance(first, step("4 photos", "1234")) == first
    both = joined_provenance(first, step("other", "9"))
    assert joined_provenance(both, step("other", "9")) == joined_provenance(first, both) == both


def test_photos_that_only_the_first_half_of_a_training_listed_are_kept_when_it_goes_on_with_others() -> None:
    longer = joined_provenance(step("a list, 3 pairs", "123"), step("a list, 5 pairs", "34567"))
    assert longer["photos"] == [digit * 16 for digit in "1234567"]
    assert longer["what"] == "a list, 3 pairs, then a list, 5 pairs"


def test_the_provenance_of_iqbench_0_3_counts_as_one_step() -> None:
    old = {"what": "an old set", "labels": "votes", "photos": ["a" * 16]}
    assert joined_provenance({}, old)["steps"][0]["what"] == "an old set"
    chain = joined_provenance(old, step("a set", "1"))
    assert (chain["what"], chain["labels"]) == ("an old set, then a set", "pairs")
    assert chain["photos"] == ["1" * 16, "a" * 16]
    assert joined_provenance({}, {}) == {}
    assert joined_provenance(old, {})["photos"] == ["a" * 16]


def test_a_photo_that_was_saved_again_is_recognised_and_another_is_not() -> None:
    photos = [structured(seed) for seed in range(2)]
    looks = [perceptual_hash(photo) for photo in photos]
    darker = perceptual_hash(brighter(photos[0], 0.95))
    model = SimpleNamespace(trained_on=training_step("a set", "pairs", [("1" * 64, looks[0]), ("2" * 64, None)]))
    seen = TrainingPhotos.of(model)
    assert darker is not None
    assert seen.resemble(darker)
    assert not seen.include("3" * 64)
    assert not seen.resemble(looks[1])
    assert not seen.resemble(None)


def test_training_from_a_checkpoint_on_other_photos_keeps_those_of_the_checkpoint(folder: Path, tmp_path: Path) -> None:
    class Module:
        losses, preprocessing = {"pairs": "bradley_terry"}, siamese().preprocessing

    votes = {"original": 7.0, "harshest": 3.0, "spread": 1.4}
    files = Folder(str(folder), None, 0).photos().files
    degraded = DegradedPhotos(files, [], Module(), examples(), 0.3, 0, votes)  # type: ignore[arg-type]
    assert [len(degraded.trained_on[key]) for key in ("photos", "steps")] == [3, 1]
    before = siamese()
    before.trained_on = step("a set", "1")
    file = tmp_path / "first.ckpt"
    content: dict[str, Any] = {"state_dict": before.state_dict()}
    before.on_save_checkpoint(content)
    torch.save(content, file)
    model = siamese(checkpoint=str(file))
    model.trained_on = joined_provenance(model.trained_on, degraded.trained_on)
    assert model.trained_on["photos"] == sorted(["1" * 16, *degraded.trained_on["photos"]])
    resumed = siamese()  # Lightning alone resumes: first setup, then the checkpoint
    resumed.trained_on = degraded.trained_on
    resumed.on_load_checkpoint(torch.load(file, weights_only=True))
    assert resumed.trained_on == model.trained_on
    resumed.on_load_checkpoint({"state_dict": {}})
    assert resumed.trained_on == model.trained_on


def test_a_list_that_grew_between_two_runs_of_one_training_forgets_no_photo(tmp_path: Path) -> None:
    write_pairs(tmp_path, series=8, photos_per_series=2)
    rows = (tmp_path / "list.csv").read_text().splitlines(keepends=True)
    model = SimpleNamespace(trained_on={"what": "what the weights knew", "photos": ["f" * 16]})
    learned = {"f" * 16}
    for length in (6, len(rows)):
        (tmp_path / "list.csv").write_text("".join(rows[:length]))
        data = PairList(str(tmp_path / "list.csv"), 0.2, 0.2, str(tmp_path / "cache"), None, 0)
        data.trainer = SimpleNamespace(lightning_module=model)  # type: ignore[assignment]
        for _ in range(2):  # a process that sets up again
            data.setup("fit")
        learned |= set(data.trained_on["photos"])
        assert set(model.trained_on["photos"]) == learned
    assert len(model.trained_on["steps"]) == 3
    assert model.trained_on["what"].startswith("what the weights knew, then list of pairs, ")


def test_an_exported_head_carries_the_whole_chain(tmp_path: Path) -> None:
    model = siamese()
    model.trained_on = joined_provenance(step("a set", "1"), step("b set", "2"))
    content: dict[str, Any] = {"state_dict": model.state_dict()}
    model.on_save_checkpoint(content)
    torch.save(content, tmp_path / "last.ckpt")
    export_head(tmp_path / "head.safetensors", read_weights(tmp_path / "last.ckpt"))
    assert read_weights(tmp_path / "head.safetensors").trained_on == model.trained_on


@pytest.mark.parametrize("broken", [{"photos": [1]}, {"photos": 1}, {"looks": ["no hex"]}, {"looks": [1]}])
def test_a_provenance_that_no_training_wrote_is_refused_in_one_line(tmp_path: Path, broken: dict[str, Any]) -> None:
    content: dict[str, Any] = {"state_dict": siamese().state_dict()}
    siamese().on_save_checkpoint(content)
    content["iqbench"]["trained_on"] = broken
    torch.save(content, tmp_path / "broken.ckpt")
    with pytest.raises(CheckpointError):
        read_weights(tmp_path / "broken.ckpt")


def photos_in(root: Path, seeds: range, suffix: str = "png") -> str:
    root.mkdir()
    for seed in seeds:
        Image.fromarray(structured(seed)).save(root / f"{seed}.{suffix}")
    return f"data.root={root}"


@pytest.mark.slow
@pytest.mark.parametrize("start", ["model.checkpoint", "ckpt_path"])
def test_a_benchmark_on_the_photos_of_an_earlier_training_is_not_held_out(tmp_path: Path, start: str) -> None:
    a, b = (photos_in(tmp_path / name, seeds) for name, seeds in (("a", range(3)), ("b", range(10, 13))))
    again = photos_in(tmp_path / "again", range(3), "jpg")
    first, second = tmp_path / "first", tmp_path / "second"
    assert run("train", *TRAIN, *TINY, "data=folder", a, f"out={first}").exit_code == 0
    checkpoint = f"{start}={first / 'checkpoints' / 'last.ckpt'}"
    architecture = TINY if start == "ckpt_path" else ()
    options = (*TRAIN, *architecture, checkpoint, "trainer.max_epochs=2", "data=folder", b, f"out={second}")
    outcome = run("train", *options)
    assert outcome.exit_code == 0, outcome.err
    best = f"model.checkpoint={second / 'checkpoints' / 'best.ckpt'}"
    for photos, seen, near, notice in (
        (a, 3, 0, "it was trained on 3 of these photos"),
        (b, 3, 0, "it was trained on 3 of these photos"),
        (again, 0, 3, "it was trained on near-copies of 3 of these photos"),
    ):
        out = tmp_path / f"bench {Path(photos).name}"
        outcome = run("bench", best, *BENCH, photos, f"out={out}")
        assert outcome.exit_code == 0, outcome.err
        model = json.loads((out / "summary.json").read_text())["models"]["siamese"]
        assert (model["photos_seen_in_training"], model["near_copies_of_training_photos"]) == (seen, near)
        assert notice in " ".join(outcome.out.split())
        assert ", then " in model["trained_on"]
        notes = pd.read_csv(out / "manifest.csv", keep_default_na=False)["notes"]
        assert (notes == "a near-copy of a training photo").sum() == near
