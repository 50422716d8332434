"""CLIP-IQA: how much better a photo fits a good description than its opposite, by a CLIP model of transformers."""

import importlib
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from iqbench.errors import CheckpointError, MissingResource, UsageError, one_line
from iqbench.interfaces import Photo, Scorer
from iqbench.preprocessing import limited_aspect

INSTALL = "pip install transformers"


@final
class ClipIqa(nn.Module, Scorer):
    """The mean log-odds of antonym prompts: that the first of a pair describes the photo, not the second.

    For a pair, CLIP-IQA's score is the softmax of two logits, the cosine similarities to the prompts times the model's
    own scale. The score here is the difference of the logits, which is the log-odds of that probability: it ranks
    photos alike, and differences neither vanish near 0 and 1 nor depend there on rounding. Several pairs are averaged.

    The photo is seen as the checkpoint's image processor prepares it, mostly the short side resized to 224 pixels and
    the central square; of panoramas beyond 8:1 the middle is taken first. CLIP-IQA's own form, without position
    embedding at full size, is ``clipiqa`` of pyiqa.

    Args:
        clip: A CLIP checkpoint of transformers: a folder, or the name of one in the cache of the Hugging Face hub.
            Nothing is downloaded.
        pairs: Antonym prompts, each a good one and its opposite.

    Raises:
        MissingResource: If transformers or the checkpoint is missing.
        CheckpointError: If the checkpoint is no complete CLIP model.
        UsageError: If ``pairs`` are not pairs of texts that the model can read.

    Reference:
        Wang, Chan and Loy, *Exploring CLIP for Assessing the Look and Feel of Images*, AAAI 2023.
    """

    direction: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, clip: str, pairs: Sequence[Sequence[str]]) -> None:
        super().__init__()
        prompts = _checked(pairs)
        transformers = _transformers()
        model = _loaded(transformers, clip)
        self.processor = _from_checkpoint(transformers.CLIPImageProcessor, clip)
        tokenizer = _from_checkpoint(transformers.CLIPTokenizer, clip)
        self.vision, self.projection = model.vision_model, model.visual_projection
        self.register_buffer("direction", _direction(model, tokenizer, prompts))
        self.register_buffer("mean", torch.tensor(self.processor.image_mean).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(self.processor.image_std).view(3, 1, 1))
        self.requires_grad_(False).eval()

    def prepare(self, photo: Photo) -> UInt8[Tensor, "3 height width"]:
        """Return the photo as the image processor resizes and crops it."""
        picture = np.ascontiguousarray(limited_aspect(photo))
        options = {"do_rescale": False, "do_normalize": False, "input_data_format": "channels_last"}
        prepared = self.processor(picture, return_tensors="pt", **options)["pixel_values"][0]
        return torch.as_tensor(prepared).to(torch.uint8)

    def encode(self, inputs: UInt8[Tensor, "n 3 height width"]) -> Float[Tensor, "n 1"]:
        """Return the mean log-odds over the pairs."""
        pixels = (inputs.float() * self.processor.rescale_factor - self.mean) / self.std
        embeddings = self.projection(self.vision(pixel_values=pixels).pooler_output).float()
        return (nn.functional.normalize(embeddings, dim=1) * self.direction).sum(dim=1, keepdim=True)  # no bf16 sum

    def get_extra_state(self) -> str:
        """Return the settings of the image processor, which are part of the model's fingerprint."""
        return json.dumps(self.processor.to_dict(), sort_keys=True, default=str)


def _checked(pairs: Any) -> list[list[str]]:
    checked = [list(pair) if isinstance(pair, Sequence) and not isinstance(pair, str) else [] for pair in pairs or []]
    is_text = [isinstance(prompt, str) and bool(prompt.strip()) for pair in checked for prompt in pair]
    if not checked or not all(is_text) or any(len(pair) != 2 or pair[0] == pair[1] for pair in checked):
        raise UsageError("model.pairs: must be pairs of a good prompt and its opposite, [[Good photo., Bad photo.]]")
    return checked


def _transformers() -> Any:
    if importlib.util.find_spec("transformers") is None:
        raise MissingResource(f"model.clip: needs the package transformers; {INSTALL}")
    try:
        return importlib.import_module("transformers")
    except ImportError as error:
        raise MissingResource(f"model.clip: cannot import transformers ({one_line(error)}); {INSTALL}") from error


def _loaded(transformers: Any, clip: str) -> Any:
    """Return the CLIP model of a checkpoint. What it lacks, transformers would fill with random numbers."""
    options = {"output_loading_info": True, "dtype": torch.float32}
    model, info = _from_checkpoint(transformers.CLIPModel, clip, **options)
    if lacking := sorted(map(str, [*info["missing_keys"], *info["mismatched_keys"]])):
        raise CheckpointError(
            f"model.clip={clip}: no whole CLIP model, it lacks {lacking[0]} and {len(lacking) - 1} others"
        )
    if broken := [name for name, value in model.state_dict().items() if not bool(value.isfinite().all())]:
        raise CheckpointError(f"model.clip={clip}: {broken[0]} holds NaN or infinity")
    return model.eval()


def _from_checkpoint(kind: Any, clip: str, **options: Any) -> Any:
    """Return an object of transformers from a folder or the cache, never from the network."""
    try:
        return kind.from_pretrained(clip, local_files_only=True, **options)
    except Exception as error:
        if Path(clip).is_dir():
            raise CheckpointError(f"model.clip={clip}: not a CLIP model of transformers ({one_line(error)})") from error
        raise MissingResource(
            f"model.clip={clip}: neither a folder nor in the cache of the Hugging Face hub; hf download {clip} "
            "(offline: elsewhere, with --local-dir FOLDER, and give model.clip=FOLDER)"
        ) from error


@torch.no_grad()
def _direction(model: Any, tokenizer: Any, pairs: Sequence[Sequence[str]]) -> Float[Tensor, "1 d"]:
    """Return the direction whose product with a photo's normalised embedding is the mean log-odds.

    The log-odds of a pair are the scaled difference of two cosines, which is linear in the photo's embedding.
    """
    tokens = tokenizer([prompt for pair in pairs for prompt in pair], padding=True, return_tensors="pt")
    limit = model.config.text_config.max_position_embeddings
    if tokens["input_ids"].shape[1] > limit:
        raise UsageError(f"model.pairs: the longest prompt has {tokens['input_ids'].shape[1]} tokens, at most {limit}")
    embeddings = model.text_projection(model.text_model(**tokens).pooler_output)
    good, bad = nn.functional.normalize(embeddings, dim=1).view(len(pairs), 2, -1).unbind(dim=1)
    return torch.as_tensor(model.logit_scale.exp() * (good - bad).mean(dim=0, keepdim=True))
