"""Removals, their controls, and backgrounds of a photo with a red subject."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from fixtures.subjects import RedSegmenter, grass, red_finder, with_subject
from iqbench.degradations.ladder import Degradation, controlled_by, suite
from iqbench.degradations.semantic import background, masks
from iqbench.degradations.semantic import scene as scenes
from iqbench.degradations.semantic.background import change_background_ladders, other_photo
from iqbench.degradations.semantic.removal import remove_subject_ladder
from iqbench.interfaces import NotApplicable, Photo, PhotoContext, PhotoFile, Variant

CLEAR = (40, 80, 60, 110)


@pytest.fixture(autouse=True)
def no_scene_of_another_test() -> None:
    scenes._last.clear()


def removal(**changes: object) -> dict[str, Variant]:
    ladder = remove_subject_ladder([1, 0.33, 0.67], red_finder(**changes))
    return {variant.level: variant for variant in suite({"remove_subject": ladder})}


def backgrounds() -> dict[str, Variant]:
    ladders: Degradation = change_background_ladders(["blurred", "plain", "other"], 0.02, red_finder())
    return {variant.level: variant for variant in suite({"change_background": ladders})}


def red(photo: Photo) -> np.ndarray:
    return (photo[..., 0] > 180) & (photo[..., 1] < 60)


def test_the_levels_remove_a_third_two_thirds_and_the_whole_subject() -> None:
    photo = with_subject(grass(), CLEAR)
    variants = removal()
    left = [
        red(variants[level].picture(photo, None)).sum() / red(photo).sum() for level in ("33pct", "67pct", "100pct")
    ]
    assert left == [pytest.approx(0.67, abs=0.06), pytest.approx(0.33, abs=0.06), 0.0]
    assert [variants[level].severity for level in ("33pct", "67pct", "100pct")] == [1, 2, 3]


def test_a_removal_that_leaves_something_that_stands_out_is_refused_with_the_number() -> None:
    class Stubborn(RedSegmenter):
        def saliency(self, photo: Photo) -> np.ndarray:
            return RedSegmenter.saliency(self, with_subject(grass(), CLEAR))

    finder = red_finder()
    object.__setattr__(finder, "segment", Stubborn())
    for variant in suite({"remove_subject": remove_subject_ladder([0.5, 1], finder)}):
        with pytest.raises(
            NotApplicable, match=r"^removal not convincing: saliency 1\.00 in its place, not below 0\.2$"
        ):
            variant.picture(with_subject(grass(), CLEAR), None)


@pytest.mark.parametrize("level", ["33pct", "67pct", "100pct"])
def test_a_hole_has_the_size_of_the_removal_lies_in_the_background_and_leaves_the_subject_alone(level: str) -> None:
    photo = with_subject(grass(), CLEAR)
    variants = removal()
    removed, hole = (variants[name].picture(photo, None) for name in (level, f"hole_{level}"))
    subject = np.s_[CLEAR[0] : CLEAR[1], CLEAR[2] : CLEAR[3]]
    assert np.array_equal(hole[subject], photo[subject])
    assert not np.array_equal(hole, photo)
    region = scenes.scene_of(photo, red_finder()).subject.part(float(level.removesuffix("pct")) / 100)
    changed = (hole != photo).any(axis=2).sum()
    assert 0.7 * region.sum() < changed < 1.6 * region.sum()
    assert (removed != photo).any(axis=2).sum() > 0.7 * region.sum()


def test_a_hole_that_fits_nowhere_is_refused() -> None:
    photo = with_subject(grass(), (10, 80, 60, 130))
    variants = removal()
    variants["100pct"].picture(photo, None)
    with pytest.raises(NotApplicable, match=r"^no room for a hole"):
        variants["hole_100pct"].picture(photo, None)


def test_a_hole_is_mirrored_where_it_fits_in_no_other_way() -> None:
    photo = with_subject(grass(120, 200), (30, 36, 20, 190), (36, 90, 20, 32), (84, 90, 20, 40))
    removal()["hole_100pct"].picture(photo, None)
    scene = scenes.scene_of(photo, red_finder())
    assert not (scene._place(1.0) & scene.subject.silhouette).any()


@pytest.mark.parametrize("level", ["pasted_33pct", "pasted_100pct"])
def test_the_subject_pasted_back_is_whole_and_only_its_surroundings_are_edited(level: str) -> None:
    photo = with_subject(grass(), CLEAR)
    pasted = removal()[level].picture(photo, None)
    inner = np.s_[CLEAR[0] + 3 : CLEAR[1] - 3, CLEAR[2] + 3 : CLEAR[3] - 3]
    assert np.array_equal(pasted[inner], photo[inner])
    far = ~cv2.dilate(red(photo).astype(np.uint8), np.ones((31, 31), np.uint8)).astype(bool)
    assert np.array_equal(pasted[far], photo[far])
    assert not np.array_equal(pasted, photo)


def test_the_background_changes_and_the_subject_stays() -> None:
    photo = with_subject(grass(), CLEAR)
    inner = np.s_[CLEAR[0] + 3 : CLEAR[1] - 3, CLEAR[2] + 3 : CLEAR[3] - 3]
    variants = backgrounds()
    blurred, plain = (variants[level].picture(photo, None) for level in ("blurred", "plain"))
    for picture in (blurred, plain):
        assert np.array_equal(picture[inner], photo[inner])
    assert blurred[:30, :40, 0].std() < 0.5 * photo[:30, :40, 0].std()
    assert len(np.unique(plain[:30, :40].reshape(-1, 3), axis=0)) == 1
    assert np.abs(plain[0, 0].astype(int) - [90, 140, 80]).max() < 4
    assert not red(np.where(red(photo)[..., None], np.uint8(0), blurred)).any()  # nothing of it bleeds into the blur


@pytest.fixture
def source(tmp_path: Path) -> list[PhotoFile]:
    photos = {"a.png": with_subject(grass(), CLEAR), "b.png": grass(90, 90, 1) // 2, "c.png": 255 - grass(60, 300, 2)}
    photos["copy.png"] = photos["a.png"]
    for name, photo in photos.items():
        Image.fromarray(photo).save(tmp_path / name)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    names = [*photos, "broken.png", "gone.png"]
    return [PhotoFile(f"./{name}", tmp_path / name) for name in names]


def test_the_other_background_is_a_readable_photo_that_is_no_copy_and_the_same_in_any_order(
    source: list[PhotoFile],
) -> None:
    photo = with_subject(grass(), CLEAR)
    chosen, _ = other_photo(photo, PhotoContext(source[0], source))
    assert chosen.name in ("./b.png", "./c.png")
    assert other_photo(photo, PhotoContext(source[0], source[::-1]))[0] == chosen
    others = [file for file in source if file.name != chosen.name]
    assert other_photo(photo, PhotoContext(source[0], others))[0].name in {"./b.png", "./c.png"} - {chosen.name}
    picture = backgrounds()["other"].picture(photo, PhotoContext(source[0], source))
    assert picture.shape == photo.shape
    assert np.array_equal(picture[50:70, 70:100], photo[50:70, 70:100])
    assert np.abs(picture[:20, :40].astype(int) - photo[:20, :40]).mean() > 20


def test_the_other_photo_is_the_first_by_the_hash_of_this_photos_content_and_its_name(source: list[PhotoFile]) -> None:
    photo = with_subject(grass(), CLEAR)
    content = hashlib.sha256(b"(120, 200, 3)" + photo.tobytes()).hexdigest()
    first = min(("./b.png", "./c.png"), key=lambda name: hashlib.sha256(f"{content} {name}".encode()).hexdigest())
    assert other_photo(photo, PhotoContext(source[0], source))[0].name == first


def test_without_another_photo_there_is_no_other_background(source: list[PhotoFile]) -> None:
    photo, (own, *_, copy, broken, gone) = with_subject(grass(), CLEAR), source
    with pytest.raises(NotApplicable, match=r"^no other photo: the source holds none"):
        backgrounds()["other"].picture(photo, PhotoContext(own, [own, copy, broken, gone]))
    with pytest.raises(NotApplicable, match=r"^no other photo: this one comes without its source"):
        backgrounds()["other"].picture(photo, None)


def test_the_subject_is_looked_for_once_a_photo_whatever_the_number_of_variants() -> None:
    looked = list[tuple[int, ...]]()

    class Counting(RedSegmenter):
        def saliency(self, photo: Photo) -> np.ndarray:
            looked.append(photo.shape)
            return RedSegmenter.saliency(self, photo)

    finder = red_finder()
    object.__setattr__(finder, "segment", Counting())
    ladders = {
        "remove_subject": remove_subject_ladder([0.33, 0.67, 1], finder),
        "change_background": change_background_ladders(["blurred", "plain"], 0.02, finder),
    }
    for photo in (with_subject(grass(), CLEAR), with_subject(grass(seed=1), CLEAR)):
        for variant in suite(ladders):
            variant.picture(photo, None)
    assert len(looked) == 4  # once each, and once after the removal
    assert len(scenes._last) == 1


def test_a_photo_that_is_changed_in_place_is_looked_at_again_and_an_equal_copy_is_not() -> None:
    photo, finder = with_subject(grass(), CLEAR), red_finder()
    scene = scenes.scene_of(photo, finder)
    assert scenes.scene_of(photo.copy(), red_finder()) is scene
    assert scenes.scene_of(photo, red_finder(dilation=0.1)) is not scene
    scene = scenes.scene_of(photo, finder)
    photo[:] = grass()
    with pytest.raises(NotApplicable, match=r"^no clear subject"):
        scenes.scene_of(photo, finder)
    assert red(scene.photo).any()


def test_the_scene_of_a_large_photo_holds_the_photo_its_background_and_small_masks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(masks, "MAX_PIXELS", 5000)
    photo = with_subject(grass(300, 400), (100, 170, 150, 240))
    photo.flags.writeable = False
    for variant in [*removal().values(), backgrounds()["plain"]]:
        variant.picture(photo, None)
    scene = scenes._last[0].scene
    assert isinstance(scene, scenes.Scene)
    held = [value for part in (scene, scene.subject) for value in vars(part).values() if isinstance(value, np.ndarray)]
    assert scene.photo is photo
    assert sum(array.nbytes for array in held) <= 2 * photo.nbytes + 320**2 * (1 + 8) + (3 + 1 + 1 + 4) * 5000


class DarkSegmenter(RedSegmenter):
    """Takes for salient what is dark."""

    def saliency(self, photo: Photo) -> np.ndarray:
        return (cv2.resize(photo, (320, 320), interpolation=cv2.INTER_AREA)[..., 0] < 20).astype(np.float32)


@pytest.mark.parametrize("size", [(32, 32), (30, 40), (32, 20_000), (20_000, 33), (40, 3000)])
@pytest.mark.parametrize("is_grey", [False, True], ids=["colour", "grey"])
def test_a_photo_of_any_shape_gets_pictures_of_its_shape(
    size: tuple[int, int], is_grey: bool, source: list[PhotoFile]
) -> None:
    height, width = size
    photo = grass(*size)
    photo[height // 4 : height // 2, width // 3 : 2 * width // 3] = 5
    photo = np.repeat(photo[..., :1], 3, axis=2) if is_grey else photo
    finder = red_finder()
    object.__setattr__(finder, "segment", DarkSegmenter())
    ladders = {
        "remove_subject": remove_subject_ladder([0.33, 1], finder),
        "change_background": change_background_ladders(["blurred", "plain", "other"], 0.02, finder),
    }
    variants = [variant for variant in suite(ladders) if "hole" not in variant.level]
    made = {variant.key: variant.picture(photo, PhotoContext(source[0], source)) for variant in variants}
    assert all((picture.shape, picture.dtype) == (photo.shape, np.uint8) for picture in made.values())
    assert (made["remove_subject/100pct"][height // 3, width // 2 - 1] > 20).all()
    if is_grey:
        assert all((made[key] == made[key][..., :1]).all() for key in made if key != "change_background/other")


def test_a_small_photo_that_covers_a_wide_frame_is_cut_before_it_is_enlarged(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, resize = list[tuple[int, int]](), cv2.resize

    def watched(photo: Photo, size: tuple[int, int], **options: int) -> Photo:
        sizes.append(size)
        return np.asarray(resize(photo, size, **options))

    monkeypatch.setattr(cv2, "resize", watched)
    covering = background._covering(grass(200, 300), 40, 40_000)
    assert covering.shape == (40, 40_000, 3)
    assert sizes == [(40_000, 40)]


@pytest.mark.parametrize("frame", [(50, 50), (30, 120), (120, 30), (500, 400), (1, 1)])
def test_the_other_background_is_the_middle_of_the_photo_in_its_own_shape(frame: tuple[int, int]) -> None:
    rows, columns = np.mgrid[:101, :201]
    photo = np.dstack([rows, columns, np.zeros_like(rows)]).astype(np.uint8)
    covering = background._covering(photo, *frame).astype(float)
    middle = covering[(frame[0] - 1) // 2 : frame[0] // 2 + 1, (frame[1] - 1) // 2 : frame[1] // 2 + 1].mean(
        axis=(0, 1)
    )
    assert middle[:2] == pytest.approx([50, 100], abs=1.5)
    if min(frame) > 1:
        steps = np.ptp(covering[..., 0]) / frame[0], np.ptp(covering[..., 1]) / frame[1]
        assert steps[0] == pytest.approx(steps[1], rel=0.1)


def test_controls_are_tied_to_their_damage_and_are_in_no_mean() -> None:
    controls = {
        v.key: (v.group, controlled_by(v.type, v.ladder)) for v in [*removal().values(), *backgrounds().values()]
    }
    assert controls["remove_subject/hole_33pct"] == ("control", ("hole", "33pct"))
    assert controls["remove_subject/pasted_100pct"] == ("control", ("pasted", "100pct"))
    assert controls["change_background/pasted"] == ("control", ("pasted", ""))
    assert controls["remove_subject/33pct"] == ("semantic", None)


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="share must be above 0 and at most 1"):
        remove_subject_ladder([0, 1], red_finder())
    with pytest.raises(ValueError, match="background must be among blurred, plain, other, not green"):
        change_background_ladders(["green"], 0.02, red_finder())  # type: ignore[list-item]
    with pytest.raises(ValueError, match="blur must be above 0"):
        change_background_ladders(["blurred"], 0, red_finder())
