"""Contract of every file in conf/model. A new file is tested without any change here."""

from functools import cache

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from fixtures.photos import noisy_gradient
from iqbench.config import CONF_DIR, build, compose
from iqbench.errors import MissingResource
from iqbench.interfaces import Photo, QualityModel, Scorer

NAMES = sorted(path.stem for path in (CONF_DIR / "model").glob("*.yaml"))
QUICK = {"backbone": "tiny", "weights": "none", "checkpoint": "untrained"}
SIZES = [(32, 32), (33, 47), (300, 200), (32, 2000), (2000, 32)]


@cache
def model_of(name: str) -> QualityModel:
    """Return the model of model=NAME, with a small random network if it has a network.

    A test of one that needs a setting, a file or a package which is not here is skipped with that as its reason.
    """
    config = compose("bench", [f"model={name}", "name=test", "out=nowhere"])
    if needed := OmegaConf.missing_keys(config.model):
        pytest.skip(f"needs {', '.join(sorted(needed))}")
    if "checkpoint" in config.model:
        config.model.update(QUICK)
    torch.manual_seed(0)
    try:
        model = build(config.model, "model")
    except MissingResource as reason:
        pytest.skip(str(reason))
    return model.eval() if isinstance(model, torch.nn.Module) else model


@torch.inference_mode()
def encodings(model: QualityModel, photos: list[Photo]) -> torch.Tensor:
    prepared = [model.prepare(photo) for photo in photos]
    if len({picture.shape for picture in prepared}) > 1:  # the benchmark batches pictures of one shape
        return torch.cat([model.encode(picture.unsqueeze(0)) for picture in prepared])
    return model.encode(torch.stack(prepared))


def different_photos(count: int = 5) -> list[Photo]:
    return [noisy_gradient(60 + 9 * at, 110 - 11 * at, seed=at) // (1 + at) for at in range(count)]


def test_there_are_models_to_test() -> None:
    assert {"siamese", "ava", "iqa"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
class TestEveryModel:
    def test_it_can_prepare_encode_and_compare(self, name: str) -> None:
        assert isinstance(model_of(name), QualityModel)

    def test_swapping_a_pair_flips_the_margin(self, name: str) -> None:
        model = model_of(name)
        encoded = encodings(model, different_photos())
        first, second = encoded, encoded.roll(1, dims=0)
        with torch.inference_mode():
            margin, swapped = model.margin(first, second), model.margin(second, first)
        assert torch.equal(margin, -swapped)
        assert margin.shape == (5,)
        assert bool(margin.isfinite().all())

    def test_a_photo_ties_with_itself(self, name: str) -> None:
        model = model_of(name)
        encoded = encodings(model, different_photos())
        with torch.inference_mode():
            assert model.margin(encoded, encoded.clone()).tolist() == [0.0] * 5

    def test_it_tells_some_photos_apart(self, name: str) -> None:
        model = model_of(name)
        encoded = encodings(model, different_photos())
        with torch.inference_mode():
            assert bool((model.margin(encoded, encoded.roll(1, dims=0)) != 0).any())

    def test_a_picture_does_not_see_the_rest_of_its_batch(self, name: str) -> None:
        model, photos = model_of(name), different_photos()
        together = encodings(model, photos)
        alone = torch.cat([encodings(model, [photo]) for photo in photos])
        among_others = encodings(model, [np.zeros((50, 50, 3), np.uint8), *photos])[1:]
        torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(among_others, together, rtol=1e-4, atol=1e-5)

    def test_encodings_are_finite_rows(self, name: str) -> None:
        encoded = encodings(model_of(name), different_photos())
        assert encoded.ndim == 2
        assert len(encoded) == 5
        assert bool(encoded.isfinite().all())

    @pytest.mark.parametrize("size", SIZES)
    def test_a_photo_of_any_size_and_its_pixels_memory_order_are_fine(self, name: str, size: tuple[int, int]) -> None:
        model, photo = model_of(name), noisy_gradient(*size)
        mirrored = np.ascontiguousarray(photo[:, ::-1])[:, ::-1]
        prepared = model.prepare(photo)
        assert torch.equal(model.prepare(mirrored), prepared)
        with torch.inference_mode():
            assert bool(model.encode(prepared.unsqueeze(0)).isfinite().all())

    @pytest.mark.parametrize("value", [0, 128, 255])
    def test_a_photo_of_one_colour_is_fine(self, name: str, value: int) -> None:
        encoded = encodings(model_of(name), [np.full((40, 50, 3), value, np.uint8)])
        assert bool(encoded.isfinite().all())

    def test_prepare_leaves_the_photo_alone_and_returns_a_copy(self, name: str, photo: Photo) -> None:
        model, original = model_of(name), photo.copy()
        prepared = model.prepare(photo)
        assert np.array_equal(photo, original)
        prepared.zero_()
        assert np.array_equal(photo, original)

    def test_a_photo_that_cannot_be_written_to_is_fine(self, name: str, photo: Photo) -> None:
        model, expected = model_of(name), model_of(name).prepare(photo)
        photo.flags.writeable = False
        assert torch.equal(model.prepare(photo), expected)

    def test_a_scorer_prefers_the_higher_score(self, name: str) -> None:
        model = model_of(name)
        if not isinstance(model, Scorer):
            pytest.skip("has no score")
        scores = encodings(model, different_photos())
        assert scores.shape == (5, 1)
        higher, lower = scores.max().view(1, 1), scores.min().view(1, 1)
        assert model.margin(higher, lower).item() == pytest.approx((higher - lower).item())
        assert model.margin(higher, lower).item() > 0
