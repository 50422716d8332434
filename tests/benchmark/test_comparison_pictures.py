"""The pictures of pairs on which two models disagree."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from fixtures.photos import noisy_gradient
from iqbench import photos
from iqbench.benchmark.comparison_pictures import MAX_FIGURES, Catalogue, comparison_pictures, key_of, shown_pairs
from iqbench.benchmark.pictures import DETAIL_SIDE, WHOLE_SIDE, detail_pair
from iqbench.degradations.blur import blur_ladder
from iqbench.degradations.ladder import suite
from iqbench.interfaces import PhotoFile
from iqbench.results.comparison_pictures import FILE_NAME, read_comparison_pictures, write_comparison_pictures
from iqbench.results.model_agreement import Disagreement, GmadPair, ModelAgreement
from iqbench.statistics.estimate import Share

BLURRED = {"degradation_type": "blur", "ladder": "blur", "level": "4.0", "severity": 1}
CHANCES = {"probability_a": 0.9, "probability_b": 0.5}


def agreement(*pairs) -> ModelAgreement:
    names = ("same", "both_right", "only_a", "only_b", "neither", "either_right", "averaged")
    own = [pair for pair in pairs if isinstance(pair, Disagreement)]
    across = [pair for pair in pairs if isinstance(pair, GmadPair)]
    shares = dict.fromkeys(names, Share(share=0.5))
    return ModelAgreement(a="a", b="b", pairs=1, disagreements=own, gmad=across, **shares)


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    files = {}
    for name, height, width in (("./x.png", 300, 400), ("./y.png", 200, 90)):
        Image.fromarray(noisy_gradient(height, width, seed=height)).save(tmp_path / name)
        files[name] = PhotoFile(name, tmp_path / name)
    return Catalogue(files, {variant.key: variant for variant in suite({"blur": blur_ladder([4])})})


def own_pair(catalogue: Catalogue) -> Disagreement:
    path = catalogue.files["./x.png"].path
    return Disagreement(photo="./x.png", sha256=photos.sha256_of(path), **BLURRED, **CHANCES)


def other_pair(catalogue: Catalogue) -> GmadPair:
    x, y = (photos.sha256_of(catalogue.files[name].path) for name in ("./x.png", "./y.png"))
    names = {"photo": "./y.png", "sha256": y, "original": "./x.png", "original_sha256": x}
    return GmadPair(defender="b", **names, **BLURRED, **CHANCES)


def decoded(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1].astype(int)


def test_both_photos_are_shown_whole_and_at_100_percent(catalogue: Catalogue) -> None:
    pairs = agreement(own_pair(catalogue), other_pair(catalogue))
    own, other = comparison_pictures([pairs], {}, lambda: catalogue)
    original = photos.read(catalogue.files["./x.png"].path).pixels.astype(int)
    y = photos.read(catalogue.files["./y.png"].path).pixels
    blurred = catalogue.variants["blur/4.0"].apply(y).astype(int)
    for picture in (own, other):
        middle = original[70:230, 120:280] if picture is other else None
        assert decoded(picture.whole_original).shape == (108, WHOLE_SIDE, 3)
        if middle is not None:
            assert np.abs(decoded(picture.detail_original) - middle).mean() < 4
    assert decoded(other.whole_degraded).shape == (WHOLE_SIDE, 65, 3)  # at a scale of its own
    assert decoded(other.detail_degraded).shape == (DETAIL_SIDE, 90, 3)
    assert np.abs(decoded(other.detail_degraded) - blurred[20:180]).mean() < 3
    assert decoded(own.detail_degraded).std() < decoded(own.detail_original).std()


@pytest.mark.parametrize("harm", ["gone", "changed", "broken", "unlisted", "variant"])
def test_a_photo_that_is_not_the_one_that_was_judged_has_no_picture(catalogue: Catalogue, harm: str) -> None:
    pairs = agreement(own_pair(catalogue), other_pair(catalogue))
    path = catalogue.files["./y.png"].path
    if harm == "gone":
        path.unlink()
    elif harm == "changed":
        Image.fromarray(noisy_gradient(200, 90, seed=0)).save(path)
    elif harm == "broken":
        path.write_bytes(path.read_bytes()[:60])
    elif harm == "unlisted":
        catalogue = Catalogue({"./x.png": catalogue.files["./x.png"]}, catalogue.variants)
    left = comparison_pictures([pairs], {}, lambda: catalogue)
    assert [picture.key for picture in left] == [key_of(own_pair(catalogue))] or harm == "variant"
    if harm == "variant":
        assert comparison_pictures([pairs], {}, lambda: Catalogue(catalogue.files, {})) == []


def test_pictures_are_kept_without_the_photos_and_made_once(catalogue: Catalogue, tmp_path: Path) -> None:
    pairs = agreement(own_pair(catalogue), other_pair(catalogue))
    made = comparison_pictures([pairs], {}, lambda: catalogue)
    write_comparison_pictures(tmp_path / FILE_NAME, made)
    kept = read_comparison_pictures(tmp_path)
    assert sorted(kept.values(), key=lambda p: p.key) == sorted(made, key=lambda p: p.key)

    def unused() -> Catalogue:
        raise AssertionError("every picture is there")

    assert comparison_pictures([pairs], kept, unused) == made
    assert comparison_pictures([pairs], kept, None) == made
    assert comparison_pictures([pairs], {}, None) == []
    assert comparison_pictures([agreement(own_pair(catalogue))], kept, None) == made[:1]  # others are left behind


@pytest.mark.parametrize("content", [b"", b"no parquet"])
def test_a_damaged_file_of_pictures_is_named_and_done_without(tmp_path: Path, caplog, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    assert read_comparison_pictures(tmp_path) == {}
    assert f"{FILE_NAME}: cannot be read" in caplog.text


def test_the_number_of_pictures_is_limited_and_every_two_models_have_some() -> None:
    def pair(number: int) -> Disagreement:
        return Disagreement(photo=f"./{number}.png", sha256=str(number), **BLURRED, **CHANCES)

    agreements = [agreement(*(pair(7 * at + rank) for rank in range(7))) for at in range(45)]
    shown = shown_pairs(agreements)
    assert len(shown) == MAX_FIGURES
    assert all(agreement.disagreements[0] in shown for agreement in agreements)
    assert shown_pairs([agreements[0], agreements[0]]) == agreements[0].disagreements


@pytest.mark.parametrize("size", [(90, 400), (400, 600), (1500, 2300), (2300, 300)])
def test_the_detail_shows_the_part_that_differs_most_on_small_and_on_large_photos(size: tuple[int, int]) -> None:
    photo = np.full((*size, 3), 100, dtype=np.uint8)
    degraded = photo.copy()
    top, left = max(0, size[0] - 210), size[1] - 230
    degraded[top : top + 150, left : left + 150] = 160
    first, second = detail_pair(photo, degraded)
    assert first.shape == (min(160, size[0]), 160, 3)
    assert (first == 100).all()
    assert np.count_nonzero(second == 160) == min(150, size[0] - top) * 150 * 3
