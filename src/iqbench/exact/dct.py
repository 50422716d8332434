"""The transform of 8 x 8 blocks as libjpeg's "islow" computes it, forward and back: two products of matrices.

libjpeg multiplies by whole numbers and rounds after each of the two passes, so a pass is a product with a matrix of
whole numbers over a power of two, rounded. In float64 nothing else is rounded: all sums stay far below 2 ** 53.

Reference:
    Loeffler, Ligtenberg, Moschytz, *Practical fast 1-D DCT algorithms with 11 multiplications*, ICASSP 1989.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

SIDE = 8
"""Side of a block, in pixels."""

ONE = 1 << 13
"""What the constants of the transform stand for 1 with."""

Values = Sequence[np.ndarray]


def transformed(blocks: Float64[Tensor, "*n 8 8"]) -> Float64[Tensor, "*n 8 8"]:
    """Return the coefficients of blocks of values from -128 to 127, eight times as large as they are.

    Example:
        >>> transformed(torch.full((8, 8), 100.0, dtype=torch.float64))[0].tolist()
        [6400.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    across = torch.floor(blocks @ _pass(_forward, 11, blocks.device).T + 0.5)
    return torch.floor(_pass(_forward, 15, blocks.device) @ across + 0.5)


def restored(coefficients: Float64[Tensor, "*n 8 8"]) -> Float64[Tensor, "*n 8 8"]:
    """Return the values that coefficients stand for, from 0 to 255.

    Example:
        >>> flat = torch.zeros(8, 8, dtype=torch.float64)
        >>> flat[0, 0] = 800
        >>> restored(flat)[0].tolist()
        [228.0, 228.0, 228.0, 228.0, 228.0, 228.0, 228.0, 228.0]
    """
    down = torch.floor(_pass(_back, 11, coefficients.device) @ coefficients + 0.5)
    across = torch.floor(down @ _pass(_back, 18, coefficients.device).T + 0.5)
    return (across + 128).clamp_(0, 255)


@lru_cache(maxsize=64)
def _pass(steps: Callable[[Values], Values], bits: int, device: torch.device) -> Float64[Tensor, "8 8"]:
    """Return the matrix of a pass: what it makes of each of eight values alone."""
    columns = np.stack(steps(list(np.eye(SIDE, dtype=np.int64))))
    return torch.from_numpy(columns / (1 << bits)).to(device)


def _odd(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> list[np.ndarray]:
    """Return the odd half of both transforms."""
    both = (a + b + c + d) * 9633
    z1, z2, z3, z4 = (a + d) * -7373, (b + c) * -20995, (a + c) * -16069 + both, (b + d) * -3196 + both
    return [a * 2446 + z1 + z3, b * 16819 + z2 + z4, c * 25172 + z2 + z3, d * 12299 + z1 + z4]


def _forward(values: Values) -> Values:
    sums = [values[at] + values[7 - at] for at in range(4)]
    seventh, fifth, third, first = _odd(*(values[3 - at] - values[4 + at] for at in range(4)))
    outer, inner = sums[0] - sums[3], sums[1] - sums[2]
    both = (inner + outer) * 4433
    means = [(sums[0] + sums[3] + sign * (sums[1] + sums[2])) * ONE for sign in (1, -1)]
    return [means[0], first, both + outer * 6270, third, means[1], fifth, both - inner * 15137, seventh]


def _back(c: Values) -> Values:
    both = (c[2] + c[6]) * 4433
    inner, outer = both - c[6] * 15137, both + c[2] * 6270
    plus, minus = (c[0] + c[4]) * ONE, (c[0] - c[4]) * ONE
    even = [plus + outer, minus + inner, minus - inner, plus - outer]
    odd = _odd(c[7], c[5], c[3], c[1])[::-1]
    return [e + o for e, o in zip(even, odd, strict=True)] + [e - o for e, o in zip(even[::-1], odd[::-1], strict=True)]
