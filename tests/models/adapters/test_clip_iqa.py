"""CLIP-IQA on a tiny CLIP with random weights, with transformers' own processor and tokenizer."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fixtures.photos import noisy_gradient
from iqbench.errors import CheckpointError, MissingResource, UsageError
from iqbench.models.adapters.clip_iqa import ClipIqa
from iqbench.provenance import fingerprint

transformers = pytest.importorskip("transformers", reason="transformers is not installed (pip install transformers)")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

QUALITY = [["Good photo.", "Bad photo."]]
PAIRS = [*QUALITY, ["Sharp photo.", "Blurry photo."]]
SIDE = 32


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a folder with a CLIP of 32-pixel pictures and a tokenizer that spells each word."""
    folder = tmp_path_factory.mktemp("clip")
    letters = [chr(code) for code in range(33, 127)]
    vocabulary = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: at for at, word in enumerate(vocabulary)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    transformers.CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt")).save_pretrained(folder)
    start, end = len(vocabulary) - 2, len(vocabulary) - 1
    tower = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {**tower, "vocab_size": end + 1, "bos_token_id": start, "eos_token_id": end, "pad_token_id": end}
    vision = {**tower, "image_size": SIDE, "patch_size": 8}
    torch.manual_seed(0)
    config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)
    transformers.CLIPModel(config).save_pretrained(folder)
    transformers.CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size=SIDE).save_pretrained(folder)
    return str(folder)


def encode(model: ClipIqa, *photos: np.ndarray) -> torch.Tensor:
    return model.encode(torch.stack([model.prepare(photo) for photo in photos]))[:, 0]


def logits(checkpoint: str, photo: np.ndarray, pairs: list[list[str]]) -> torch.Tensor:
    """Return the logits of transformers' own CLIPModel, a row of two for each pair."""
    model = transformers.CLIPModel.from_pretrained(checkpoint).eval()
    tokens = transformers.CLIPTokenizer.from_pretrained(checkpoint)(
        [prompt for pair in pairs for prompt in pair], padding=True, return_tensors="pt"
    )
    pixels = transformers.CLIPImageProcessor.from_pretrained(checkpoint)(photo, return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        return model(**tokens, pixel_values=pixels).logits_per_image.view(-1, 2)


def test_the_score_is_the_mean_difference_of_the_logits_of_the_pairs(checkpoint: str) -> None:
    photo = noisy_gradient(60, 90)
    good, bad = logits(checkpoint, photo, PAIRS).unbind(dim=1)
    assert encode(ClipIqa(checkpoint, PAIRS), photo).item() == pytest.approx((good - bad).mean().item(), abs=1e-3)


def test_the_score_of_one_pair_is_the_log_odds_of_the_published_one(checkpoint: str) -> None:
    photo = noisy_gradient(50, 40, seed=3)
    published = logits(checkpoint, photo, QUALITY).softmax(dim=1)[0, 0]
    assert encode(ClipIqa(checkpoint, QUALITY), photo).sigmoid().item() == pytest.approx(published.item(), abs=1e-4)


def test_swapping_the_prompts_of_all_pairs_negates_the_score(checkpoint: str) -> None:
    photo, swapped = noisy_gradient(50, 60), [pair[::-1] for pair in PAIRS]
    assert encode(ClipIqa(checkpoint, swapped), photo).item() == pytest.approx(
        -encode(ClipIqa(checkpoint, PAIRS), photo).item(), abs=1e-4
    )


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (300, 200), (32, 2000), (2000, 32), (200, 500)])
def test_photos_of_any_size_are_seen_as_the_processor_prepares_them(checkpoint: str, size: tuple[int, int]) -> None:
    model, photo = ClipIqa(checkpoint, QUALITY), noisy_gradient(*size)
    prepared = model.prepare(photo)
    assert (prepared.shape, prepared.dtype) == ((3, SIDE, SIDE), torch.uint8)
    if max(size) <= 8 * min(size):
        expected = model.processor(photo, return_tensors="pt")["pixel_values"][0]
        torch.testing.assert_close((prepared / 255 - model.mean) / model.std, expected, atol=1e-5, rtol=0)


def test_a_tiny_square_photo_is_not_taken_for_one_with_its_channels_first(checkpoint: str) -> None:
    assert ClipIqa(checkpoint, QUALITY).prepare(noisy_gradient(3, 40)).shape == (3, SIDE, SIDE)


def test_lower_precision_keeps_the_score_close(checkpoint: str) -> None:
    model, photo = ClipIqa(checkpoint, QUALITY), noisy_gradient(60, 90)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = encode(model, photo)
    assert low.dtype == torch.float32
    assert low.item() == pytest.approx(encode(model, photo).item(), abs=0.5)


def test_a_pickled_copy_gives_the_same_score(checkpoint: str) -> None:
    model, photo = ClipIqa(checkpoint, PAIRS), noisy_gradient(60, 90)
    assert torch.equal(encode(pickle.loads(pickle.dumps(model)), photo), encode(model, photo))


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        None,
        ["Good photo.", "Bad photo."],
        [["Good photo."]],
        [["a", "b", "c"]],
        [["a", ""]],
        [["a", "a"]],
        [[1, 2]],
    ],
)
def test_prompts_that_are_no_pairs_are_refused(checkpoint: str, pairs: Any) -> None:
    with pytest.raises(UsageError, match=r"model\.pairs: must be pairs"):
        ClipIqa(checkpoint, pairs)


def test_a_prompt_that_the_model_cannot_read_to_its_end_is_refused(checkpoint: str) -> None:
    with pytest.raises(UsageError, match=r"202 tokens, at most 77"):
        ClipIqa(checkpoint, [["x" * 200, "y"]])


def test_a_checkpoint_that_is_not_there_is_said_with_the_command_and_without_a_network() -> None:
    with pytest.raises(MissingResource, match=r"hf download nobody/no-such-clip.*model\.clip=FOLDER"):
        ClipIqa("nobody/no-such-clip", QUALITY)


def damaged(checkpoint: str, folder: Path, change: Any) -> str:
    model = transformers.CLIPModel.from_pretrained(checkpoint)
    for source in Path(checkpoint).iterdir():
        (folder / source.name).write_bytes(source.read_bytes())
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    change(weights)
    model.save_pretrained(folder, state_dict=weights)
    return str(folder)


def test_a_checkpoint_that_lacks_weights_or_holds_nan_is_refused(checkpoint: str, tmp_path: Path) -> None:
    def lose(weights: dict[str, torch.Tensor]) -> None:
        del weights["visual_projection.weight"]

    def spoil(weights: dict[str, torch.Tensor]) -> None:
        weights["visual_projection.weight"][0, 0] = torch.nan

    for name, change, reason in (("a", lose, "lacks visual_projection.weight"), ("b", spoil, "holds NaN")):
        (tmp_path / name).mkdir()
        with pytest.raises(CheckpointError, match=reason):
            ClipIqa(damaged(checkpoint, tmp_path / name, change), QUALITY)


def test_a_folder_without_a_model_or_with_half_of_a_file_is_refused(checkpoint: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not a CLIP model"):
        ClipIqa(str(tmp_path), QUALITY)
    folder = Path(damaged(checkpoint, tmp_path, lambda _: None))
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match="not a CLIP model"):
        ClipIqa(str(folder), QUALITY)


def test_weights_prompts_and_the_processor_make_the_fingerprint_and_the_place_does_not(
    checkpoint: str, tmp_path: Path
) -> None:
    def fingerprint_of(folder: str, pairs: list[list[str]]) -> str:
        settings = {"_target_": "iqbench.models.adapters.clip_iqa.ClipIqa", "clip": folder, "pairs": pairs}
        return fingerprint(ClipIqa(folder, pairs), settings)

    for name in ("same", "other", "resized"):
        (tmp_path / name).mkdir()
    same = damaged(checkpoint, tmp_path / "same", lambda _: None)
    for file in Path(checkpoint).iterdir():
        (tmp_path / "same" / file.name).write_bytes(file.read_bytes())
    other = damaged(checkpoint, tmp_path / "other", lambda weights: weights["logit_scale"].add_(0.1))
    resized = Path(damaged(checkpoint, tmp_path / "resized", lambda _: None))
    transformers.CLIPImageProcessor(size={"shortest_edge": 40}, crop_size=SIDE).save_pretrained(resized)
    first = fingerprint_of(checkpoint, QUALITY)
    assert fingerprint_of(same, QUALITY) == first
    assert (
        len({first, fingerprint_of(other, QUALITY), fingerprint_of(str(resized), QUALITY), fingerprint_of(same, PAIRS)})
        == 4
    )


def test_without_transformers_the_command_that_installs_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingResource, match="pip install transformers"):
        ClipIqa("any", QUALITY)
