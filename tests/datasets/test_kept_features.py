"""Features of frozen backbones, encoded once."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fixtures.labelled_sets import write_ava, write_phototriage
from fixtures.tiny_models import ava, examples, siamese
from iqbench.datasets.ava import AvaPhotos
from iqbench.datasets.degraded import DegradedPhotos
from iqbench.datasets.kept_features import KeptFeatures, PictureSets
from iqbench.datasets.phototriage import PhotoTriage
from iqbench.degradations.blur import blur_ladder
from iqbench.degradations.drawn import Kind
from iqbench.degradations.exposure import exposure_ladders
from iqbench.errors import UsageError
from iqbench.interfaces import PhotoFile, Votes

VOTES = {"original": 7.0, "harshest": 3.0, "spread": 1.4}
EXPOSURE = partial(exposure_ladders, stops=[-2, -1, 1, 2], light="encoded")
KINDS = [Kind("blur", partial(blur_ladder, sigma=[1, 2])), Kind("exposure", EXPOSURE)]


class CountingLearner:
    """A model whose features of a picture are its mean and its first value."""

    keeps_features = True
    features_digest = "counting"

    def __init__(self) -> None:
        self.encoded = 0

    def kept_features(self, pictures: torch.Tensor) -> torch.Tensor:
        self.encoded += len(pictures)
        flat = pictures.flatten(1).float()
        return torch.stack([flat.mean(dim=1), flat[:, 0]], dim=1)


def sets(count: int = 4) -> PictureSets:
    return PictureSets(count, partial(_pictures))


def _pictures(at: int) -> list[torch.Tensor]:
    return [torch.full((3, 2, 2), at * 10 + number, dtype=torch.uint8) for number in range(at + 1)]


def test_each_picture_is_encoded_once_and_never_again(tmp_path: Path) -> None:
    learner = CountingLearner()
    keys = ["a", "b", "c", "d"]
    features = KeptFeatures(tmp_path, learner, "x").of(keys, sets(), workers=0, trainer=None)
    assert learner.encoded == 1 + 2 + 3 + 4
    assert [each.tolist() for each in features][1] == [[10.0, 10.0], [11.0, 11.0]]
    again = KeptFeatures(tmp_path, learner, "x").of(keys, sets(), workers=0, trainer=None)
    assert learner.encoded == 10
    assert all(torch.equal(one, other) for one, other in zip(features, again, strict=True))


def test_an_interrupted_encoding_goes_on_where_it_stopped(tmp_path: Path) -> None:
    class Stopping(CountingLearner):
        def kept_features(self, pictures: torch.Tensor) -> torch.Tensor:
            if self.encoded >= 3:
                raise KeyboardInterrupt
            return super().kept_features(pictures)

    keys = ["a", "b", "c", "d"]
    with pytest.raises(KeyboardInterrupt):
        KeptFeatures(tmp_path, Stopping(), "x").of(keys, sets(), workers=0, trainer=None)
    learner = CountingLearner()
    KeptFeatures(tmp_path, learner, "x").of(keys, sets(), workers=0, trainer=None)
    assert learner.encoded == 3 + 4


def test_a_damaged_file_is_encoded_anew(tmp_path: Path) -> None:
    learner = CountingLearner()
    kept = KeptFeatures(tmp_path, learner, "x")
    before = kept.of(["a", "b"], sets(2), workers=0, trainer=None)
    (first, second) = sorted(kept.folder.glob("*.npy"))
    first.write_bytes(first.read_bytes()[:-3])
    np.save(second, np.full((2, 2), np.nan))
    after = kept.of(["a", "b"], sets(2), workers=0, trainer=None)
    assert learner.encoded == 6
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


def test_other_pictures_or_another_model_have_another_folder(tmp_path: Path) -> None:
    other = CountingLearner()
    other.features_digest = "other"
    folders = {KeptFeatures(tmp_path, learner, made).folder for learner in (CountingLearner(), other) for made in "xy"}
    assert len(folders) == 4


@pytest.mark.parametrize(
    "changes",
    [{"backbone": "tf_efficientnet_lite0"}, {"size": 40}, {"preprocessing": "pad"}, {"levels": [0]}, {"seed": 1}],
)
def test_the_digest_of_a_model_changes_with_whatever_changes_its_features(changes: dict[str, Any]) -> None:
    assert siamese(frozen=True).features_digest == siamese(frozen=True, head_width=3).features_digest
    assert siamese(frozen=True).features_digest != siamese(frozen=True, **changes).features_digest


@pytest.mark.parametrize("settings", [{"frozen": False}, {"frozen": True, "unfreeze_every": 2}])
def test_a_backbone_that_learns_is_refused(files: list[PhotoFile], tmp_path: Path, settings: dict[str, Any]) -> None:
    data = degraded(files, tmp_path, siamese(**settings), "pairs")
    with pytest.raises(UsageError, match=r"examples\.features: only a frozen backbone has features to keep; use model"):
        data.train_dataloader()


def test_crops_are_refused() -> None:
    with pytest.raises(UsageError, match=r"examples\.features: .* use examples\.augmentation\.keep=1"):
        examples(features="x", augmentation={"flip": 0.5, "keep": 0.9})


def test_a_folder_that_cannot_be_made_is_named(files: list[PhotoFile], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    data = degraded(files, tmp_path / "file", siamese(frozen=True), "pairs")
    with pytest.raises(UsageError, match=r"examples\.features=.*file: cannot be made"):
        data.train_dataloader()


def degraded(files: list[PhotoFile], folder: Path | None, learner: Any, labels: str, **more: Any) -> DegradedPhotos:
    settings = examples(labels=labels, features=str(folder) if folder else None)
    return DegradedPhotos(files, KINDS, learner, settings, 0.3, 0, VOTES, **more)


def answers(model: Any, dataset: Any) -> list[torch.Tensor]:
    with torch.no_grad():
        if isinstance(dataset[0], Votes):
            return [model.predict(model.features(item.pictures.unsqueeze(0))).mean for item in dataset]
        both = [(item.first.unsqueeze(0), item.second.unsqueeze(0)) for item in dataset]
        return [model.margin(model.encode(first), model.encode(second)) for first, second in both]


@pytest.mark.parametrize("rule", ["squash", "multiscale"])
@pytest.mark.parametrize(("build", "labels"), [(siamese, "pairs"), (ava, "pairs"), (ava, "votes")])
def test_a_model_answers_features_as_it_answers_the_pictures(
    files: list[PhotoFile], tmp_path: Path, build: Any, labels: str, rule: str
) -> None:
    model = build(frozen=True, preprocessing=rule, size=48)
    pictures = degraded(files, None, model, labels).val_dataloader().dataset
    features = degraded(files, tmp_path, model, labels).val_dataloader().dataset
    expected, got = answers(model, pictures), answers(model, features)
    assert len(expected) == len(got) > 3
    assert torch.allclose(torch.cat(expected), torch.cat(got), atol=1e-5)
    assert features[0][0].is_floating_point()


@pytest.mark.parametrize("labels", ["pairs", "votes"])
def test_the_validation_examples_still_have_their_pictures_to_show(
    files: list[PhotoFile], tmp_path: Path, labels: str
) -> None:
    data = degraded(files, tmp_path, ava(frozen=True), labels)
    assert data.validation_examples[0][0].dtype == torch.uint8
    assert len(data.validation_examples) == len(data.val_dataloader().dataset)


@pytest.mark.parametrize(("write", "build"), [(write_phototriage, siamese), (write_ava, ava)])
def test_labelled_photos_are_encoded_once_too(tmp_path: Path, write: Any, build: Any) -> None:
    write(tmp_path / "set")
    root, cache = str(tmp_path / "set"), str(tmp_path / "cache")

    def data(features: str | None) -> Any:
        made: Any = (
            PhotoTriage(root, 0.25, 0.5, cache=cache, limit=None, seed=0)
            if write is write_phototriage
            else AvaPhotos(root, "images", "official", 0.2, cache=cache, limit=None, seed=0)
        )
        made.configure_examples(model, examples(features=features))
        return made

    model = build(frozen=True)
    expected = answers(model, data(None).val_dataloader().dataset)
    got = answers(model, data(str(tmp_path / "features")).val_dataloader().dataset)
    assert torch.allclose(torch.cat(expected), torch.cat(got), atol=1e-5)
    loader = data(str(tmp_path / "features")).train_dataloader()
    assert loader.num_workers == 0
    assert all(batch[0].is_floating_point() for batch in loader)
