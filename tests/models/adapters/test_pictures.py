"""Models that compare two pictures: encodings that stand for pictures on the disk, and answers pair by pair."""

import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from fixtures.photos import noisy_gradient
from iqbench.errors import Stopped
from iqbench.inference.batching import compare_each
from iqbench.inference.failures import Failure
from iqbench.interfaces import Photo, PhotoFile, QualityModel
from iqbench.models.adapters.picture_file import PictureFile
from iqbench.models.adapters.pictures import PictureComparer, PicturePair


class Brighter(PictureComparer):
    """Prefers the brighter of two pictures, and refuses pairs of which one is black."""

    def __init__(self, longest_side: int | None = None) -> None:
        super().__init__(longest_side)
        self.asked: list[tuple[bytes, bytes]] = []

    def compare(self, pairs: Sequence[PicturePair]) -> Sequence[float | Exception]:
        self.asked += [(first.digest, second.digest) for first, second in pairs]
        return [self._answer(first.pixels(), second.pixels()) for first, second in pairs]

    def _answer(self, first: Photo, second: Photo) -> float | Exception:
        if not first.any() or not second.any():
            return ValueError("black")
        return float(first.mean() - second.mean())


def grey(value: int, height: int = 40, width: int = 50) -> Photo:
    return np.full((height, width, 3), value, np.uint8)


def encoded(model: QualityModel, *photos: Photo) -> torch.Tensor:
    return torch.cat([model.encode(model.prepare(photo).unsqueeze(0)) for photo in photos])


class TestPictureComparer:
    def test_it_is_a_quality_model_that_compares_pictures_of_any_two_sizes(self) -> None:
        model = Brighter()
        first, second = encoded(model, grey(90, 40, 50), grey(30, 33, 70))
        assert isinstance(model, QualityModel)
        assert model.margin(first[None], second[None]).tolist() == [60.0]
        assert model.margin(second[None], first[None]).tolist() == [-60.0]

    def test_the_function_gets_the_pictures_to_the_byte_and_may_write_into_them(self, photo: Photo) -> None:
        class Spoiler(Brighter):
            def _answer(self, first: Photo, second: Photo) -> float:
                assert np.array_equal(first, photo)
                first[:] = 0
                return 1.0

        model = Spoiler()
        first, second = encoded(model, photo, grey(0))
        assert compare_each(model.margin, first[None], second[None]) == [1.0]
        assert compare_each(model.margin, first[None], second[None]) == [1.0]

    @pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16, torch.float64])
    def test_the_encoding_survives_every_precision(self, photo: Photo, precision: torch.dtype) -> None:
        model = Brighter()
        both = encoded(model, photo, grey(7))
        rounded = both.to(precision).float()
        assert model.margin(rounded[:1], rounded[1:]).tolist() == model.margin(both[:1], both[1:]).tolist()

    def test_two_equal_pictures_tie_and_nobody_is_asked(self, photo: Photo) -> None:
        model = Brighter()
        both = encoded(model, photo, photo.copy())
        assert model.margin(both[:1], both[1:]).tolist() == [0.0]
        assert model.asked == []

    def test_pictures_of_the_same_bytes_and_another_shape_are_two(self) -> None:
        model = Brighter()
        wide, tall = encoded(model, grey(9, 40, 50), grey(9, 50, 40))
        assert not torch.equal(wide, tall)

    def test_a_pair_that_fails_costs_itself_alone_and_no_other_is_asked_twice(self) -> None:
        model = Brighter()
        reference = encoded(model, grey(100)).expand(7, -1)
        others = encoded(model, *(grey(value) for value in (10, 20, 30, 0, 50, 60, 70)))
        answers = compare_each(model.margin, reference, others)
        assert [answer for answer in answers if not isinstance(answer, Failure)] == [90, 80, 70, 50, 40, 30]
        assert answers[3] == Failure("model_error", "ValueError: black")
        assert len(model.asked) == len(set(model.asked)) == 7

    def test_a_pair_that_failed_is_asked_again_by_the_next_run(self) -> None:
        model = Brighter()
        reference = encoded(model, grey(100)).expand(3, -1)
        others = encoded(model, grey(10), grey(0), grey(30))
        compare_each(model.margin, reference, others)
        compare_each(model.margin, reference, others)
        assert len(model.asked) == 6

    def test_a_pair_that_stands_twice_in_a_batch_is_asked_once(self) -> None:
        model = Brighter()
        first, second = encoded(model, grey(100), grey(10)).repeat_interleave(3, dim=0).split(3)
        assert model.margin(first, second).tolist() == [90.0] * 3
        assert len(model.asked) == 1

    @pytest.mark.parametrize(("side", "shape"), [(None, (95, 127)), (64, (48, 64)), (1000, (95, 127))])
    def test_the_picture_is_scaled_down_and_never_up(
        self, photo: Photo, side: int | None, shape: tuple[int, int]
    ) -> None:
        assert Brighter(side).prepare(photo).shape == (3, *shape)

    def test_prepare_gives_a_copy_of_any_memory_layout(self, photo: Photo) -> None:
        mirrored = np.ascontiguousarray(photo[:, ::-1])[:, ::-1]
        before = photo.copy()
        prepared = Brighter().prepare(photo)
        assert torch.equal(Brighter().prepare(mirrored), prepared)
        prepared.zero_()
        assert np.array_equal(photo, before)

    def test_a_worker_gets_a_copy_without_the_pictures(self, photo: Photo) -> None:
        model = Brighter(64)
        encoded(model, photo)
        copy: Any = pickle.loads(pickle.dumps(model))
        assert torch.equal(copy.prepare(photo), model.prepare(photo))
        with pytest.raises(Stopped):
            copy.pictures.get(model.pictures.put(photo))


class TestPictureFile:
    def test_the_oldest_pictures_make_room_for_new_ones(self) -> None:
        pictures = PictureFile(max_bytes=3 * grey(0).nbytes)
        digests = [pictures.put(grey(value)) for value in range(1, 5)]
        assert [int(pictures.get(digest)[0, 0, 0]) for digest in digests[1:]] == [2, 3, 4]
        with pytest.raises(Stopped, match="set TMPDIR to a folder on a larger disk"):
            pictures.get(digests[0])

    def test_a_picture_larger_than_the_file_stops_the_run(self) -> None:
        with pytest.raises(Stopped, match="exceed 6e-06 GB"):
            PictureFile(max_bytes=6000).put(grey(1, 50, 50))

    def test_a_picture_that_comes_again_is_the_newest(self) -> None:
        pictures = PictureFile(max_bytes=3 * grey(0).nbytes)
        first = pictures.put(grey(1))
        pictures.put(grey(2))
        assert pictures.put(grey(1)) == first
        pictures.put(grey(3))
        pictures.put(grey(4))
        assert pictures.get(first)[0, 0, 0] == 1

    def test_pictures_of_all_sizes_come_back_to_the_byte_or_not_at_all(self) -> None:
        """Compared with a dictionary; the newest picture is always there, and the file never exceeds its limit."""
        random, limit = np.random.default_rng(0), 40_000
        pictures, kept = PictureFile(limit), dict[bytes, Photo]()
        for seed in range(300):
            picture = noisy_gradient(*random.integers(5, 60, 2), seed=seed)
            digest = pictures.put(picture)
            kept[digest] = picture
            assert np.array_equal(pictures.get(digest), picture)
            for known in list(kept):
                try:
                    assert np.array_equal(pictures.get(known), kept[known])
                except Stopped:
                    del kept[known]
            assert sum(each.nbytes for each in kept.values()) <= limit
        assert len(kept) > 1


def test_the_benchmark_asks_about_no_pairs_of_different_photos(files: list[PhotoFile]) -> None:
    from iqbench.benchmark.cross_sample import SampleEncodings
    from iqbench.benchmark.task import BenchmarkTask
    from iqbench.inference.engine_config import EngineConfig

    engine = EngineConfig.for_api("cpu", batch_size=1, workers=0)
    assert SampleEncodings.of(BenchmarkTask(Brighter(), files, [], engine), files).files == []
