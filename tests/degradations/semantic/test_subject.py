"""The subject: what is a clear one, which share of it is removed first, and its shadow."""

from itertools import pairwise

import numpy as np
import pytest

from fixtures.subjects import SETTINGS, grass, red_finder, with_subject
from iqbench.degradations.semantic import subject as module
from iqbench.degradations.semantic.model_file import FILE_NAME
from iqbench.degradations.semantic.subject import SubjectFinder
from iqbench.errors import MissingResource, UsageError
from iqbench.interfaces import NotApplicable, Photo

CLEAR = (40, 80, 60, 120)


@pytest.mark.parametrize(
    ("photo", "reason"),
    [
        (grass(), r"no clear subject: the highest saliency is 0\.00, not above 0\.8"),
        (with_subject(grass(), (50, 54, 50, 54)), r"no clear subject: 0\.1 % of the photo is salient, not 2 to 35 %"),
        (with_subject(grass(), (0, 120, 0, 100)), r"no clear subject: 50\.0 % of the photo is salient, not 2 to 35 %"),
        (
            with_subject(grass(), (20, 60, 20, 60), (20, 60, 120, 160)),
            "no clear subject: its largest part is 50 % of it, not above 70 %",
        ),
    ],
)
def test_a_photo_without_a_clear_subject_is_told_with_the_number(photo: Photo, reason: str) -> None:
    with pytest.raises(NotApplicable, match=f"^{reason}$"):
        red_finder().find(photo)


def test_the_mask_is_the_subject_and_the_removed_region_has_a_margin_of_a_share_of_the_shorter_side() -> None:
    subject = red_finder(dilation=0.05).find(with_subject(grass(), CLEAR))
    expected = np.zeros((120, 200), bool)
    expected[40:80, 60:120] = True
    assert (subject.silhouette ^ expected).sum() < 200  # a pixel along the edge
    rows, columns = np.flatnonzero(subject.region.any(axis=1)), np.flatnonzero(subject.region.any(axis=0))
    assert (rows[0], columns[0]) == (pytest.approx(34, abs=1), pytest.approx(54, abs=1))  # 6 px: 5 % of 120


@pytest.mark.parametrize("share", [0.33, 0.67])
def test_a_share_is_that_of_the_area_hangs_together_and_starts_at_the_top(share: float) -> None:
    subject = red_finder().find(with_subject(grass(), (20, 100, 80, 110), (70, 100, 40, 150)))
    removed = subject.part(share) & subject.silhouette
    assert removed.sum() / subject.silhouette.sum() == pytest.approx(share, abs=0.04)
    assert removed[24, 85:105].all()
    assert not removed[97, 145]
    assert len(module._components(removed)) == 1


def test_each_share_contains_the_smaller_ones() -> None:
    subject = red_finder().find(with_subject(grass(), CLEAR, (90, 100, 60, 90)))
    parts = [subject.part(share) for share in (0.2, 0.33, 0.67, 1.0)]
    for smaller, larger in pairwise(parts):
        assert not (smaller & ~larger)[subject.silhouette].any()
        assert smaller.sum() < larger.sum()


def test_a_shadow_that_touches_the_subject_from_below_goes_with_the_whole_of_it_only() -> None:
    photo = grass()
    photo[78:86, 60:135] = photo[78:86, 60:135] // 3
    photo[5:15, 150:190] = photo[5:15, 150:190] // 3  # dark, but elsewhere
    subject = red_finder().find(with_subject(photo, CLEAR))
    assert subject.part(1.0)[82, 100:132].all()
    assert not subject.part(0.67)[82, 100:132].any()
    assert not subject.region[5:15, 150:190].any()


def test_a_dark_ground_is_no_shadow() -> None:
    photo = grass()
    photo[82:] = 5
    with_ground = red_finder().find(with_subject(photo, CLEAR)).region
    assert with_ground[90:].sum() == 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"segmenter": "sam"}, "subject.segmenter=sam: must be auto, u2netp or grabcut"),
        ({"min_area": -1}, "subject.min_area=-1: must be from 0 to 1"),
        ({"max_left": float("nan")}, "subject.max_left=nan"),
        ({"dilation": "wide"}, "subject.dilation=wide: must be from 0 to 1"),
        ({"max_area": None}, "subject.max_area=None: must be from 0 to 1"),
        ({"min_area": 0.5}, "must not exceed max_area"),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        red_finder(**changes)


def test_grabcut_stands_in_only_where_the_setting_allows_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing(path: str | None, cache: str | None) -> None:
        raise MissingResource(f"{FILE_NAME}: cannot be obtained")

    monkeypatch.setattr(module, "model_file", missing)
    assert SubjectFinder(**{**SETTINGS, "segmenter": "auto"}).made_with == "grabcut"  # type: ignore[arg-type]
    assert "subjects are found by GrabCut, which errs more often than U²-Net: u2netp.onnx" in caplog.text
    for changes in ({"segmenter": "u2netp"}, {"segmenter": "auto", "model_file": "/nowhere/u2netp.onnx"}):
        with pytest.raises(MissingResource, match="cannot be obtained"):
            SubjectFinder(**{**SETTINGS, **changes})  # type: ignore[arg-type]
