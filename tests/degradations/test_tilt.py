import math

import numpy as np
import pytest

from iqbench.degradations.tilt import LONGEST_SIDE, tilt, tilt_ladders
from iqbench.interfaces import NotApplicable


def horizon(height: int, width: int) -> np.ndarray:
    """A photo of a dark half below a bright one."""
    photo = np.full((height, width, 3), 200, np.uint8)
    photo[height // 2 :] = 50
    return photo


@pytest.mark.parametrize("degrees", [1, 4, 12, 45])
@pytest.mark.parametrize(("direction", "sign"), [("clockwise", 1), ("counterclockwise", -1)])
def test_the_horizon_tilts_by_so_many_degrees(direction, sign, degrees) -> None:
    tilted = tilt(horizon(400, 600), direction, degrees)[..., 0]
    height, width = tilted.shape
    columns = np.arange(width // 2 - height // 4, width // 2 + height // 4)
    rows = (tilted[:, columns] > 125).sum(axis=0)  # bright rows above the horizon; clockwise, the right side sinks
    slope = np.polyfit(columns, rows, 1)[0]
    assert math.degrees(math.atan(slope)) == pytest.approx(sign * degrees, abs=0.3)


@pytest.mark.parametrize("size", [(300, 400), (400, 300), (333, 333), (64, 1000)])
@pytest.mark.parametrize("degrees", [1, 12, 45])
def test_the_crop_keeps_the_aspect_and_has_no_empty_corner(size: tuple[int, int], degrees: float) -> None:
    white = tilt(np.full((*size, 3), 255, np.uint8), "clockwise", degrees)
    height, width = white.shape[:2]
    assert white.min() == 255
    assert abs(width * size[0] - height * size[1]) <= max(size)
    # The corners of the crop, turned, touch the photo's frame: a pixel more would leave it.
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    reach = (height * cos + width * sin, height * sin + width * cos)
    assert reach[0] <= size[0] + 1e-9
    assert reach[1] <= size[1] + 1e-9
    assert reach[0] > size[0] - 2 or reach[1] > size[1] - 2


def test_places_inside_the_crop_come_from_inside_the_photo() -> None:
    """A frame of another colour never shows, although the photo's border is repeated."""
    photo = np.full((200, 300, 3), 100, np.uint8)
    photo[0], photo[-1], photo[:, 0], photo[:, -1] = 250, 250, 250, 250
    inner = tilt(photo, "counterclockwise", 7)[4:-4, 4:-4]
    assert (inner > 200).mean() == 0


def test_the_centre_stays() -> None:
    photo = np.zeros((201, 301, 3), np.uint8)
    photo[98:103, 148:153] = 255
    tilted = tilt(photo, "clockwise", 9)[..., 0].astype(float)
    y, x = np.mgrid[: tilted.shape[0], : tilted.shape[1]]
    centre = [(tilted * axis).sum() / tilted.sum() for axis in (y, x)]
    assert centre == pytest.approx([(tilted.shape[0] - 1) / 2, (tilted.shape[1] - 1) / 2], abs=0.05)


def test_a_panorama_that_opencv_cannot_turn_is_not_applicable() -> None:
    with pytest.raises(NotApplicable, match="a side longer than 32,766 px cannot be turned"):
        tilt(np.zeros((32, LONGEST_SIDE + 1, 3), np.uint8), "clockwise", 1)
    assert tilt(np.full((200, LONGEST_SIDE, 3), 9, np.uint8), "clockwise", 0.1).min() == 9


def test_a_direction_or_an_angle_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="direction must be among clockwise, counterclockwise, not left"):
        tilt_ladders(["left"], [1])
    for degrees in (0, 46, -3):
        with pytest.raises(ValueError, match="degrees must be above 0 and at most 45"):
            tilt_ladders(["clockwise"], [degrees])
