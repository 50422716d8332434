import importlib.util
import os
import pickle
import random
import sys
import threading
from collections.abc import Sequence

import numpy as np
import pytest
from torch.utils.data import DataLoader, Dataset

from fixtures.photos import noisy_gradient
from iqbench.datasets.augmentation import Augmentation
from iqbench.errors import UsageError
from iqbench.interfaces import Photo

SEEDS = range(60)


def position_photo(height: int, width: int) -> Photo:
    """Return a photo whose pixels are their own row and column, up to 250."""
    return np.stack([*np.mgrid[:height, :width], np.zeros((height, width), int)], axis=-1).astype(np.uint8)


def edges(photo: Photo, height: int, width: int) -> tuple[bool, list[int]]:
    """Return whether a photo of `position_photo` is mirrored, and how much each edge lost: top, bottom, left, right.

    Fails if it is anything but a part of the photo, perhaps mirrored.
    """
    mirrored = bool(photo[0, 0, 1] > photo[0, -1, 1])
    straight = photo[:, ::-1] if mirrored else photo
    (top, left, _), (bottom, right, _) = straight[0, 0].tolist(), straight[-1, -1].tolist()
    assert np.array_equal(straight, position_photo(height, width)[top : bottom + 1, left : right + 1])
    return mirrored, [top, height - 1 - bottom, left, width - 1 - right]


def test_the_result_is_a_part_of_the_photo_or_of_its_mirror_image() -> None:
    augment = Augmentation(flip=0.5, keep=0.8)
    drawn = [edges(*augment(position_photo(200, 100), seed=seed), 200, 100) for seed in SEEDS]
    assert {mirrored for mirrored, _ in drawn} == {True, False}
    lost = np.array([each for _, each in drawn])
    assert lost.min(axis=0).tolist() == [0, 0, 0, 0]
    most = lost.max(axis=0)  # a tenth of 200 rows at the top, one at the bottom; of 100 columns left and right
    assert (most <= [20, 20, 10, 10]).all()
    assert (most >= [15, 15, 7, 7]).all()


def test_the_photos_of_a_call_are_mirrored_and_cropped_together_whatever_their_sizes() -> None:
    augment = Augmentation(flip=0.5, keep=0.7)
    for seed in SEEDS:
        tall, wide = augment(position_photo(240, 100), position_photo(80, 250), seed=seed)
        mirrored, (top, bottom, left, right) = edges(tall, 240, 100)
        also, (other_top, other_bottom, other_left, other_right) = edges(wide, 80, 250)
        assert mirrored == also
        for share, other_share in (
            (top / 240, other_top / 80),
            (bottom / 240, other_bottom / 80),
            (left / 100, other_left / 250),
            (right / 100, other_right / 250),
        ):
            assert abs(share - other_share) <= 1 / 80  # whole pixels


def test_the_mirror_and_the_crop_are_drawn_apart() -> None:
    augment = Augmentation(flip=0.5, keep=0.5)
    drawn = [edges(*augment(position_photo(240, 240), seed=seed), 240, 240) for seed in range(300)]
    draws = np.array([[seed % 2, mirrored, *lost] for seed, (mirrored, lost) in enumerate(drawn)])
    correlation = np.corrcoef(draws, rowvar=False) - np.eye(6)
    assert np.abs(correlation).max() < 0.2  # 3.5 standard errors of 300 draws


@pytest.mark.parametrize("flip", [0.0, 0.25, 1.0])
def test_mirrors_are_as_frequent_as_they_should_be(flip: float) -> None:
    augment = Augmentation(flip=flip, keep=0.9)
    mirrored = [edges(*augment(position_photo(40, 40), seed=seed), 40, 40)[0] for seed in range(200)]
    assert abs(np.mean(mirrored) - flip) <= (0.1 if 0 < flip < 1 else 0)


def test_the_result_depends_on_the_seed_alone() -> None:
    augment = Augmentation(flip=0.5, keep=0.8)
    photo = noisy_gradient(61, 83)
    first = [augment(photo, seed=seed)[0] for seed in SEEDS]
    random.seed(5)
    np.random.seed(5)
    others = [Augmentation(flip=0.5, keep=0.8), pickle.loads(pickle.dumps(augment)), augment]
    for another in others:
        for seed in reversed(SEEDS):
            assert np.array_equal(another(photo, seed=seed)[0], first[seed])
    assert len({each.tobytes() for each in first}) > 50


def test_the_result_of_a_photo_does_not_depend_on_the_photos_beside_it() -> None:
    augment = Augmentation(flip=0.5, keep=0.8)
    photo = noisy_gradient(61, 83)
    for seed in SEEDS:
        (alone,) = augment(photo, seed=seed)
        _, beside = augment(noisy_gradient(20, 30), photo, seed=seed)
        assert np.array_equal(alone, beside)


def test_the_global_random_state_is_left_alone() -> None:
    random_states = random.getstate(), np.random.get_state()[1].tolist()
    Augmentation(flip=0.5, keep=0.8)(noisy_gradient(61, 83), seed=3)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == random_states


def test_threads_do_not_disturb_each_other() -> None:
    augment = Augmentation(flip=0.5, keep=0.6)
    photo = noisy_gradient(31, 43)
    alone = [augment(photo, seed=seed)[0] for seed in SEEDS]
    wrong: list[int] = []

    def draw_all(order: Sequence[int]) -> None:
        wrong.extend(seed for seed in order if not np.array_equal(augment(photo, seed=seed)[0], alone[seed]))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=draw_all, args=(order,)) for order in (SEEDS, SEEDS[::-1], SEEDS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not wrong


class Augmented(Dataset[Photo]):
    def __init__(self, augment: Augmentation) -> None:
        self.augment = augment

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> Photo:
        return self.augment(noisy_gradient(61, 83), seed=index)[0]


def test_workers_and_epochs_change_nothing() -> None:
    dataset = Augmented(Augmentation(flip=0.5, keep=0.8))
    expected = [dataset[index].tobytes() for index in range(12)]
    for workers in (0, 2):
        loader = DataLoader(dataset, batch_size=None, num_workers=workers)
        for _ in range(2):
            assert [photo.numpy().tobytes() for photo in loader] == expected


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 50), (50, 1), (2, 2), (3, 700)])
def test_at_least_a_pixel_is_left_of_a_photo_of_any_size(height: int, width: int) -> None:
    augment = Augmentation(flip=0.5, keep=0.01)
    for seed in SEEDS:
        (crop,) = augment(np.zeros((height, width, 3), np.uint8), seed=seed)
        assert crop.ndim == 3
        assert min(crop.shape) >= 1


def test_read_only_photos_are_accepted_and_left_alone() -> None:
    photo = noisy_gradient(61, 83)
    photo.flags.writeable = False
    original = photo.copy()
    for seed in SEEDS:
        Augmentation(flip=0.5, keep=0.8)(photo, photo[::-1, ::-1], seed=seed)
    assert np.array_equal(photo, original)


def test_the_memory_layout_does_not_matter() -> None:
    photo = noisy_gradient(61, 83)
    elsewhere = np.asfortranarray(photo[:, ::-1])[:, ::-1]
    for seed in SEEDS:
        result, same = Augmentation(flip=0.5, keep=0.8)(photo, elsewhere, seed=seed)
        assert np.array_equal(result, same)


def test_without_changes_the_photos_come_back_and_albumentations_is_not_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "albumentations", None)  # importing it now fails
    spec = importlib.util.find_spec("iqbench.datasets.augmentation")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    large, small = noisy_gradient(61, 83), noisy_gradient(20, 30)
    unchanged = module.Augmentation(flip=0, keep=1)(large, small, seed=3)
    assert unchanged[0] is large
    assert unchanged[1] is small
    for flip, keep in ((0.5, 1.0), (0.0, 0.9)):
        with pytest.raises(ImportError):
            module.Augmentation(flip=flip, keep=keep)


def test_albumentations_is_kept_from_asking_for_its_newest_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_ALBUMENTATIONS_UPDATE", raising=False)
    Augmentation(flip=0.5, keep=1.0)
    assert os.environ["NO_ALBUMENTATIONS_UPDATE"] == "1"


@pytest.mark.parametrize("flip", [-0.1, 1.1, float("nan"), float("inf"), "half", None, True])
def test_a_flip_that_is_not_a_probability_is_refused(flip: float) -> None:
    with pytest.raises(UsageError, match=rf"^examples\.augmentation\.flip={flip}: must be a probability, from 0 to 1$"):
        Augmentation(flip=flip, keep=0.9)


@pytest.mark.parametrize("keep", [0, -0.1, 1.1, float("nan"), "most", None, True])
def test_a_keep_that_is_not_a_share_is_refused(keep: float) -> None:
    with pytest.raises(UsageError, match=rf"^examples\.augmentation\.keep={keep}: must be a share above 0"):
        Augmentation(flip=0.5, keep=keep)
