from typing import get_args

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from fixtures.photos import noisy_gradient
from iqbench.degradations.blur import blur
from iqbench.errors import UsageError
from iqbench.interfaces import Photo
from iqbench.preprocessing import (
    MEAN_COLOUR,
    Rule,
    TensorRule,
    check_rule,
    separate_patches,
    view,
    view_groups,
    view_of_tensors,
)

RULES: tuple[Rule, ...] = get_args(Rule)
SIZES = [(32, 32), (33, 47), (300, 200), (32, 2000), (2000, 32), (1, 1), (1, 9), (224, 224)]
BORDER = [117, 115, 110]  # 255 x 0.460 = 117.3, 255 x 0.450 = 114.75, 255 x 0.430 = 109.65


def position_photo(height: int, width: int) -> Photo:
    """Return a photo whose pixels are their own row and column, up to 250."""
    return np.stack([*np.mgrid[:height, :width], np.zeros((height, width), int)], axis=-1).astype(np.uint8)


def pixels(photo: Photo) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(photo)).permute(2, 0, 1)


def stripes(height: int, width: int, rows: slice = slice(0), columns: slice = slice(0)) -> Photo:
    """Return a black photo with white rows or columns."""
    photo = np.zeros((height, width, 3), np.uint8)
    photo[rows] = 255
    photo[:, columns] = 255
    return photo


@pytest.mark.parametrize("height_and_width", SIZES)
@pytest.mark.parametrize("rule", RULES)
def test_a_photo_of_any_size_becomes_squares_and_is_left_alone(rule: Rule, height_and_width: tuple[int, int]) -> None:
    photo = noisy_gradient(*height_and_width)
    photo.flags.writeable = False
    original = photo.copy()
    picture = view(photo, rule, 32)
    count = {"native": (5,), "multiscale": (10,)}.get(rule, ())
    assert picture.shape == (*count, 3, 32, 32)
    assert picture.dtype == torch.uint8
    picture.zero_()
    assert np.array_equal(photo, original)


@pytest.mark.parametrize("rule", RULES)
def test_view_groups_count_the_pictures(rule: Rule, photo: Photo) -> None:
    assert view(photo, rule, 32).numel() == sum(group.pictures for group in view_groups(rule)) * 3 * 32 * 32


@pytest.mark.parametrize("rule", RULES)
def test_a_view_does_not_depend_on_the_memory_layout_of_the_photo(rule: Rule, photo: Photo) -> None:
    elsewhere = np.asfortranarray(photo[:, ::-1])[:, ::-1]
    assert torch.equal(view(elsewhere, rule, 48), view(photo, rule, 48))


@pytest.mark.parametrize("rule", RULES)
def test_a_grey_photo_stays_grey(rule: Rule) -> None:
    picture = view(np.full((70, 70, 3), 90, np.uint8), rule, 64)
    assert picture.unique().tolist() == [90]


def test_each_rule_is_found_by_its_name_and_a_typo_lists_them_all() -> None:
    assert [check_rule(rule) for rule in RULES] == list(RULES)
    with pytest.raises(UsageError) as refusal:
        check_rule("fitcrop")
    assert str(refusal.value) == (
        "model.preprocessing=fitcrop: no such rule; there are standard, fit_crop, pad, squash, native and multiscale"
    )


@pytest.mark.parametrize("height_and_width", [(95, 127), (130, 64), (40, 50)])
def test_standard_and_squash_are_what_the_reference_weights_were_trained_on(height_and_width: tuple[int, int]) -> None:
    photo = noisy_gradient(*height_and_width)
    resized = transforms.resize(pixels(photo), [73], antialias=True)  # 64 x 256 / 224 = 73.1
    assert torch.equal(view(photo, "standard", 64), transforms.center_crop(resized, [64, 64]))
    assert torch.equal(view(photo, "squash", 64), transforms.resize(pixels(photo), [64, 64], antialias=True))


def test_standard_and_squash_cut_a_panorama_to_eight_to_one() -> None:
    photo = noisy_gradient(20, 400)
    for rule in ("standard", "squash"):
        assert torch.equal(view(photo, rule, 32), view(photo[:, 120:280], rule, 32))  # 8 x 20 of 400, centred


# fit_crop


def test_fit_crop_shows_the_outermost_rows_of_the_short_side_and_standard_does_not() -> None:
    for photo in (stripes(96, 150, rows=slice(0, 3)), stripes(96, 150, rows=slice(93, 96))):
        # Three rows are one; the antialiasing triangle weighs rows 0 to 4 with 2, 3, 2, 1, 0: 255 x 7 / 8.
        assert view(photo, "fit_crop", 32).max() == 223
        assert view(photo, "standard", 32).max() == 0
    for photo in (stripes(150, 96, columns=slice(0, 3)), stripes(150, 96, columns=slice(93, 96))):
        assert view(photo, "fit_crop", 32).max() == 223
        assert view(photo, "standard", 32).max() == 0


def test_fit_crop_of_a_photo_of_that_height_is_its_middle_to_the_bit() -> None:
    photo = noisy_gradient(32, 100)
    assert torch.equal(view(photo, "fit_crop", 32), pixels(photo[:, 34:66]))


# pad


def test_pad_surrounds_the_photo_with_the_mean_colour_of_the_training_photos() -> None:
    assert MEAN_COLOUR == (0.460, 0.450, 0.430)
    picture = view(np.zeros((100, 200, 3), np.uint8), "pad", 64)  # 32 of 64 rows, 16 above and 16 below
    assert picture[:, :16].flatten(1).unique(dim=1).flatten().tolist() == BORDER
    assert picture[:, 48:].flatten(1).unique(dim=1).flatten().tolist() == BORDER
    assert picture[:, 16:48].max() == 0


def test_pad_of_a_tall_photo_has_its_borders_at_the_sides() -> None:
    picture = view(np.zeros((47, 33, 3), np.uint8), "pad", 64)  # 64 x 33 / 47 = 44.9: 45 columns, 9 left and 10 right
    assert picture[:, :, 9:54].max() == 0
    assert picture[:, 0, :9].T.tolist() == [BORDER] * 9
    assert picture[:, 63, 54:].T.tolist() == [BORDER] * 10


def test_pad_keeps_the_aspect_and_every_edge() -> None:
    photo = noisy_gradient(32, 64)
    assert torch.equal(view(photo, "pad", 64)[:, 16:48], pixels(photo))
    for sides in (stripes(50, 300, columns=slice(0, 5)), stripes(50, 300, columns=slice(295, 300))):
        assert view(sides, "pad", 60)[:, 25:35].max() == 220  # weights 3, 4, 5, 4, 3, 2, 1: 255 x 19 / 22


@pytest.mark.parametrize("height_and_width", [(32, 2000), (2000, 32), (1, 5000)])
def test_pad_shows_something_of_the_longest_panorama(height_and_width: tuple[int, int]) -> None:
    picture = view(np.full((*height_and_width, 3), 255, np.uint8), "pad", 32)
    assert int((picture == 255).all(dim=0).sum()) == 32  # one row of 32


# native


def test_native_shows_the_whole_frame_first() -> None:
    photo = noisy_gradient(90, 140)
    assert torch.equal(view(photo, "native", 32)[0], view(photo, "pad", 32))


def test_native_patches_are_the_photos_own_pixels_at_the_centres_of_its_quadrants() -> None:
    photo = noisy_gradient(400, 600)
    patches = view(photo, "native", 64)[1:]
    # The quadrants' centres are rows 100 and 300, columns 150 and 450; a patch begins 32 before.
    corners = [(68, 118), (68, 418), (268, 118), (268, 418)]
    for patch, (top, left) in zip(patches, corners, strict=True):
        assert torch.equal(patch, pixels(photo[top : top + 64, left : left + 64]))


def test_native_patches_stay_inside_a_photo_that_has_room_for_them() -> None:
    photo = position_photo(90, 64)
    # 90 / 4 - 32 is above the photo, so the upper patches begin at 0 and the lower ones end at 90; 64 columns are all.
    for patch, top in zip(view(photo, "native", 64)[1:], (0, 0, 26, 26), strict=True):
        assert torch.equal(patch, pixels(photo[top : top + 64]))


def test_the_patches_of_a_mirror_image_are_mirror_images() -> None:
    photo = noisy_gradient(301, 407)
    straight, mirrored = view(photo, "native", 64), view(photo[:, ::-1], "native", 64)
    for at, opposite in ((1, 2), (2, 1), (3, 4), (4, 3)):
        assert torch.equal(mirrored[at], straight[opposite].flip(-1))


def test_a_photo_smaller_than_a_patch_is_extended_by_reflection() -> None:
    patch = view(position_photo(3, 100), "native", 8)[1]
    assert patch[0, :, 0].tolist() == [1, 0, 0, 1, 2, 2, 1, 0]  # 2 rows above, 3 below
    assert patch[1, 0].tolist() == [21, 22, 23, 24, 25, 26, 27, 28]  # column 25 - 4 and on
    patch = view(position_photo(100, 1), "native", 8)[4]
    assert patch[1].max() == 0
    assert patch[0, :, 7].tolist() == [71, 72, 73, 74, 75, 76, 77, 78]  # as far from the end as 21 is from the start


def test_every_patch_shows_all_of_a_photo_that_fits_into_it() -> None:
    # One row above, one below, one column on the right: where the photo ends, its last pixel comes once more.
    expected = position_photo(6, 7)[[0, 0, 1, 2, 3, 4, 5, 5]][:, [0, 1, 2, 3, 4, 5, 6, 6]]
    for patch in view(position_photo(6, 7), "native", 8)[1:]:
        assert torch.equal(patch, pixels(expected))


def test_native_never_mixes_pixels_of_a_photo_of_any_size() -> None:
    for side in range(1, 40):
        photo = position_photo(side, 41 - side)
        patches = view(photo, "native", 16)[1:]
        patch_pixels = {tuple(pixel) for pixel in patches.permute(0, 2, 3, 1).reshape(-1, 3).tolist()}
        assert patch_pixels <= {(row, column, 0) for row in range(side) for column in range(41 - side)}


def test_native_keeps_a_slight_blur_visible_that_the_standard_resize_hides() -> None:
    photo = noisy_gradient(600, 800)
    blurred = blur(photo, sigma=1.0)

    def change(rule: Rule) -> float:
        return float((view(photo, rule, 64).float() - view(blurred, rule, 64).float()).abs().mean())

    assert change("native") > 5 * change("standard")


# multiscale


def patches(photo: Photo, size: int) -> list[Tensor]:
    """The patches of each scale of a multiscale view."""
    groups = view_groups("multiscale")
    pictures = view(photo, "multiscale", size).split([group.pictures for group in groups])
    return [
        separate_patches(some.unsqueeze(0), group.per_side)[0] for some, group in zip(pictures, groups, strict=True)
    ]


def test_multiscale_shows_the_quarters_of_the_frame_and_patches_of_three_finer_scales() -> None:
    scales = [tuple(scale.shape) for scale in patches(noisy_gradient(400, 300), 48)]
    assert scales == [(4, 3, 48, 48), (18, 3, 16, 16), (18, 3, 16, 16), (18, 3, 16, 16)]


def test_the_quarters_are_the_whole_frame() -> None:
    photo = noisy_gradient(120, 300)
    rows = patches(photo, 48)[0].unflatten(0, (2, 2))
    assert torch.equal(torch.cat([torch.cat([*row], dim=2) for row in rows], dim=1), view(photo, "squash", 96))


def test_the_finest_patches_are_of_the_photo_itself_six_along_its_longer_side_and_three_along_the_shorter() -> None:
    photo = noisy_gradient(360, 300)
    found = patches(photo, 48)[-1]
    for at, (row, column) in enumerate((row, column) for row in range(6) for column in range(3)):
        top, left = 30 + 60 * row - 8, 50 + 100 * column - 8
        assert torch.equal(found[at], pixels(photo[top : top + 16, left : left + 16])), (row, column)
    sideways = patches(np.ascontiguousarray(photo.transpose(1, 0, 2)), 48)[-1]
    assert torch.equal(sideways[1], found[3].transpose(1, 2))


def test_a_photo_smaller_than_a_fine_patch_is_extended_by_reflection() -> None:
    photo = noisy_gradient(9, 12)
    finest = patches(photo, 48)[-1]
    assert all(torch.equal(patch, finest[0]) for patch in finest)
    assert torch.equal(finest[0][:, 3:12, 2:14], pixels(photo))


def test_the_scales_of_a_photo_do_not_depend_on_its_size() -> None:
    rows, columns = np.mgrid[:2400, :3200] / 3200
    large = np.stack([rows, columns, (rows + columns) / 2], axis=-1) * 255
    small = large.reshape(600, 4, 800, 4, 3).mean(axis=(1, 3))
    both = (patches(np.round(photo).astype(np.uint8), 48)[:-1] for photo in (large, small))
    for first, second in zip(*both, strict=True):
        assert (first.int() - second.int()).abs().max() <= 3


def test_an_enlarged_patch_shows_the_place_that_it_is_named_for() -> None:
    columns = np.linspace(0, 255, 256)
    photo = np.repeat(np.tile(columns, (256, 1))[..., None], 3, axis=2).round().astype(np.uint8)
    finest_enlarged = patches(photo, 48)[2].float().mean(dim=(1, 2, 3))
    expected = torch.tensor([(column + 0.5) / 6 * 255 for _ in range(3) for column in range(6)])
    assert torch.allclose(finest_enlarged, expected, atol=1.0)


def test_mirrored_photos_have_mirrored_patches() -> None:
    photo = noisy_gradient(300, 360)
    for scale, mirrored in zip(patches(photo, 48), patches(np.ascontiguousarray(photo[:, ::-1]), 48), strict=True):
        columns = 6 if len(scale) == 18 else 2
        expected = scale.unflatten(0, (-1, columns)).flip(1).flatten(0, 1).flip(-1)
        assert (expected.int() - mirrored.int()).abs().max() <= 1


def test_separate_patches_go_row_by_row() -> None:
    picture = torch.arange(36).view(1, 1, 1, 6, 6).expand(1, 1, 3, 6, 6)
    found = separate_patches(picture, 3)
    assert found.shape == (1, 9, 3, 2, 2)
    assert found[0, :, 0, 0, 0].tolist() == [0, 2, 4, 12, 14, 16, 24, 26, 28]
    assert found[0, 1, 0].tolist() == [[2, 3], [8, 9]]
    assert torch.equal(separate_patches(picture, 1), picture)


@pytest.mark.parametrize("size", [32, 64, 224])
@pytest.mark.parametrize("rule", get_args(TensorRule))
def test_a_view_of_tensors_has_the_same_bytes(rule: TensorRule, size: int) -> None:
    for height, width in [*SIZES[:5], (700, 300), (35, 33), (225, 512)]:
        photo = noisy_gradient(height, width)
        two = torch.stack([pixels(photo), 255 - pixels(photo)])
        views = view_of_tensors(two, rule, size)
        assert torch.equal(views[0], view(photo, rule, size)), (height, width)
        assert torch.equal(views[1], view(255 - photo, rule, size)), (height, width)
