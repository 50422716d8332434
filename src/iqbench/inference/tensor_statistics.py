"""Image statistics of photos as tensors: the numbers of `iqbench.inference.image_statistics`, on any device."""

from collections.abc import Sequence

import torch
from jaxtyping import Int32, Int64, UInt8
from torch import Tensor

from iqbench.exact.integers import constant, mirrored_places
from iqbench.exact.jpeg_size import encoded_bytes
from iqbench.inference.image_statistics import QUALITY, central, sampled_rows

GREY = (9798, 19235, 3735)
"""OpenCV's weights of red, green and blue, in 32768ths."""


def image_sums(photos: Sequence[UInt8[Tensor, "n 3 height width"]]) -> Int64[Tensor, "all 4"]:
    """Return the fields of `iqbench.inference.image_statistics.Sums` of photos, on their device.

    Args:
        photos: Photos, those of one size together.
    """
    sums, sampled = [], []
    for some in photos:
        crop = some[(..., *central(*some.shape[-2:]))]
        edges = _laplacian(_grey(crop))
        numbers = (crop.flatten(1, 2), edges, edges * edges)
        sums.append(torch.stack([each.sum(dim=(-2, -1), dtype=torch.int64) for each in numbers], dim=1))
        sampled.append(crop.index_select(-2, constant(sampled_rows(crop.shape[-2]), crop.device)))
    return torch.cat([torch.cat(sums), encoded_bytes(sampled, QUALITY).unsqueeze(1)], dim=1)


def _grey(photos: UInt8[Tensor, "n 3 height width"]) -> Int32[Tensor, "n height width"]:
    channels = photos.to(torch.int32).unbind(dim=1)
    weighted = [weight * channel for weight, channel in zip(GREY, channels, strict=True)]
    return (weighted[0] + weighted[1] + weighted[2] + (1 << 14)) >> 15


def _laplacian(grey: Int32[Tensor, "n height width"]) -> Int32[Tensor, "n height width"]:
    total = -4 * grey
    for dim in (-2, -1):
        side = grey.shape[dim]
        wide = grey.index_select(dim, constant(mirrored_places(side, 1, 1), grey.device))
        total = total + wide.narrow(dim, 0, side) + wide.narrow(dim, 2, side)
    return total
