"""From photo files to encodings: each read once, each encoded once, none in another's place."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from fixtures.error_texts import without_place
from fixtures.photos import noisy_gradient
from fixtures.tiny_models import siamese
from iqbench import photos
from iqbench.inference.batching import MAX_WAITING_BATCHES
from iqbench.inference.encoding import encode_photos
from iqbench.inference.engine_config import EngineConfig
from iqbench.interfaces import Photo, PhotoFile, Scorer


def settings(batch_size: int = 8, workers: int = 0) -> EngineConfig:
    return EngineConfig.for_api("cpu", batch_size, workers)


class Brightness(Scorer):
    """Looks at the photo in its own size; counts and remembers what it is asked."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, ...]] = []

    def prepare(self, photo: Photo) -> Float[Tensor, "3 height width"]:
        return torch.from_numpy(photo.transpose(2, 0, 1).astype(np.float64))

    def encode(self, inputs: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n 1"]:
        self.batches.append(tuple(inputs.shape))
        return inputs.mean(dim=(1, 2, 3)).unsqueeze(1)


@pytest.fixture
def many(tmp_path: Path) -> list[PhotoFile]:
    """Twelve photos of three shapes, in turn."""
    files = []
    for number in range(12):
        path = tmp_path / f"{number:02d}.png"
        Image.fromarray(noisy_gradient(40 + number % 3, 48, seed=number)).save(path)
        files.append(PhotoFile(f"./{path.name}", path))
    return files


def test_each_photo_has_the_encoding_of_its_own_pixels(many: list[PhotoFile]) -> None:
    encodings = encode_photos(Brightness(), many, settings(), "")
    means = [photos.read(file.path).pixels.mean() for file in many]
    assert encodings.values[:, 0].tolist() == pytest.approx(means)
    assert encodings.photos["photo"].tolist() == [file.name for file in many]
    assert encodings.photos["brightness"].tolist() == pytest.approx(means)
    assert encodings.encoded.all()


def test_photos_of_one_shape_are_encoded_together_in_batches_no_larger_than_allowed(many: list[PhotoFile]) -> None:
    model = Brightness()
    encode_photos(model, many, settings(batch_size=3), "")
    assert sum(batch[0] for batch in model.batches) == len(many)
    assert max(batch[0] for batch in model.batches) == 3
    assert len(model.batches) == 3 * 2  # four photos of each shape, three of them at once


def test_photos_do_not_wait_for_others_of_their_shape_for_ever(tmp_path: Path) -> None:
    files = []
    for number in range(3 * MAX_WAITING_BATCHES):
        path = tmp_path / f"{number}.png"
        Image.fromarray(noisy_gradient(40, 40 + number, seed=number)).save(path)
        files.append(PhotoFile(f"./{path.name}", path))
    model, held = Brightness(), []
    prepare = model.prepare

    def counting(photo: Photo) -> Tensor:
        held.append(len(held) - sum(batch[0] for batch in model.batches))
        return prepare(photo)

    model.prepare = counting  # type: ignore[method-assign]
    encodings = encode_photos(model, files, settings(batch_size=1), "")
    assert max(held) <= MAX_WAITING_BATCHES
    assert encodings.encoded.all()


def test_each_photo_is_read_once(many: list[PhotoFile], monkeypatch: pytest.MonkeyPatch) -> None:
    reads, read = Counter(), photos.read

    def counting(path: Path, *limits: photos.Limits) -> photos.DecodedPhoto:
        reads[path.name] += 1
        return read(path, *limits)

    monkeypatch.setattr(photos, "read", counting)
    encode_photos(Brightness(), many, settings(), "")
    assert set(reads.values()) == {1}
    assert len(reads) == len(many)


@pytest.mark.parametrize(("batch_size", "workers"), [(1, 0), (5, 0), (8, 2)])
def test_encodings_do_not_depend_on_batches_or_workers(many: list[PhotoFile], batch_size: int, workers: int) -> None:
    expected = encode_photos(siamese(), many, settings(), "")
    encodings = encode_photos(siamese(), many, settings(batch_size, workers), "")
    assert torch.allclose(encodings.values, expected.values, atol=1e-5)
    assert encodings.photos.equals(expected.photos)
    assert encodings.values.dtype == torch.float32


class Refusing(Brightness):
    """Does ``harm`` when it sees one certain photo."""

    def __init__(self, mean: float, harm: str) -> None:
        super().__init__()
        self.mean, self.harm = mean, harm

    def prepare(self, photo: Photo) -> Tensor:
        if self.harm == "prepare_error" and abs(photo.mean() - self.mean) < 1e-6:
            raise ValueError("not that\none")
        return super().prepare(photo)

    def encode(self, inputs: Tensor) -> Tensor:
        values = super().encode(inputs)
        hit = (values - self.mean).abs() < 1e-6
        if self.harm == "model_error" and bool(hit.any()):
            raise RuntimeError("not that\none")
        return torch.where(hit, float("nan"), values) if self.harm == "nonfinite" else values


@pytest.mark.parametrize("harm", ["prepare_error", "model_error", "nonfinite"])
def test_a_photo_that_the_model_fails_on_costs_only_itself(many: list[PhotoFile], harm: str) -> None:
    mean = photos.read(many[4].path).pixels.mean()
    encodings = encode_photos(Refusing(mean, harm), many, settings(), "")
    assert np.flatnonzero(~encodings.encoded).tolist() == [4]
    row = encodings.photos.iloc[4]
    assert row["status"] == harm
    assert "\n" not in row["error"]
    assert len(row["error"]) > 10
    assert row["sha256"] is not None
    good = encode_photos(Brightness(), many, settings(), "")
    assert encodings.values[encodings.encoded].equal(good.values[encodings.encoded])


def test_a_photo_that_cannot_be_read_has_its_code_and_no_statistics(many: list[PhotoFile]) -> None:
    many[0].path.write_bytes(many[0].path.read_bytes()[:100])
    many[1].path.unlink()
    encodings = encode_photos(Brightness(), many, settings(), "")
    assert encodings.photos["status"].tolist()[:3] == ["corrupt", "vanished", "ok"]
    assert encodings.photos.loc[:1, ["sha256", "width", "brightness", "sharpness"]].isna().all(axis=None)
    assert encodings.photos["width"].dtype == "Int64"


def test_a_set_of_which_nothing_can_be_read_has_no_encoding(tmp_path: Path) -> None:
    files = [PhotoFile("./gone.jpg", tmp_path / "gone.jpg")]
    encodings = encode_photos(Brightness(), files, settings(), "")
    assert not encodings.encoded.any()
    assert len(encodings.values) == 1


def test_a_bug_in_the_model_costs_the_photos_that_show_it(many: list[PhotoFile]) -> None:
    class Broken(Brightness):
        def encode(self, inputs: Tensor) -> Tensor:
            if inputs.shape[2] == 41:
                raise AttributeError("a bug")
            return super().encode(inputs)

    table = encode_photos(Broken(), many, settings(), "").photos
    assert table["status"].tolist() == ["ok", "model_error", "ok"] * 4
    assert {without_place(error) for error in table["error"]} == {"", "AttributeError: a bug"}
