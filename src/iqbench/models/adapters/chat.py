"""Chat completions of an OpenAI-compatible endpoint: one request at a time, asked again while the server is busy."""

import email.utils
import ipaddress
import json
import logging
import math
import os
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2

from iqbench.errors import MissingResource, Stopped, UsageError, did_you_mean, one_line
from iqbench.models.adapters.replies import Reply, UnusableAnswer, start_of

logging.getLogger("httpx2").setLevel(logging.WARNING)  # it logs a line for each request

MAX_REPLY_BYTES = 4_000_000
"""Size at which a reply is given up: an answer takes kilobytes."""

BUSY = (408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529)
"""Statuses that may be gone with the next try."""

NO_JSON = 502
"""The status that a reply counts as which should be an answer and is no JSON: a page of a gateway."""

FIRST_WAIT = 1.0
"""Seconds until the second try; each later wait is twice as long."""


@dataclass(frozen=True)
class Patience:
    """Limits of a request and of the tries to get an answer.

    Args:
        timeout: Seconds that an answer may take.
        retries: Further tries while the server is busy, does not answer, or breaks the connection.
        longest_wait: Seconds that one wait takes at most, also where the server asks for more.
        asks: Times that a question is asked until the answer can be read.
        concurrency: Questions that are asked at the same time.

    Raises:
        UsageError: If a value is out of range.
    """

    timeout: float
    retries: int
    longest_wait: float
    asks: int
    concurrency: int

    def __post_init__(self) -> None:
        for key, least in (("retries", 0), ("longest_wait", 0), ("asks", 1), ("concurrency", 1)):
            value = getattr(self, key)
            if not isinstance(value, int | float) or not value >= least:
                raise UsageError(f"model.patience.{key}={value}: must be {least} or more")
        if not self.timeout > 0:
            raise UsageError(f"model.patience.timeout={self.timeout}: must be more than 0 seconds")


async def pause(stopping: anyio.Event, seconds: float) -> None:
    """Wait, but not when the run is to stop."""
    with anyio.move_on_after(seconds):
        await stopping.wait()


@dataclass
class Endpoint:
    """An OpenAI-compatible endpoint. The key is read from the environment when it is sent, and never kept or shown.

    Args:
        url: The address up to ``/v1``.
        key_variable: The environment variable that holds the key, None for a server without one.
        patience: Limits and tries.

    Raises:
        UsageError: If the address cannot be used.
    """

    url: str
    key_variable: str | None
    patience: Patience
    has_answered: bool = field(default=False, init=False)
    """Whether the server has sent anything, so that its address is right."""
    has_completed: bool = field(default=False, init=False)
    """Whether it has answered a question, so that the key is right."""

    def __post_init__(self) -> None:
        if not isinstance(self.url, str):
            raise UsageError(f"model.endpoint={self.url}: no address; give one such as http://localhost:8000/v1")
        self.url = self.url.rstrip("/").removesuffix("/chat/completions")
        try:
            parts = urlsplit(self.url)
            host = parts.hostname
            _ = parts.port
        except ValueError as error:
            raise UsageError(
                f"model.endpoint: no address ({error}); give one such as http://localhost:8000/v1"
            ) from None
        if parts.username or parts.password or parts.query or parts.fragment:
            raise UsageError(
                "model.endpoint: holds a name, a key or a query; give the bare address, and the name of the "
                "environment variable that holds the key as model.key_variable"
            )
        if parts.scheme not in ("http", "https") or not host:
            raise UsageError(f"model.endpoint={self.url}: no address; give one such as http://localhost:8000/v1")
        self.host = host

    @property
    def is_local(self) -> bool:
        """True if the photos stay on this machine."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def client(self) -> httpx2.AsyncClient:
        """Return a client. It follows no redirect, and reaches a local server through no proxy.

        Raises:
            MissingResource: If the environment variable with the key is not set, or holds none.
        """
        key = self._key()
        return httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=self.patience.timeout,
            trust_env=not self.is_local,
            verify=self.url.startswith("https"),  # reading certificates takes 80 ms, which http does not need
            limits=httpx2.Limits(max_connections=self.patience.concurrency + 1),
        )

    def _key(self) -> str:
        if self.key_variable is None:
            return ""
        key = os.environ.get(self.key_variable, "").strip()
        if not key:
            raise MissingResource(
                f"model.key_variable={self.key_variable}: this environment variable is not set; set it to your key, or "
                "model.key_variable=null for a server that needs none"
            )
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise MissingResource(f"model.key_variable={self.key_variable}: its value cannot be a key; copy it again")
        return key

    async def complete(self, client: httpx2.AsyncClient, body: dict[str, Any], stopping: anyio.Event) -> Reply:
        """Return the reply to a request.

        Args:
            client: Sends it.
            body: The request.
            stopping: Ends waits when it is set.

        Raises:
            UnusableAnswer: If this question has no answer.
            MissingResource: If there is no such server or model, or the key is refused.
            Stopped: If the server answers nothing any more, or refuses to answer more.
        """
        reason, wait = "", 0.0
        for attempt in range(self.patience.retries + 1):
            if attempt:
                await pause(stopping, min(self.patience.longest_wait, max(FIRST_WAIT * 2 ** (attempt - 1), wait)))
            if stopping.is_set():
                raise Stopped("stopped with another question")
            try:
                status, headers, content = await self._post(client, body)
            except (httpx2.RequestError, TimeoutError) as error:
                if not self.has_answered and isinstance(error, httpx2.ConnectError):
                    raise MissingResource(
                        f"model.endpoint={self.url}: no server answers ({self._shown(one_line(error))}); start it, or "
                        "correct the address"
                    ) from None
                reason, wait = self._no_answer(error), 0.0
                continue
            self.has_answered = True
            status, message, reply = _parts(status, content)
            if status == 200:
                self.has_completed = True
                return Reply.of(reply)
            reason, wait = f"status {status}: {start_of(message, 120)}", _retry_after(headers)
            if status == NO_JSON and not self.has_completed and "no JSON object" in message:
                is_stream = content.startswith("data:")
                advice = "switch streaming off there" if is_stream else "give an address that ends with /v1"
                raise MissingResource(f"model.endpoint={self.url}: answers with {message}; {advice}")
            if 300 <= status < 400:
                place = start_of(self._shown(headers.get("Location", "")), 120)
                raise MissingResource(
                    f"model.endpoint={self.url}: redirects to {place or 'nowhere'} (status {status}), which is not "
                    "followed, since the photos would go there; give that address"
                )
            if status not in BUSY:
                raise await self._refusal(client, status, reason, body)
        if reason.startswith("status 429") or not await self._is_up(client):
            raise Stopped(
                f"stopped: {self.url} does not answer after {self.patience.retries + 1} tries ({reason}); all answers "
                "are kept, run the same command to resume"
            )
        raise UnusableAnswer(f"no answer after {self.patience.retries + 1} tries ({reason})")

    async def _post(self, client: httpx2.AsyncClient, body: dict[str, Any]) -> tuple[int, httpx2.Headers, str]:
        """Return status, headers and content of a reply that arrives whole within the time limit.

        Raises:
            UnusableAnswer: If the reply is too long.
        """
        content = b""
        with anyio.fail_after(self.patience.timeout):
            async with client.stream("POST", f"{self.url}/chat/completions", json=body) as response:
                async for part in response.aiter_bytes():
                    content += part
                    if len(content) > MAX_REPLY_BYTES:
                        raise UnusableAnswer(f"the reply is longer than {MAX_REPLY_BYTES / 1e6:g} MB")
        return response.status_code, response.headers, self._shown(content.decode("utf-8", "replace"))

    def _no_answer(self, error: Exception) -> str:
        if isinstance(error, TimeoutError | httpx2.TimeoutException):
            return f"none within {self.patience.timeout:g} s, see model.patience.timeout"
        return self._shown(one_line(error))

    async def _refusal(self, client: httpx2.AsyncClient, status: int, reason: str, body: dict[str, Any]) -> Exception:
        """Return the error of a request that is refused for good: of the run, or of this question."""
        if status == 401 or (status == 403 and not self.has_completed):
            given = "a request without a key" if self.key_variable is None else f"the key in {self.key_variable}"
            return MissingResource(
                f"model.endpoint={self.url}: refuses {given} (status {status}); set model.key_variable to the "
                "environment variable that holds a valid key"
            )
        if status == 402:
            return Stopped(f"stopped: {self.url} wants to be paid ({reason}); all answers are kept, resume later")
        if status == 404:
            served = await self._served(client)
            hint = did_you_mean(body["model"], served) + (f" It serves: {', '.join(served[:20])}" if served else "")
            return MissingResource(
                f"model.name={body['model']}: not there at {self.url} ({reason}); give the name of a model that it "
                f"serves, and an address that ends with /v1.{hint}"
            )
        return UnusableAnswer(reason)

    async def _served(self, client: httpx2.AsyncClient) -> list[str]:
        """Return the names of the models that the endpoint serves, none if it does not tell."""
        try:
            listed = (await client.get(f"{self.url}/models")).json()
            return sorted(str(each["id"]) for each in listed["data"])
        except (httpx2.HTTPError, ValueError, TypeError, KeyError):
            return []

    async def _is_up(self, client: httpx2.AsyncClient) -> bool:
        try:
            return (await client.get(f"{self.url}/models")).status_code < 500
        except httpx2.HTTPError:
            return False

    def _shown(self, text: str) -> str:
        """Return a text of the server without the key, which some servers repeat."""
        key = os.environ.get(self.key_variable, "").strip() if self.key_variable else ""
        return text.replace(key, "***") if key else text


def _parts(status: int, content: str) -> tuple[int, str, dict[str, Any]]:
    """Return the status of a reply, its error message, and its content if it is an answer.

    Some routers report an error of the server behind them with status 200.
    """
    try:
        reply = json.loads(content)
    except (ValueError, RecursionError):
        reply = None
    if not isinstance(reply, dict):
        return (NO_JSON, f"no JSON object, but '{start_of(content)}'", {}) if status == 200 else (status, content, {})
    error = reply.get("error")
    details = error if isinstance(error, dict) else {}
    if status == 200 and error:
        code = details.get("code")
        status = code if isinstance(code, int) and 400 <= code < 600 else 500
    return status, str(details.get("message") or error or content), reply


def _retry_after(headers: httpx2.Headers) -> float:
    """Return the seconds after which the server wants to be asked again, 0 if it does not say.

    Example:
        >>> _retry_after(httpx2.Headers({"Retry-After": "2.5"})), _retry_after(httpx2.Headers({"Retry-After": "soon"}))
        (2.5, 0.0)
    """
    text = headers.get("Retry-After", "")
    try:
        return max(0.0, float(text)) if math.isfinite(float(text)) else 0.0
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0.0
