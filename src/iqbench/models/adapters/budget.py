"""What the questions to a model cost: tokens counted, and no request that could exceed the budget."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from iqbench.errors import Stopped, UsageError

PIXELS_PER_TOKEN = 14 * 14
"""Pixels of a picture for each of its tokens, where no reply has told yet: the densest that models use."""

CHARACTERS_PER_TOKEN = 2


class Usage(NamedTuple):
    """Replies that were billed, and their tokens."""

    replies: int = 0
    tokens_in: int = 0
    tokens_out: int = 0


@dataclass(frozen=True)
class Price:
    """Prices per million tokens, in any currency.

    Args:
        input: Of the question, the pictures included.
        output: Of the answer, hidden reasoning included.

    Raises:
        UsageError: If a price is negative.
    """

    input: float
    output: float

    def __post_init__(self) -> None:
        for key in ("input", "output"):
            if not getattr(self, key) >= 0:
                raise UsageError(f"model.price.{key}={getattr(self, key)}: must be 0 or more")

    def of(self, usage: Usage) -> float:
        """Return the cost of tokens.

        Example:
            >>> Price(input=2.0, output=10.0).of(Usage(1, 500_000, 100_000))
            2.0
        """
        return (usage.tokens_in * self.input + usage.tokens_out * self.output) / 1e6


class Budget:
    """The money that one start of a program may spend on a model.

    A request starts only if all that are on their way, and this one, would stay within the limit if each took the most
    tokens that it can.

    Args:
        limit: The limit in the currency of the prices, None for none.
        price: The prices.
        max_answer: Tokens that an answer may take, None if nothing limits it.

    Raises:
        UsageError: If the limit cannot be kept.
    """

    def __init__(self, limit: float | None, price: Price, max_answer: int | None) -> None:
        if limit is not None and not limit >= 0:
            raise UsageError(f"model.budget={limit}: must be 0 or more")
        if limit is not None and not price.input + price.output > 0:
            raise UsageError(f"model.budget={limit}: needs model.price.input and model.price.output")
        if limit is not None and not max_answer:
            raise UsageError(f"model.budget={limit}: needs model.request.max_tokens, the most that an answer may take")
        self.limit, self.price, self._max_answer = limit, price, max_answer or 0
        self.spent = Usage()
        self._reserved = 0.0
        self._largest_question = 0
        self._most_pixels = 1

    @property
    def is_blind(self) -> bool:
        """True if there is a limit, and no reply has told yet how many tokens a question takes."""
        return self.limit is not None and not self.spent.replies

    def reserve(self, pixels: int, characters: int) -> float:
        """Set money aside for a request, and return how much.

        Args:
            pixels: Pixels of its pictures.
            characters: Characters of its text.

        Raises:
            Stopped: If the request could exceed the budget.
        """
        tokens = pixels // PIXELS_PER_TOKEN + characters // CHARACTERS_PER_TOKEN
        if self._largest_question:
            tokens = math.ceil(self._largest_question * max(1, pixels / self._most_pixels))
        cost = self.price.of(Usage(1, tokens, self._max_answer))
        if self.limit is not None and self.cost + self._reserved + cost > self.limit:
            raise Stopped(
                f"stopped: {self.cost + self._reserved:.4g} of model.budget={self.limit:g} are spent or on their way, "
                "and the next answer could exceed it; all answers are kept: raise the budget and run the same command "
                "to resume"
            )
        self._reserved += cost
        return cost

    def settle(self, reserved: float, usage: Usage, pixels: int) -> None:
        """Count a request that has ended, and give back what was set aside for it."""
        self._reserved -= reserved
        self.spent = Usage(*(a + b for a, b in zip(self.spent, usage, strict=True)))
        self._largest_question = max(self._largest_question, usage.tokens_in)
        self._most_pixels = max(self._most_pixels, pixels if usage.tokens_in else 1)

    def check_counted(self, usage: Usage) -> None:
        """Check that the endpoint tells what it bills, if there is a limit.

        Raises:
            Stopped: If it does not.
        """
        if self.limit is not None and not usage.tokens_in + usage.tokens_out:
            raise Stopped(
                "stopped: the endpoint does not count tokens, so no budget can be kept; use model.budget=null"
            )

    @property
    def cost(self) -> float:
        """What was spent."""
        return self.price.of(self.spent)

    def in_words(self) -> str:
        """Return what was asked and spent, as in ``12 replies, 3,400 tokens in, 120 out, cost 0.021``."""
        replies, tokens_in, tokens_out = self.spent
        cost = f", cost {self.cost:.4g}" if self.price.input + self.price.output > 0 else ""
        return f"{replies:,} replies, {tokens_in:,} tokens in, {tokens_out:,} out{cost}"
