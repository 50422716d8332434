"""The two calls for people."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import iqbench
from iqbench.errors import UsageError
from iqbench.interfaces import Preference


@pytest.fixture
def sharp_and_soft(tmp_path: Path) -> tuple[Path, Path]:
    noise = np.random.default_rng(0).integers(60, 190, (64, 96, 3), dtype=np.uint8)
    paths = tmp_path / "sharp.png", tmp_path / "soft.png"
    for path, picture in zip(paths, (noise, cv2.GaussianBlur(noise, (13, 13), 2)), strict=True):
        cv2.imwrite(str(path), picture)
    return paths


def test_a_comparison_says_which_is_better_whatever_their_order(sharp_and_soft: tuple[Path, Path]) -> None:
    sharp, soft = sharp_and_soft
    judge = iqbench.load("iqa")
    answer, swapped = judge.compare(sharp, soft), judge.compare(soft, sharp)
    assert (answer.preference, swapped.preference) == (Preference.FIRST, Preference.SECOND)
    assert answer.margin == -swapped.margin
    assert answer.probability + swapped.probability == pytest.approx(1)
    assert judge.compare(sharp, sharp).preference is Preference.TIE


def test_a_scorer_scores_and_a_siamese_says_that_it_only_compares(sharp_and_soft: tuple[Path, Path]) -> None:
    sharp, soft = sharp_and_soft
    assert 1 <= iqbench.load("ava").score(sharp) <= 10
    siamese = iqbench.load("siamese")
    assert siamese.compare(sharp, soft).margin != 0
    with pytest.raises(UsageError, match="has no score"):
        siamese.score(sharp)


def test_a_checkpoint_is_taken_whatever_its_path_is_called(tmp_path: Path) -> None:
    packaged = Path(iqbench.__file__).parent / "weights" / "ava.safetensors"
    copy = tmp_path / "it's, mine=[1].safetensors"
    copy.write_bytes(packaged.read_bytes())
    assert iqbench.load("ava", checkpoint=str(copy)).model is not None
    with pytest.raises(UsageError, match="no such setting"):
        iqbench.load("iqa", checkpoint=str(copy))


def test_an_unknown_name_is_answered_with_what_there_is() -> None:
    with pytest.raises(UsageError, match="Did you mean 'siamese'"):
        iqbench.load("siamse")
