"""A cache of features: a picture is encoded once while the weights of the backbone do not change."""

from collections.abc import Callable
from hashlib import blake2b

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from iqbench.tensor_cache import TensorCache

MAX_BYTES = 256 * 2**20
"""Memory limit: 50,000 pictures of 1,280 features each."""

CHUNK = 8
"""Pictures that are encoded together. Always as many, because the last bit of a feature depends on it."""


class FeatureCache:
    """Returns the features of pictures, and encodes only pictures that it has not seen since it was cleared.

    Pictures are recognised by their bytes, so it does not matter from which file or augmentation they come.
    A feature does not depend on what else was encoded, in which order, or whether a training was resumed.
    """

    def __init__(self) -> None:
        self._cache = TensorCache(MAX_BYTES)

    def __call__(
        self,
        pictures: UInt8[Tensor, "n 3 height width"],
        encode: Callable[[UInt8[Tensor, "m 3 height width"]], Float[Tensor, "m d"]],
    ) -> Float[Tensor, "n d"]:
        """Return the features of each picture, without gradients.

        Args:
            pictures: Pictures on the CPU.
            encode: The backbone.
        """
        keys = [blake2b(picture.contiguous().numpy(), digest_size=16).digest() for picture in pictures]
        features = self._cache.find(keys)
        new = {key: position for position, key in enumerate(keys) if key not in features}
        positions = list(new.values())
        for start in range(0, len(positions), CHUNK):
            chunk = positions[start : start + CHUNK]
            padded = chunk + chunk[-1:] * (CHUNK - len(chunk))
            with torch.inference_mode(False), torch.no_grad():  # what a validation encodes, a training step may use
                encoded = encode(pictures[padded])
            for position, feature in zip(chunk, encoded, strict=False):
                features[keys[position]] = feature.clone()  # a row would keep the whole chunk in memory
                self._cache.add(keys[position], features[keys[position]])
        return torch.stack([features[key] for key in keys])

    def clear(self) -> None:
        """Forget all features."""
        self._cache.clear()
