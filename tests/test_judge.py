"""The calls for people: compare, score and rank photos of any kind, one or many."""

from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from PIL.ExifTags import Base as Tag

import iqbench
from fixtures.photos import noisy_gradient
from fixtures.tiny_models import ava, siamese
from iqbench.errors import CheckpointError, UsageError
from iqbench.interfaces import Preference
from iqbench.photos import PhotoError, read

WEIGHTS = Path(iqbench.__file__).parent / "weights"


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


def test_a_scorer_scores_and_a_siamese_that_compares_says_so(sharp_and_soft: tuple[Path, Path], tmp_path: Path) -> None:
    sharp, soft = sharp_and_soft
    assert iqbench.load("ava").score(sharp) != iqbench.load("ava").score(soft)
    packaged = iqbench.load("siamese")
    difference = packaged.score(sharp) - packaged.score(soft)
    assert packaged.compare(sharp, soft).margin == pytest.approx(difference, abs=1e-3) != 0
    comparing = siamese()
    content: dict[str, Any] = {"state_dict": comparing.state_dict()}
    comparing.on_save_checkpoint(content)
    torch.save(content, tmp_path / "compares.ckpt")
    judge = iqbench.load(tmp_path / "compares.ckpt")
    assert judge.compare(sharp, soft).margin != 0
    with pytest.raises(UsageError, match="has no score"):
        judge.score(sharp)


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


def test_a_checkpoint_file_alone_says_of_which_model_it_is(tmp_path: Path) -> None:
    judge = iqbench.load(WEIGHTS / "ava.safetensors")
    assert type(judge.model).__name__ == "Ava"
    assert judge.named.name == "ava"
    (tmp_path / "page.ckpt").write_text("<html>")
    with pytest.raises(CheckpointError, match="a web page"):
        iqbench.load(tmp_path / "page.ckpt")


def test_a_model_of_ones_own_is_an_object_a_yaml_or_the_name_of_a_class(photo: Any, tmp_path: Path) -> None:
    expected = iqbench.load("contrast").score(photo)
    (tmp_path / "mine.yaml").write_text(
        "_target_: iqbench.models.rules.Rules\nweights: {contrast: 1.0}\nclipped: true\n"
    )
    settings = {"_target_": "iqbench.models.rules.Rules", "weights": {"contrast": 1.0}, "clipped": True}
    for model in (tmp_path / "mine.yaml", settings, iqbench.load("contrast").model, iqbench.load("contrast")):
        assert iqbench.load(model).score(photo) == expected
    assert iqbench.load(lambda array: array.mean()).score(photo) == pytest.approx(photo.mean())
    with pytest.raises(UsageError, match="has no such setting"):
        iqbench.load("contrast", checkpoint=WEIGHTS / "ava.safetensors").score(photo)
    (tmp_path / "odd.yaml").write_text("weights: {contrast: 1.0}\n")
    with pytest.raises(UsageError, match=r"odd\.yaml: has no _target_, which names the class, such as _target_: mine"):
        iqbench.load(tmp_path / "odd.yaml")


@pytest.mark.parametrize("model", [ava(), siamese(), "iqa"], ids=["ava", "siamese", "iqa"])
def test_a_list_has_the_numbers_of_its_photos_one_by_one(model: Any) -> None:
    judge = iqbench.load(model, device="cpu")
    pictures = [noisy_gradient(*size, seed) for seed, size in enumerate([(64, 80), (80, 64), (64, 80), (90, 90)])]
    pairs = judge.compare(pictures, pictures[::-1])
    assert pairs == [judge.compare(a, b) for a, b in zip(pictures, pictures[::-1], strict=True)]
    if model != "iqa" and type(model).__name__ == "Siamese":
        ranking = judge.rank(pictures)
        assert ranking["margin"].is_monotonic_decreasing
        assert ranking["margin"].sum() == pytest.approx(0, abs=1e-6)  # each pair counts for both
        return
    scores = judge.score(pictures)
    assert scores.tolist() == [judge.score(picture) for picture in pictures]
    assert judge.score(np.stack(pictures[::2])).tolist() == scores[::2].tolist()
    assert judge.rank(pictures)["position"].tolist() == np.argsort(-scores, kind="stable").tolist()


def test_lists_of_different_lengths_are_refused_and_empty_ones_are_empty(photo: Any) -> None:
    judge = iqbench.load("iqa")
    with pytest.raises(UsageError, match="2 and 1 photos; give two lists of equal length"):
        judge.compare([photo, photo], [photo])
    with pytest.raises(UsageError, match="one photo and several"):
        judge.compare(photo, [photo])
    assert judge.compare([], []) == []
    assert judge.score([]).tolist() == []
    assert judge.rank([]).empty


def images_of_files() -> dict[str, Image.Image]:
    """Return images of which a file would not be shown as its numbers stand."""
    rgb = Image.fromarray(noisy_gradient(48, 64))
    turned = rgb.copy()
    turned.getexif()[Tag.Orientation] = 6
    layered = rgb.convert("RGBA")
    layered.putalpha(Image.linear_gradient("L").resize(rgb.size))
    deep = Image.fromarray((np.arange(48 * 64).reshape(48, 64) * 21).astype(np.uint16))
    wide = rgb.copy()
    wide.info["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    return {"turned": turned, "layered": layered, "deep": deep, "odd profile": wide, "palette": rgb.quantize(16),
            "grey": rgb.convert("L"), "two bits": rgb.convert("1")}  # fmt: skip


@pytest.mark.parametrize("name", images_of_files())
def test_an_image_of_pil_is_read_as_its_file_is(tmp_path: Path, name: str) -> None:
    image = images_of_files()[name]
    exif = image.getexif()
    image.save(tmp_path / "photo.png", exif=exif.tobytes() if exif else b"", icc_profile=image.info.get("icc_profile"))
    judge = iqbench.load(lambda array: float(array[:20].astype(float).sum()))
    in_file = judge.score(tmp_path / "photo.png")
    assert judge.score(image) == in_file
    with Image.open(tmp_path / "photo.png") as lazily:
        assert judge.score(lazily) == in_file
    assert judge.score(read(tmp_path / "photo.png").pixels) == in_file
    if name == "turned":
        assert iqbench.load(lambda array: float(array.shape[0])).score(image) == 64  # 48 as it is stored


NO_PHOTOS: list[tuple[Any, str]] = [
    ("https://x.org/a.jpg", "https://x.org/a.jpg: a URL; download the photo and give its path"),
    (Path("https://x.org/a.jpg"), "a URL; download the photo"),
    ("photo.jgp", "photo.jgp: no such file. Did you mean 'photo.jpg'?"),
    (".", ".: a folder; give a photo in it"),
    (np.zeros((64, 64, 3)), "an array of float64, whose range cannot be known"),
    (np.zeros((64, 64, 4), np.uint8), "an array of four channels, which may be RGBA, BGRA or CMYK"),
    (np.zeros((64, 64, 3), np.int32), "an array of int32; give uint8"),
    (np.zeros(64, np.uint8), "an array of shape (64,); give (height, width, 3)"),
    (torch.zeros(5, 64, 64, dtype=torch.uint8), "a tensor of shape (5, 64, 64); give (3, height, width)"),
    (b"bytes", "bytes is no photo"),
    ([None], "NoneType is no photo"),
]


@pytest.mark.parametrize(("photo", "reason"), NO_PHOTOS)
def test_what_is_no_photo_is_told_in_one_line(
    photo: Any, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photo.jpg").touch()
    with pytest.raises(UsageError) as error:
        iqbench.load("contrast").score([photo] if isinstance(photo, bytes) else photo)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_a_photo_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    judge = iqbench.load("contrast")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    with pytest.raises(PhotoError, match=r"broken\.jpg: cannot be read as any supported image format"):
        judge.score([tmp_path / "broken.jpg"])
    with pytest.raises(PhotoError, match="each side needs at least 32"):
        judge.score(np.zeros((8, 8, 3), np.uint8))
    content = BytesIO()
    Image.fromarray(noisy_gradient(64, 64)).save(content, "JPEG")
    with pytest.raises(PhotoError, match="damaged or cut short"):
        judge.score(Image.open(BytesIO(content.getvalue()[:-200])))


def test_grey_arrays_and_tensors_are_photos(photo: Any) -> None:
    judge = iqbench.load("contrast")
    assert judge.score(torch.from_numpy(photo.copy()).permute(2, 0, 1)) == judge.score(photo)
    grey = photo[..., 0]
    assert judge.score(grey) == judge.score(np.repeat(grey[..., None], 3, axis=2)) == judge.score(grey[..., None])
