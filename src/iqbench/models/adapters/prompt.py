"""The request that shows pictures to a vision language model: a prompt with places for them."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import cv2

from iqbench.errors import UsageError
from iqbench.interfaces import Photo

FORMATS = {"png": [cv2.IMWRITE_PNG_COMPRESSION, 3], "jpeg": [cv2.IMWRITE_JPEG_QUALITY, 95]}
"""The formats of pictures, with the settings of their encoder. JPEG is 4:2:0, as in cameras."""

DETAILS = (None, "low", "high", "auto")


@dataclass(frozen=True)
class Shown:
    """How a picture is shown.

    Args:
        longest_side: Longest side in pixels; a smaller photo is sent as it is.
        format: ``png``, without loss, or ``jpeg`` of quality 95.
        detail: OpenAI's setting ``low``, ``high`` or ``auto``; None sends none.

    Raises:
        UsageError: If a value is out of range.
    """

    longest_side: int
    format: str
    detail: str | None

    def __post_init__(self) -> None:
        if not isinstance(self.longest_side, int) or self.longest_side < 32:
            raise UsageError(f"model.picture.longest_side={self.longest_side}: must be 32 pixels or more")
        if self.format not in FORMATS:
            raise UsageError(f"model.picture.format={self.format}: must be png or jpeg")
        if self.detail not in DETAILS:
            raise UsageError(f"model.picture.detail={self.detail}: must be low, high, auto or null")

    def part(self, picture: Photo) -> dict[str, Any]:
        """Return a picture as a part of a message, with a data URL."""
        _, content = cv2.imencode(f".{self.format}", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), FORMATS[self.format])
        url = f"data:image/{self.format};base64,{base64.b64encode(content.tobytes()).decode()}"
        return {"type": "image_url", "image_url": {"url": url} | ({"detail": self.detail} if self.detail else {})}


@dataclass(frozen=True)
class Prompt:
    """A prompt with places for pictures, and the other fields of the request.

    Args:
        model: The name of the model.
        text: The prompt, with ``{name}`` where each picture stands.
        places: The names of the places, in the order of the pictures.
        shown: How pictures are shown.
        request: Further fields of the request; one that is None is left out.

    Raises:
        UsageError: If a place is missing in the text, or is there twice.
    """

    model: str
    text: str
    places: tuple[str, ...]
    shown: Shown
    request: Mapping[str, Any]

    def __post_init__(self) -> None:
        if sorted(re.findall(r"\{(\w+)\}", self.text)) != sorted(self.places):
            needed = " and ".join(f"{{{place}}}" for place in self.places)
            raise UsageError(f"model.prompts: the prompt must hold {needed} once each, where the picture is shown")

    @property
    def max_answer(self) -> int | None:
        """The most tokens that an answer may take, None if nothing limits it."""
        given = self.request.get("max_completion_tokens") or self.request.get("max_tokens")
        return given if isinstance(given, int) else None

    def identity(self) -> str:
        """Return a digest of all that an answer depends on, besides the pictures and the server."""
        parts = asdict(self) | {"shown": {"format": self.shown.format, "detail": self.shown.detail}}
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()

    def body(self, pictures: Sequence[Photo], attempt: int) -> dict[str, Any]:
        """Return the request.

        Args:
            pictures: The pictures, in the order of `places`.
            attempt: How often this was asked before. The seed counts up, since the same one would give the same answer.
        """
        by_place = dict(zip(self.places, pictures, strict=True))
        parts = []
        for at, text in enumerate(re.split(r"\{(\w+)\}", self.text.strip())):
            if at % 2:
                parts.append(self.shown.part(by_place[text]))
            elif text.strip():
                parts.append({"type": "text", "text": text.strip()})
        fields = {key: value for key, value in self.request.items() if value is not None}
        if attempt and isinstance(fields.get("seed"), int):
            fields["seed"] += attempt
        return {"model": self.model, "messages": [{"role": "user", "content": parts}], **fields}
