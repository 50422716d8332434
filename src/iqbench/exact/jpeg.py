"""libjpeg's compression of photos with 4:2:0 chroma: all that it loses, in whole numbers.

Entropy coding loses nothing, so a round trip needs none; `iqbench.exact.jpeg_size` tells its length.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float32, Float64, Int32, UInt8
from torch import Tensor

from iqbench.exact.dct import SIDE, restored, transformed
from iqbench.exact.integers import constant, eight_bits
from iqbench.exact.jpeg_tables import tables

MCU = 2 * SIDE
"""Side of what is encoded together, in pixels."""

LUMA, CHROMA = 4, 2
"""The blocks of that: four of brightness, row by row, and one of each colour difference."""

SMALLEST_SMOOTH = 3
"""Columns of halved colour from which on it is enlarged smoothly."""


@dataclass(frozen=True)
class Transformed:
    """Photos as their transforms, from which every quality starts.

    Args:
        blocks: The coefficients of the blocks, in the order of the file, eight times as large as they are.
        height: Rows of the photos.
        width: Columns of the photos.
    """

    blocks: Float32[Tensor, "n rows columns 6 8 8"]
    height: int
    width: int

    @classmethod
    def of(cls, photos: UInt8[Tensor, "n 3 height width"]) -> "Transformed":
        """Return the transforms of photos of one size."""
        height, width = photos.shape[-2:]
        values = (_blocks(photos) - 128).to(torch.float64)
        return cls(transformed(values).to(torch.float32), height, width)

    def quantized(self, quality: int) -> Float32[Tensor, "n rows columns 6 8 8"]:
        """Return what is encoded of each coefficient: a number of steps.

        Args:
            quality: libjpeg's scale, 1 to 100.
        """
        steps = _steps(quality, self.blocks.device)
        return torch.trunc((self.blocks + steps.mul(4).copysign(self.blocks)) / steps.mul(8))

    def decoded(self, quality: int) -> UInt8[Tensor, "n 3 height width"]:
        """Return the photos after encoding and decoding.

        Args:
            quality: libjpeg's scale, 1 to 100.
        """
        steps = _steps(quality, self.blocks.device)
        return _photos(restored((self.quantized(quality) * steps).to(torch.float64)), self.height, self.width)


def jpeg(photos: UInt8[Tensor, "n 3 height width"], quality: int) -> UInt8[Tensor, "n 3 height width"]:
    """Return photos after encoding and decoding by libjpeg with 4:2:0 chroma.

    Args:
        photos: sRGB photos of one size.
        quality: libjpeg's scale, 1 to 100.

    Example:
        >>> jpeg(torch.full((1, 3, 16, 16), 100, dtype=torch.uint8), quality=95)[0, :, 0, 0].tolist()
        [100, 100, 100]
    """
    return Transformed.of(photos).decoded(quality)


def _steps(quality: int, device: torch.device) -> Float32[Tensor, "6 8 8"]:
    luma, chroma = (constant(steps, device).to(torch.float32) for steps in tables(quality).steps)
    return torch.stack([luma] * LUMA + [chroma] * CHROMA)


def _blocks(photos: UInt8[Tensor, "n 3 height width"]) -> Int32[Tensor, "n rows columns 6 8 8"]:
    """Return the blocks of brightness and of both colour differences, these at half the size."""
    red, green, blue = photos.to(torch.int32).unbind(dim=1)
    height, width = photos.shape[-2:]
    rows, columns = (-(-side // MCU) for side in (height, width))
    half = (128 << 16) + 32767
    luma = (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16
    to_blue = (-11059 * red - 21709 * green + 32768 * blue + half) >> 16
    to_red = (32768 * red - 27439 * green - 5329 * blue + half) >> 16
    chroma = _halved(torch.stack([to_blue, to_red], dim=1), columns * MCU)
    luma, chroma = _filled(luma, rows * MCU, columns * MCU), _filled(chroma, rows * SIDE, columns * SIDE)
    split = luma.reshape(-1, rows, 2, SIDE, columns, 2, SIDE).permute(0, 1, 4, 2, 5, 3, 6).flatten(3, 4)
    return torch.cat([split, chroma.reshape(-1, 2, rows, SIDE, columns, SIDE).permute(0, 2, 4, 1, 3, 5)], dim=3)


def _photos(blocks: Float64[Tensor, "n rows columns 6 8 8"], height: int, width: int) -> Tensor:
    """Return photos from their blocks."""
    count, rows, columns = blocks.shape[:3]
    luma, chroma = torch.split(blocks.to(torch.int32), [LUMA, CHROMA], dim=3)
    luma = luma.reshape(count, rows, columns, 2, 2, SIDE, SIDE).permute(0, 1, 3, 5, 2, 4, 6)
    luma = luma.reshape(count, rows * MCU, columns * MCU)[:, :height, :width]
    chroma = chroma.permute(0, 3, 1, 4, 2, 5).reshape(count, CHROMA, rows * SIDE, columns * SIDE)
    blue, red = (_enlarged(chroma, height, width) - 128).unbind(dim=1)
    channels = (
        luma + ((91881 * red + 32768) >> 16),
        luma + ((-22554 * blue - 46802 * red + 32768) >> 16),
        luma + ((116130 * blue + 32768) >> 16),
    )
    return eight_bits(torch.stack(channels, dim=1))


def _filled(plane: Tensor, rows: int, columns: int) -> Tensor:
    """Return a plane with so many rows and columns, the last ones repeated."""
    for dim, side in ((-2, rows), (-1, columns)):
        if side > plane.shape[dim]:
            places = torch.arange(side, device=plane.device).clamp_(max=plane.shape[dim] - 1)
            plane = plane.index_select(dim, places)
    return plane


def _halved(plane: Tensor, columns: int) -> Tensor:
    """Return the means of 2 x 2 values, rounded down and up in turn from column to column."""
    plane = _filled(plane, plane.shape[-2] + plane.shape[-2] % 2, columns)
    bias = torch.arange(columns // 2, dtype=torch.int32, device=plane.device) % 2 + 1
    rows = plane[..., ::2, :] + plane[..., 1::2, :]
    return (rows[..., ::2] + rows[..., 1::2] + bias) >> 2


def _enlarged(plane: Tensor, height: int, width: int) -> Tensor:
    """Return a plane of colour differences at full size."""
    rows, columns = -(-height // 2), -(-width // 2)
    plane = plane[..., :rows, :columns]
    if columns < SMALLEST_SMOOTH:
        return plane.repeat_interleave(2, dim=-2).repeat_interleave(2, dim=-1)[..., :height, :width]
    tall = (3 * plane.unsqueeze(-2) + _beside(plane, -2)).flatten(-3, -2)
    bias = torch.tensor([8, 7], dtype=torch.int32, device=plane.device)
    wide = ((3 * tall.unsqueeze(-1) + _beside(tall, -1) + bias) >> 4).flatten(-2)
    return wide[..., :height, :width]


def _beside(plane: Tensor, dim: int) -> Tensor:
    """Return the values before and after each value along a side, stacked behind it; the outermost twice."""
    side = plane.shape[dim]
    places = torch.arange(side, device=plane.device)
    neighbours = ((places - 1).clamp_(min=0), (places + 1).clamp_(max=side - 1))
    return torch.stack([plane.index_select(dim, beside) for beside in neighbours], dim=plane.ndim + dim + 1)
