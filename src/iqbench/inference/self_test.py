"""The self-test of a model: one encoding and one margin of a synthetic photo, before a run depends on them."""

import torch

from iqbench.errors import UsageError
from iqbench.interfaces import QualityModel
from iqbench.photos import synthetic_photo


@torch.inference_mode()
def self_test(model: QualityModel, device: torch.device) -> None:
    """Check the shapes and values of a model's encoding and margin.

    Raises:
        UsageError: If a shape is not the promised one, or a value is NaN or infinite.
    """
    kind = type(model).__name__
    pictures = torch.stack([model.prepare(synthetic_photo())] * 2).to(device)
    encodings = model.encode(pictures)
    if encodings.ndim != 2 or len(encodings) != 2:
        raise UsageError(f"model {kind}: encode gave shape {tuple(encodings.shape)} for 2 pictures, promised is (2, d)")
    margins = model.margin(encodings, encodings)
    if margins.shape != (2,):
        raise UsageError(f"model {kind}: margin gave shape {tuple(margins.shape)} for 2 pairs, promised is (2,)")
    if not bool(encodings.isfinite().all()) or not bool(margins.isfinite().all()):
        raise UsageError(f"model {kind}: gives NaN or infinity on a synthetic photo; its weights are damaged")
