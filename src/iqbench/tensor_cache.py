"""A cache of tensors with a memory limit."""

from collections.abc import Callable, Hashable, Iterable

from torch import Tensor


class TensorCache:
    """Keeps tensors by key until its memory is used up; what comes later is not kept.

    Args:
        max_bytes: The memory limit.

    Example:
        >>> import torch
        >>> cache = TensorCache(max_bytes=8)
        >>> cache.get("a", lambda: torch.ones(2)).tolist(), cache.get("a", lambda: torch.zeros(2)).tolist()
        ([1.0, 1.0], [1.0, 1.0])
        >>> cache.get("b", lambda: torch.ones(1)).tolist(), cache.get("b", lambda: torch.zeros(1)).tolist()
        ([1.0], [0.0])
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._bytes = 0
        self._tensors: dict[Hashable, Tensor] = {}

    def __len__(self) -> int:
        return len(self._tensors)

    def get(self, key: Hashable, make: Callable[[], Tensor]) -> Tensor:
        """Return the tensor of a key; make it if it is not kept."""
        kept = self._tensors.get(key)
        if kept is None:
            kept = make()
            self.add(key, kept)
        return kept

    def find(self, keys: Iterable[Hashable]) -> dict[Hashable, Tensor]:
        """Return the kept tensors among ``keys``."""
        return {key: self._tensors[key] for key in keys if key in self._tensors}

    def add(self, key: Hashable, tensor: Tensor) -> None:
        """Keep a tensor, if there is memory left for it. Nobody may change it afterwards."""
        if key not in self._tensors and self._bytes + tensor.nbytes <= self.max_bytes:
            self._tensors[key] = tensor
            self._bytes += tensor.nbytes

    def clear(self) -> None:
        """Forget all tensors."""
        self._tensors, self._bytes = {}, 0
