import numpy as np
import pytest

from iqbench.degradations.crop import (
    crop_aspect,
    crop_aspect_ladders,
    crop_center,
    crop_center_ladder,
    crop_corner,
    crop_corner_ladders,
    crop_edge,
    crop_edge_ladders,
)
from iqbench.degradations.ladder import suite
from iqbench.errors import UsageError

# 37 rows, 53 columns; every pixel knows its place.
PLACES = np.stack([*np.mgrid[:37, :53], np.zeros((37, 53), int)], axis=-1).astype(np.uint8)

# What is kept, as first and last row, first and last column, worked out by hand.
CROPS = {
    "right 20 %": (lambda: crop_edge(PLACES, "right", 0.2), (0, 36, 0, 42)),  # int(10.6) = 10 of 53 go
    "right 30 %": (lambda: crop_edge(PLACES, "right", 0.3), (0, 36, 0, 37)),  # int(15.9) = 15 go
    "left 20 %": (lambda: crop_edge(PLACES, "left", 0.2), (0, 36, 10, 52)),
    "top 30 %": (lambda: crop_edge(PLACES, "top", 0.3), (11, 36, 0, 52)),
    "bottom 20 %": (lambda: crop_edge(PLACES, "bottom", 0.2), (0, 29, 0, 52)),  # int(7.4) = 7 of 37 go
    "bottom 30 %": (lambda: crop_edge(PLACES, "bottom", 0.3), (0, 25, 0, 52)),  # int(11.1) = 11 go
    "top left 70 %": (lambda: crop_corner(PLACES, "top_left", 0.7), (0, 24, 0, 36)),  # int(25.9), int(37.1)
    "bottom right 70 %": (lambda: crop_corner(PLACES, "bottom_right", 0.7), (12, 36, 16, 52)),
    "bottom right 60 %": (lambda: crop_corner(PLACES, "bottom_right", 0.6), (15, 36, 22, 52)),  # 22, 31
    "top right 60 %": (lambda: crop_corner(PLACES, "top_right", 0.6), (0, 21, 22, 52)),
    "bottom left 60 %": (lambda: crop_corner(PLACES, "bottom_left", 0.6), (15, 36, 0, 30)),
    "tall 60 %": (lambda: crop_aspect(PLACES, "tall", 0.6), (0, 36, 11, 41)),  # 31 of 53: 11 left, 11 right
    "tall 50 %": (lambda: crop_aspect(PLACES, "tall", 0.5), (0, 36, 13, 38)),  # 26 of 53: 13 left, 14 right
    "wide 60 %": (lambda: crop_aspect(PLACES, "wide", 0.6), (7, 28, 0, 52)),  # 22 of 37: 7 above, 8 below
    "wide 50 %": (lambda: crop_aspect(PLACES, "wide", 0.5), (9, 26, 0, 52)),  # 18 of 37: 9 above, 10 below
    "centre 70 %": (lambda: crop_center(PLACES, 0.7), (6, 30, 8, 44)),  # 25 and 37
    "centre 60 %": (lambda: crop_center(PLACES, 0.6), (7, 28, 11, 41)),  # 22 and 31
}


@pytest.mark.parametrize("name", CROPS)
def test_a_crop_keeps_the_pixels_worked_out_by_hand(name: str) -> None:
    crop, (top, bottom, left, right) = CROPS[name]
    cropped_photo = crop()
    assert cropped_photo[0, 0].tolist() == [top, left, 0]
    assert cropped_photo[-1, -1].tolist() == [bottom, right, 0]
    assert np.array_equal(cropped_photo, PLACES[top : bottom + 1, left : right + 1])


@pytest.mark.parametrize("share", [0, 1, 1.5, -0.1, float("nan")])
def test_a_share_that_leaves_all_or_nothing_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share must be between 0 and 1"):
        crop_edge_ladders(["right"], [0.2, share])
    for ladders in (
        lambda: crop_corner_ladders(["top_left"], [share]),
        lambda: crop_aspect_ladders(["tall"], [share]),
        lambda: crop_center_ladder([share]),
    ):
        with pytest.raises(ValueError, match="keep must be between 0 and 1"):
            ladders()


def test_a_place_that_there_is_not_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="edge must be among right, bottom, left, top, not middle"):
        crop_edge_ladders(["right", "middle"], [0.2])
    with pytest.raises(ValueError, match=r"corner must be among .*, not middle"):
        crop_corner_ladders(["middle"], [0.7])
    with pytest.raises(ValueError, match="shape must be among tall, wide, not square"):
        crop_aspect_ladders(["square"], [0.5])


def test_an_edge_ladder_climbs_with_what_is_removed_and_the_others_with_what_is_not_kept() -> None:
    (edge,) = crop_edge_ladders(["right"], [0.3, 0.125]).ladders
    (centre,) = crop_center_ladder([0.6, 0.9]).ladders
    assert [level.name for level in edge.levels] == ["right_12.5pct", "right_30pct"]
    assert [level.name for level in centre.levels] == ["90pct", "60pct"]


def test_a_place_that_is_given_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="level given twice: crop_edge/right_20pct"):
        suite({"crop_edge": crop_edge_ladders(["right", "right"], [0.2])})
