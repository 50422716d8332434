import logging
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from PIL import Image

from fixtures.fatal_photos import decode_or_die
from fixtures.photos import noisy_gradient
from fixtures.tiny_models import examples as batches
from fixtures.tiny_models import fit, siamese
from iqbench import photos
from iqbench.datasets import degraded
from iqbench.datasets.decode_check import decode_all
from iqbench.datasets.degraded import DegradedPhotos
from iqbench.datasets.degraded_examples import DegradedVotes
from iqbench.datasets.folder import Folder
from iqbench.degradations.blur import blur_ladder
from iqbench.degradations.drawn import Kind
from iqbench.degradations.exposure import exposure_ladders
from iqbench.degradations.ladder import suite
from iqbench.errors import UsageError
from iqbench.interfaces import PhotoFile, Variant
from iqbench.labels import mean_vote
from iqbench.preprocessing import Preprocessing

PREPROCESSING = Preprocessing("squash", 32)
VOTES = {"original": 7.0, "harshest": 3.0, "spread": 1.4}


def kinds() -> list[Kind]:
    exposure = partial(exposure_ladders, stops=[-2, -1, 2], light="encoded")
    return [Kind("blur", partial(blur_ladder, sigma=[1, 2, 4])), Kind("exposure", exposure)]


def variants() -> list[Variant]:
    return suite({kind.type: kind.degradation for kind in kinds()})


class Learner:
    losses: ClassVar = {"pairs": "bradley_terry"}
    preprocessing = PREPROCESSING


def examples(files: list[PhotoFile], labels: str = "pairs", **changes: object) -> DegradedPhotos:
    settings = {"files": files, "kinds": kinds(), "learner": Learner(), "seed": 0, "validation_share": 0.3}
    settings |= {"examples": batches(labels=labels), "votes": VOTES}
    return DegradedPhotos(**{**settings, **changes})


@pytest.fixture
def many(tmp_path: Path) -> list[PhotoFile]:
    """Ten photos, and a copy of four of them under another name."""
    root = tmp_path / "many"
    root.mkdir()
    for at in range(10):
        Image.fromarray(noisy_gradient(40, 48, seed=at)).save(root / f"{at}.png")
    for at in range(4):
        (root / f"copy of {at}.png").write_bytes((root / f"{at}.png").read_bytes())
    return list(Folder(str(root), limit=None, seed=0).photos().files)


def contents(files: list[PhotoFile]) -> set[str]:
    return {photos.read(file.path).sha256 for file in files}


@pytest.mark.parametrize("seed", range(8))
def test_no_photo_is_in_both_splits_even_under_another_name(many: list[PhotoFile], seed: int) -> None:
    data = examples(many, seed=seed)
    training, validation = contents(data.training_files), contents(data.validation_files)
    assert training.isdisjoint(validation)
    assert len(training | validation) == len(data.training_files) + len(data.validation_files) == 10
    assert len(validation) == 3


def test_the_split_depends_on_the_seed_and_on_nothing_else(many: list[PhotoFile]) -> None:
    splits = {frozenset(contents(examples(many, seed=seed).validation_files)) for seed in range(8)}
    assert len(splits) > 3
    backward = examples(list(reversed(many)))
    assert contents(backward.validation_files) == contents(examples(many).validation_files)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_each_split_has_a_photo_whatever_the_share(files: list[PhotoFile], share: float) -> None:
    data = examples(files, validation_share=share)
    assert data.training_files
    assert data.validation_files


@pytest.mark.parametrize("labels", ["pairs", "votes"])
def test_validation_is_the_same_every_time(files: list[PhotoFile], labels: str) -> None:
    loader = examples(files, labels=labels).val_dataloader()
    torch.manual_seed(1)
    first = list(loader)
    torch.manual_seed(2)
    second = list(loader)
    assert len(first) > 1
    for batch, repeat in zip(first, second, strict=True):
        assert all(torch.equal(part, same) for part, same in zip(batch, repeat, strict=True))


def test_training_is_in_another_order_every_epoch_and_the_same_again_for_the_same_epoch(files: list[PhotoFile]) -> None:
    loader, epochs = examples(files).train_dataloader(), []
    for epoch in (0, 1, 0):
        loader.sampler.set_epoch(epoch)
        epochs.append(torch.cat([batch.first for batch in loader]))
    assert epochs[0].shape == epochs[1].shape
    assert not torch.equal(epochs[0], epochs[1])
    assert torch.equal(epochs[0], epochs[2])


@pytest.mark.parametrize("split", ["val_dataloader", "train_dataloader"])
def test_a_constant_answer_is_right_in_half_of_the_pairs(many: list[PhotoFile], split: str) -> None:
    torch.manual_seed(0)
    preferences = torch.cat([batch.preference for batch in getattr(examples(many), split)()])
    assert set(preferences.tolist()) == {0.0, 1.0}
    slack = 0.5 / len(preferences) if split == "val_dataloader" else 0.1
    assert preferences.mean().item() == pytest.approx(0.5, abs=slack)


def test_pairs_are_every_variant_against_the_photo_and_each_level_against_the_next(files: list[PhotoFile]) -> None:
    data = examples(files, validation_share=0.01)
    (file,) = data.validation_files
    photo = photos.read(file.path).pixels
    pictures = {variant.key: PREPROCESSING(variant.apply(photo)) for variant in variants()}
    contests = [(PREPROCESSING(photo), picture) for picture in pictures.values()]
    steps = [("blur/1.0", "blur/2.0"), ("blur/2.0", "blur/4.0"), ("exposure/-1", "exposure/-2")]
    contests += [(pictures[milder], pictures[harsher]) for milder, harsher in steps]
    result = list(data.val_dataloader().dataset)
    assert len(result) == len(contests) == 9
    for pair, (better, worse) in zip(result, contests, strict=True):
        first, second = (better, worse) if pair.preference.item() == 1.0 else (worse, better)
        assert torch.equal(pair.first, first)
        assert torch.equal(pair.second, second)


def test_the_better_photo_of_a_training_pair_is_the_one_with_the_label(files: list[PhotoFile]) -> None:
    darker = [Kind("exposure", partial(exposure_ladders, stops=[-2], light="encoded"))]
    torch.manual_seed(0)
    for batch in examples(files, kinds=darker).train_dataloader():
        brighter_first = batch.first.float().mean(dim=(1, 2, 3)) > batch.second.float().mean(dim=(1, 2, 3))
        assert torch.equal(brighter_first, batch.preference == 1.0)


def test_a_training_pair_is_mirrored_as_a_whole(files: list[PhotoFile]) -> None:
    """A model must not learn to recognise the better picture by its being mirrored."""
    nothing = [Kind("exposure", partial(exposure_ladders, stops=[0.001], light="encoded"))]
    torch.manual_seed(0)
    mirror_states = []
    loader = examples(files, kinds=nothing).train_dataloader()
    for epoch in range(8):
        loader.sampler.set_epoch(epoch)
        for batch in loader:
            assert torch.equal(batch.first, batch.second)
            mirror_states += [picture.float().mean(dim=(0, 1)).argmax().item() > 16 for picture in batch.first]
    assert {True, False} == set(mirror_states)


def test_votes_fall_with_the_severity_and_the_photo_has_the_most(files: list[PhotoFile]) -> None:
    dataset = examples(files, labels="votes").val_dataloader().dataset
    assert isinstance(dataset, DegradedVotes)
    keys = [None, *(variant.key for variant in variants())]
    means = {
        keys[number]: mean_vote(dataset.histogram(strength).unsqueeze(0)).item()
        for _, number, strength in dataset.voted
    }
    assert means[None] > means["blur/1.0"] > means["blur/2.0"] > means["blur/4.0"]
    assert means[None] > means["exposure/-1"] > means["exposure/-2"]
    assert means["blur/4.0"] == means["exposure/-2"] == means["exposure/2"]
    assert means[None] == pytest.approx(7.0, abs=0.15)
    assert means["blur/4.0"] == pytest.approx(3.0, abs=0.15)
    assert sum(number == 0 for at, number, _ in dataset.voted if at == 0) == 3  # once a ladder
    assert all(example.votes.sum().item() == pytest.approx(1.0) for example in list(dataset))


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_photos_are_refused(files: list[PhotoFile], count: int) -> None:
    with pytest.raises(UsageError, match=f"data: {count} readable photos; training needs one, validation another"):
        examples(files[:count])


def test_copies_of_one_photo_are_too_few(many: list[PhotoFile]) -> None:
    same = [file for file in many if file.name in ("./0.png", "./copy of 0.png")]
    assert len(same) == 2
    with pytest.raises(UsageError, match="data: 1 readable photos"):
        examples(same)


def test_an_unreadable_photo_is_left_out_and_logged(files: list[PhotoFile], caplog: pytest.LogCaptureFixture) -> None:
    files[0].path.write_bytes(b"<html>")
    with caplog.at_level(logging.WARNING):
        data = examples(files)
    assert {file.name for file in [*data.training_files, *data.validation_files]} == {"./b.png", "./c.png"}
    assert "./a.png: left out of training" in caplog.text


@pytest.mark.parametrize("share", [0, 1, -0.5, 1.5, float("nan")])
def test_a_share_that_leaves_a_split_empty_is_refused(files: list[PhotoFile], share: float) -> None:
    with pytest.raises(UsageError, match=r"self_supervision\.validation_share"):
        examples(files, validation_share=share)


def test_the_provenance_says_that_no_human_label_is_in_it_and_lists_its_photos_and_damage(
    many: list[PhotoFile],
) -> None:
    trained_on = examples(many).trained_on
    assert trained_on["what"] == "self-supervised on degraded copies of 10 photos without any human label"
    assert trained_on["damage"] == ["blur", "exposure"]
    assert trained_on["photos"] == sorted(sha[:16] for sha in contents(many))


def test_a_photo_of_the_benchmark_is_not_altered_by_training(files: list[PhotoFile]) -> None:
    originals = {file.name: photos.read(file.path).pixels.copy() for file in files}
    for _ in examples(files).train_dataloader():
        pass
    assert all(np.array_equal(photos.read(file.path).pixels, originals[file.name]) for file in files)


@pytest.mark.parametrize("labels", ["pairs", "votes"])
def test_every_validation_example_has_the_names_of_its_pictures(files: list[PhotoFile], labels: str) -> None:
    data = examples(files, labels=labels, validation_share=0.01)
    names, (file,) = data.validation_names, data.validation_files
    assert len(names) == len(data.validation_examples)
    for row, name in enumerate(names.itertuples(index=False)):
        item = data.validation_examples[row]
        if labels == "votes":
            assert name.photo.split(" ")[0] == file.name
            continue
        better = name.first if item.preference == 1.0 else name.second
        assert (better == file.name) == (row < len(variants()))  # then come levels against the next ones


@pytest.mark.parametrize("labels", ["pairs", "votes"])
def test_overfitting_trains_and_validates_with_the_same_examples(files: list[PhotoFile], labels: str) -> None:
    data = examples(files, examples=batches(labels=labels, overfit=3))
    training = [index for batch in data.train_dataloader() for index in batch.row.tolist()]
    validation = [index for batch in data.val_dataloader() for index in batch.row.tolist()]
    assert sorted(training) == validation == [0, 1, 2]
    assert data.validation_examples.pictures.files == data.training_files


@pytest.mark.parametrize("labels", ["pairs", "votes"])
def test_a_photo_that_vanishes_during_training_is_named(files: list[PhotoFile], labels: str) -> None:
    data = examples(files, labels)
    data.training_files[0].path.unlink()
    with pytest.raises(UsageError, match=r"\.png: could be read when training began, but not now: no such file"):
        _ = data._dataset("train")[0]


def test_photos_are_decoded_in_other_processes(
    files: list[PhotoFile], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (files[0].path.parent / "deadly.png").write_bytes(files[0].path.read_bytes())
    result = list(Folder(str(files[0].path.parent), limit=None, seed=0).photos().files)
    monkeypatch.setattr(degraded, "decode_all", partial(decode_all, decode=decode_or_die))
    assert len(examples(result).trained_on["photos"]) == 3
    assert "./deadly.png: left out of training: the process that decoded it was killed, twice" in caplog.text


DRAW = {"parts": 2, "saved": 0.5, "ladders": 2, "levels": 2, "mixed": 1}


@pytest.fixture
def large(tmp_path: Path) -> list[PhotoFile]:
    """Six photos that are large enough to have parts."""
    root = tmp_path / "large"
    root.mkdir()
    for at in range(6):
        Image.fromarray(noisy_gradient(300, 340, seed=at)).save(root / f"{at}.png")
    return list(Folder(str(root), limit=None, seed=0).photos().files)


@pytest.mark.parametrize("labels", ["pairs", "votes"])
def test_parts_of_a_photo_are_on_its_side_of_the_split(large: list[PhotoFile], labels: str) -> None:
    data = examples(large, labels, draw=DRAW)
    sides = [{each.original.file.name for each in data._copies[split]} for split in ("train", "val")]
    assert sides[0].isdisjoint(sides[1])
    assert sides[1] == {file.name for file in data.validation_files}
    assert [len(data._copies[split]) for split in ("train", "val")] == [12, 6]  # each photo whole and two parts


def test_each_original_has_severities_of_its_own(large: list[PhotoFile]) -> None:
    data = examples(large, draw=DRAW)
    amounts = [damaged.variant.amount for each in data._copies["train"] for damaged in each.damaged]
    drawn = [amount for amount in amounts if amount is not None]
    assert len(set(drawn)) > 0.7 * len(drawn) > 20  # three digits: some are drawn twice
    names = [name for name in data.validation_names["first"] if " part " in name]
    assert names
    again = examples(list(reversed(large)), draw=DRAW)
    assert again.contents == data.contents
    assert examples(large, draw=DRAW, seed=1).contents != data.contents


def test_a_drawn_example_is_a_part_and_its_damaged_copy(large: list[PhotoFile]) -> None:
    data = examples(large, draw=DRAW)
    dataset = data._dataset("train")
    for row, (at, better, worse) in list(enumerate(dataset.contests))[:12]:
        copies = data._copies["train"][at]
        original = copies.original.pixels()
        both = [copies.damaged[n - 1].variant.picture(original, None) if n else original for n in (better, worse)]
        pair = dataset[row]
        first, second = (pair.first, pair.second) if pair.preference == 1.0 else (pair.second, pair.first)
        assert torch.equal(first, PREPROCESSING(both[0]))
        assert torch.equal(second, PREPROCESSING(both[1]))


@pytest.mark.parametrize("labels", ["pairs", "votes"])
@pytest.mark.parametrize("draw", [None, DRAW])
def test_hidden_damage_is_validated_with_and_never_trained_on(
    large: list[PhotoFile], labels: str, draw: dict[str, float] | None
) -> None:
    data = examples(large, labels, hidden=["exposure"], draw=draw)
    training, validation = data._dataset("train"), data._dataset("val")
    assert "exposure" not in {name for types in training.types() for name in types}
    assert {"blur", "exposure"} == {name for types in validation.types() for name in types}
    mask = data.validation_groups["hidden"]
    assert mask.tolist() == ["exposure" in types for types in validation.types()]
    assert 0 < mask.sum() < len(mask)
    assert data.trained_on["damage"] == ["blur"]
    assert not examples(large, labels, draw=draw).validation_groups


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden": ["blurr"]}, r"self_supervision\.hidden: blurr is not among the types .* Did you mean 'blur'\?"),
        ({"hidden": ["blur", "exposure"]}, r"self_supervision\.hidden: all types of damage are hidden"),
        ({"draw": {**DRAW, "ladders": 0}}, r"self_supervision\.draw\.ladders=0: must be a whole number, at least 1"),
        ({"draw": {**DRAW, "parts": 1.5}}, r"self_supervision\.draw\.parts=1\.5: must be a whole number, at least 0"),
        ({"draw": {**DRAW, "saved": 1.5}}, r"self_supervision\.draw\.saved=1\.5: must be a share from 0 to 1"),
        ({"draw": {**DRAW, "saved": "half"}}, r"self_supervision\.draw\.saved=half: must be a share from 0 to 1"),
    ],
)
def test_a_wrong_draw_is_refused(files: list[PhotoFile], changes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        examples(files, **changes)


def test_a_draw_without_one_of_its_numbers_is_refused(files: list[PhotoFile]) -> None:
    with pytest.raises(UsageError, match=r"self_supervision\.draw: needs parts, saved, ladders, levels, mixed"):
        examples(files, draw={"parts": 1})


def test_hidden_damage_has_a_validation_metric_of_its_own(large: list[PhotoFile], tmp_path: Path) -> None:
    model = siamese()
    data = examples(large, learner=model, hidden=["exposure"])
    fit(model, [], tmp_path, data=data, max_epochs=1)
    metrics = model.validation_metrics
    _, predicted, true, _ = model.answers.numpy().T
    hidden = data.validation_groups["hidden"]
    right = (np.sign(predicted) == np.sign(true - 0.5)) + 0.5 * (predicted == 0)
    assert metrics["val/accuracy_hidden"] == pytest.approx(right[hidden].mean())
    assert metrics["val/accuracy"] == pytest.approx(right.mean())


def test_weights_count_types_mixtures_and_pairs_with_an_original(large: list[PhotoFile]) -> None:
    weights = {"original": 2, "blur": 3, "mixed": 0.25}
    data = examples(large, draw=DRAW, weights=weights)
    dataset = data._dataset("train")
    found = set()
    for row, (at, better, worse) in enumerate(dataset.contests):
        types = dataset.pictures.copies[at].damaged[worse - 1].types
        of_types = 0.25 if len(types) > 1 else 3.0 if types == ("blur",) else 1.0
        expected = of_types * (2.0 if better == 0 else 1.0)
        assert dataset[row].weight == expected, types
        found.add(expected)
    assert found == {0.5, 1.0, 2.0, 3.0, 6.0}
    votes = examples(large, "votes", draw=DRAW, weights=weights)._dataset("train")
    assert {float(votes[row].weight) for row in range(len(votes))} == {0.25, 1.0, 2.0, 3.0}
    assert examples(large, draw=DRAW).contents != data.contents


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"blurr": 2}, r"weights\.blurr: is not among .* Did you mean 'blur'"),
        ({"blur": -1}, r"blur=-1: must be a number"),
    ],
)
def test_weights_of_unknown_types_and_negative_ones_are_refused(
    large: list[PhotoFile], weights: dict[str, float], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        examples(large, weights=weights)
