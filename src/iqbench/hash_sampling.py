"""Hash sampling: random choices that depend on names and a seed alone, not on the order or number of names."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Int


def digest(*parts: object, separator: str = ":") -> bytes:
    """Return the SHA-256 of the parts, joined by the separator.

    Example:
        >>> digest(0, "./a.jpg").hex()[:8]
        'e7c38280'
    """
    return hashlib.sha256(separator.join(map(str, parts)).encode("utf-8", "surrogatepass")).digest()


def hash_order(keys: Sequence[object], seed: int) -> Int[np.ndarray, "n"]:
    """Return the positions of the keys, sorted by the hash of seed and key.

    Example:
        >>> hash_order(["a", "b", "c"], seed=0).tolist(), hash_order(["c", "b", "a"], seed=0).tolist()
        ([0, 2, 1], [2, 0, 1])
    """
    hashes = [digest(seed, key) for key in keys]
    return np.array(sorted(range(len(hashes)), key=hashes.__getitem__), dtype=int)


def hash_split(keys: Sequence[object], share: float, seed: int) -> Bool[np.ndarray, "n"]:
    """Return a mask of the keys that are held out: that share, at least one, and never all of them.

    Example:
        >>> hash_split(range(8), 0.25, seed=0).sum(), hash_split(range(3), 0.01, seed=0).sum()
        (np.int64(2), np.int64(1))
        >>> hash_split([1], 0.5, seed=0)
        array([False])
    """
    count = min(max(1, round(share * len(keys))), len(keys) - 1)
    held_out: np.ndarray[Any, Any] = np.zeros(len(keys), dtype=bool)
    held_out[hash_order(keys, seed)[: max(0, count)]] = True
    return held_out


def hash_coin(*keys: str, seed: int) -> bool:
    r"""Return a coin toss for the keys, none of which may contain a NUL byte.

    Example:
        >>> [hash_coin("./a.jpg", name, seed=0) for name in ("./b.jpg", "./c.jpg", "./d.jpg")]
        [False, False, True]
    """
    return digest(seed, *keys, separator="\0")[0] % 2 == 0
