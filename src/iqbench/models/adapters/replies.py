"""Replies of a chat model: what they hold, and the number that the last line of an answer stands for."""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

START_LENGTH = 80
"""Characters of an answer that an error shows."""

_MARKUP = r"[\s*_`]*"
_COMPARED = re.compile(rf"{_MARKUP}ANSWER:{_MARKUP}(1|2|tie){_MARKUP}\.?{_MARKUP}", re.IGNORECASE)
_SCORED = re.compile(
    rf"{_MARKUP}SCORE:{_MARKUP}([0-9]+(?:\.[0-9]+)?)(?:\s*/\s*100)?{_MARKUP}\.?{_MARKUP}", re.IGNORECASE
)

_MARGINS = {"1": 1.0, "2": -1.0, "tie": 0.0}


class UnusableAnswer(Exception):  # noqa: N818 - named after what came
    """A question has no answer that can be used. It costs this question alone."""


@dataclass(frozen=True)
class Reply:
    """A reply of an endpoint.

    Args:
        text: The answer.
        tokens_in: Tokens of the question that are billed, 0 where the endpoint does not tell.
        tokens_out: Tokens of the answer.
        model: The model that the endpoint says has answered, "" where it does not.
        ending: Why the answer ends: ``stop``, ``length``, ``content_filter``, ...
        refusal: What the endpoint says instead of an answer, "" mostly.
        choices: The log-probabilities that the endpoint gives for each token, the likeliest alternatives included.
    """

    text: str
    tokens_in: int
    tokens_out: int
    model: str
    ending: str
    refusal: str
    choices: tuple[tuple[str, Mapping[str, float]], ...] = ()

    @classmethod
    def of(cls, reply: Mapping[str, Any]) -> Self:
        """Return the parts of a chat completion. What is missing or of another type counts as empty."""
        choice = _first(reply.get("choices"))
        message, usage = _mapping(choice.get("message")), _mapping(reply.get("usage"))
        content = message.get("content")
        if isinstance(content, list):  # parts, as some servers give them
            content = "".join(str(_mapping(part).get("text") or "") for part in content)
        return cls(
            text=content if isinstance(content, str) else "",
            tokens_in=_count(usage.get("prompt_tokens")),
            tokens_out=_count(usage.get("completion_tokens")),
            model=_text(reply.get("model")),
            ending=_text(choice.get("finish_reason")),
            refusal=_text(message.get("refusal")),
            choices=_token_choices(choice),
        )

    def as_json(self) -> str:
        """Return the reply as text, for `from_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the reply that `as_json` wrote."""
        fields = json.loads(text)
        return cls(**{**fields, "choices": tuple((token, likely) for token, likely in fields["choices"])})


Reading = Callable[[Reply], float]
"""Returns the number that a reply stands for, or raises `UnusableAnswer`."""


def preference(reply: Reply) -> float:
    """Return the margin that the last line states: 1 for ``ANSWER: 1``, -1 for ``ANSWER: 2``, 0 for ``ANSWER: tie``.

    Bold print, quotes of code and a full stop around it are no fault.

    Raises:
        UnusableAnswer: If the last line states none of them.
    """
    return _MARGINS[_stated(reply, _COMPARED, "ANSWER: 1, ANSWER: 2 or ANSWER: tie").lower()]


def log_odds(reply: Reply) -> float:
    """Return how much likelier ``1`` is than ``2`` as the answer of the last line, as log-odds; 0 for a tie.

    An answer that is not among the alternatives is taken to be as likely as the least likely of these.

    Raises:
        UnusableAnswer: If the last line states no answer, or the endpoint gives no log-probabilities.
    """
    stated = preference(reply)
    for token, likely in reversed(reply.choices):
        if token.strip().lower() in _MARGINS or (not stated and "tie".startswith(token.strip().lower() or "-")):
            if not stated:
                return 0.0
            floor = min(likely.values())
            first, second = (_log_sum([p for each, p in likely.items() if each.strip() == n]) for n in ("1", "2"))
            return max(first, floor) - max(second, floor)
    raise UnusableAnswer("the endpoint gives no log-probabilities; set model.logprobs=false")


def score(reply: Reply) -> float:
    """Return the score that the last line states as ``SCORE: 0`` to ``SCORE: 100``.

    Raises:
        UnusableAnswer: If the last line states none.
    """
    number = float(_stated(reply, _SCORED, "SCORE: and a number from 0 to 100"))
    if number > 100:
        raise UnusableAnswer(f"the score {number:g} is above 100")
    return number


def start_of(text: str, length: int = START_LENGTH) -> str:
    r"""Return the start of a text in one line of at most so many printable characters.

    Example:
        >>> start_of("  one\n two ")
        'one two'
    """
    line = " ".join(text[: 10 * length].split())
    line = "".join(character if character.isprintable() else "?" for character in line)
    return line if len(line) <= length else f"{line[: length - 3]}..."


def _stated(reply: Reply, pattern: re.Pattern[str], promised: str) -> str:
    lines = [line for line in reply.text.splitlines() if line.strip()]
    if lines and (match := pattern.fullmatch(lines[-1])):
        return match[1]
    if reply.refusal or reply.ending == "content_filter":
        raise UnusableAnswer(f"the model refuses to answer: '{start_of(reply.refusal or reply.text)}'")
    if not lines:
        raise UnusableAnswer(f"the answer is empty{_cut(reply)}")
    raise UnusableAnswer(f"the last line is not {promised}{_cut(reply)}; the answer: '{start_of(reply.text)}'")


def _cut(reply: Reply) -> str:
    return ", cut off at the limit of tokens (model.request.max_tokens)" if reply.ending == "length" else ""


def _token_choices(choice: Mapping[str, Any]) -> tuple[tuple[str, dict[str, float]], ...]:
    content = _mapping(choice.get("logprobs")).get("content")
    tokens = [_mapping(each) for each in content] if isinstance(content, list) else []
    choices = []
    for token in tokens:
        alternatives = token.get("top_logprobs")
        all_ = [_mapping(each) for each in alternatives] if isinstance(alternatives, list) else []
        likely = {_text(each.get("token")): each.get("logprob") for each in [*all_, token]}
        choices.append(
            (_text(token.get("token")), {name: float(p) for name, p in likely.items() if isinstance(p, int | float)})
        )
    return tuple((token, likely) for token, likely in choices if likely)


def _log_sum(logs: list[float]) -> float:
    return math.log(total) if (total := sum(map(math.exp, logs))) > 0 else -math.inf


def _first(values: Any) -> Mapping[str, Any]:
    return _mapping(values[0]) if isinstance(values, list) and values else {}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
