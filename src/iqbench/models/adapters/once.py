"""Answers of a batch, each computed once although the engine asks again about parts of a batch that failed."""

from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

Answer = float | Exception
"""A number, or the error that costs this question alone."""


class AnswersOnce(Generic[Key]):
    """The answers of a batch in which one has failed, kept until the engine has asked for each of them.

    A model reports a failure by raising it, for a whole batch. The engine then halves the batch until the failure is
    alone (see `iqbench.inference.batching`), so it asks for the other answers again.
    """

    def __init__(self) -> None:
        self._kept: dict[Key, Answer] = {}

    def numbers(self, keys: Sequence[Key], answer: Callable[[list[Key]], Sequence[Answer]]) -> list[float]:
        """Return a number per key.

        Args:
            keys: What the batch asks; a key that comes twice is answered once.
            answer: Returns the answers to keys that have none.

        Raises:
            Exception: The first failure among the keys.
        """
        known = {key: self._kept.pop(key) for key in set(keys) & self._kept.keys()}
        if missing := [key for key in dict.fromkeys(keys) if key not in known]:
            known |= dict(zip(missing, answer(missing), strict=True))
        failures = [each for key in keys if isinstance(each := known[key], Exception)]
        if failures and len(keys) > 1:
            self._kept |= known
        if failures:
            raise failures[0]
        return [float(each) for key in keys if not isinstance(each := known[key], Exception)]
