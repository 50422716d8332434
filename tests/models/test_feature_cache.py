"""Features are computed once while the backbone is constant, and are what they would be without a cache."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from fixtures.tiny_models import SIZE, pictures, siamese
from fixtures.training_runs import pair_examples, train
from iqbench.models import feature_cache
from iqbench.models.feature_cache import CHUNK, FeatureCache


class Encoder:
    """Counts the pictures that it encodes."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.net = siamese().backbone

    def __call__(self, some: Tensor) -> Tensor:
        self.batches.append(len(some))
        return self.net(some)  # type: ignore[no-any-return]


def test_equal_pictures_are_encoded_once_in_batches_of_one_size() -> None:
    cache, encoder, some = FeatureCache(), Encoder(), pictures(CHUNK + 3)
    first = cache(torch.cat([some, some]), encoder)
    assert encoder.batches == [CHUNK, CHUNK]
    assert torch.equal(cache(some.flip(0), encoder), first[: len(some)].flip(0))
    assert encoder.batches == [CHUNK, CHUNK]
    torch.testing.assert_close(first[: len(some)], encoder.net(some))
    cache.clear()
    cache(some[:1], encoder)
    assert encoder.batches == [CHUNK, CHUNK, CHUNK]


def test_a_feature_does_not_depend_on_what_was_encoded_before() -> None:
    some, encoder = pictures(20), Encoder()
    alone, together = FeatureCache(), FeatureCache()
    together(some[:13], encoder)
    for picture in range(20):
        one = slice(picture, picture + 1)
        assert torch.equal(alone(some[one], encoder), together(some[one], encoder))


def test_a_full_cache_still_gives_every_feature(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_cache, "MAX_BYTES", 5 * 32 * 4)
    cache, encoder, some = FeatureCache(), Encoder(), pictures(20)
    first, second = cache(some, encoder), cache(some, encoder)
    assert torch.equal(first, second)
    assert encoder.batches == [CHUNK] * 5  # five features fit; 15 more are encoded again
    assert len(cache._cache) == 5


def encoded(folder: Path, monkeypatch: pytest.MonkeyPatch, epochs: int, cached: bool, **settings: object) -> list[int]:
    """Train, and return the number of pictures in each call of the backbone; weights end in ``folder/weights``."""
    model = siamese(**settings)
    calls: list[int] = []
    forward = type(model.backbone).forward
    with monkeypatch.context() as patched:
        patched.setattr(
            type(model.backbone), "forward", lambda self, some: calls.append(len(some)) or forward(self, some)
        )
        if not cached:
            patched.setattr(type(model), "on_fit_start", lambda self: None)
        train(folder, model, pair_examples(), max_epochs=epochs)
    torch.save(model.state_dict(), folder / "weights")
    return calls


def test_a_frozen_backbone_encodes_each_picture_of_a_training_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = encoded(tmp_path / "cached", monkeypatch, 3, True, frozen=True)
    plain = encoded(tmp_path / "plain", monkeypatch, 3, False, frozen=True)
    assert (sum(cached), sum(plain)) == (16, 3 * 2 * 16)  # 8 pairs; they train and validate
    ours, theirs = (torch.load(tmp_path / name / "weights", weights_only=True) for name in ("cached", "plain"))
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-4, atol=1e-5)


def test_a_backbone_that_learns_is_encoded_anew_in_each_validation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = encoded(tmp_path / "cached", monkeypatch, 2, True)
    plain = encoded(tmp_path / "plain", monkeypatch, 2, False)
    assert sum(cached) == sum(plain) == 2 * 2 * 16
    ours, theirs = (torch.load(tmp_path / name / "weights", weights_only=True) for name in ("cached", "plain"))
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())


def test_nothing_is_kept_outside_of_a_training_or_when_a_backbone_begins_to_learn(tmp_path: Path) -> None:
    model = siamese(frozen=True, unfreeze_every=1)
    train(tmp_path, model, pair_examples(), max_epochs=2)
    assert model._feature_cache is None
    model.on_fit_start()
    model.train()
    model.backbone.open(None)
    features = model.features(pictures(2, size=SIZE))
    assert features.requires_grad
    assert len(model._feature_cache._cache) == 0  # type: ignore[union-attr]
