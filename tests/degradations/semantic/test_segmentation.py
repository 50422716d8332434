"""Saliency: GrabCut anywhere, and U²-Net where its file is in the cache."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from fixtures.photos import noisy_gradient
from fixtures.subjects import SETTINGS, grass, with_subject
from iqbench.degradations.semantic.model_file import FILE_NAME
from iqbench.degradations.semantic.scene import Scene
from iqbench.degradations.semantic.segmentation import SIDE, Segmenter
from iqbench.degradations.semantic.subject import SubjectFinder


@pytest.mark.parametrize("size", [(32, 32), (33, 470), (300, 200)])
def test_grabcut_gives_a_map_of_a_photo_of_any_size_and_the_same_one_each_time(size: tuple[int, int]) -> None:
    photo, segmenter = noisy_gradient(*size), Segmenter("grabcut")
    saliency = segmenter.saliency(photo)
    assert (saliency.shape, saliency.dtype) == ((SIDE, SIDE), np.float32)
    assert set(np.unique(saliency)) <= {0.0, 1.0}
    cv2.setRNGSeed(7)
    assert np.array_equal(segmenter.saliency(photo), saliency)


def test_grabcut_finds_what_differs_from_the_frame() -> None:
    saliency = Segmenter("grabcut").saliency(with_subject(grass(), (40, 80, 70, 120)))
    assert saliency[120:200, 130:180].mean() > 0.95
    assert saliency[:60].mean() < 0.05


def test_the_number_of_threads_is_left_as_it_was() -> None:
    threads = cv2.getNumThreads()
    Segmenter("grabcut").saliency(noisy_gradient(40, 40))
    assert cv2.getNumThreads() == threads


def test_u2net_finds_the_astronaut_and_not_where_she_was_removed() -> None:
    file = Path(os.environ.get("IQBENCH_CACHE", "~/.cache/iqbench")).expanduser() / FILE_NAME
    if not file.exists():
        pytest.skip(f"{file} is not there: a run of degradation=remove_subject obtains it")
    finder = SubjectFinder(**{**SETTINGS, "segmenter": "u2netp", "model_file": str(file), "max_area": 0.6})  # type: ignore[arg-type]
    scene = Scene(astronaut(), finder)
    assert scene.subject.silhouette[100:200, 190:260].mean() > 0.95  # her face
    assert not scene.subject.silhouette[:60, :60].any()
    assert scene.left < 1.0
