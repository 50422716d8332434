"""Questions about pictures: from the cache, or in parallel from an endpoint, within the budget."""

import hashlib
import json
import logging
import os
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import anyio
import httpx2
from anyio.from_thread import start_blocking_portal

from iqbench.errors import IqbenchError
from iqbench.io import atomic_write
from iqbench.models.adapters.answer_cache import AnswerCache
from iqbench.models.adapters.budget import Budget, Usage
from iqbench.models.adapters.chat import Endpoint
from iqbench.models.adapters.once import Answer
from iqbench.models.adapters.pictures import KeptPicture
from iqbench.models.adapters.prompt import Prompt
from iqbench.models.adapters.replies import Reading, Reply, UnusableAnswer, start_of

log = logging.getLogger(__name__)

Question = tuple[KeptPicture, ...]
"""The pictures that a question shows, in order."""

USAGE_FILE = "usage.json"


@dataclass
class Questionnaire:
    """Asks one model about pictures; each question once, whatever happens to the program.

    Args:
        endpoint: The server.
        prompt: The request.
        reading: Turns a reply into a number.
        budget: What may be spent.
        cache: The answers so far.
    """

    endpoint: Endpoint
    prompt: Prompt
    reading: Reading
    budget: Budget
    cache: AnswerCache
    _round: str = field(default="", init=False)
    _has_said_where: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._identity = hashlib.sha256(f"{self.endpoint.url} {self.prompt.identity()}".encode()).hexdigest()
        self._names = {self.prompt.model}
        weakref.finalize(self, _report, self.budget, self.cache, self._label, os.getpid())

    @property
    def _label(self) -> str:
        return f"{self.prompt.model} at {self.endpoint.url}"

    @contextmanager
    def asking_again(self) -> Iterator[None]:
        """Ask anew within the block: an answer from before does not count, one from another such block does."""
        self._round = "again"
        try:
            yield
        finally:
            self._round = ""

    def numbers(self, questions: Sequence[Question]) -> list[Answer]:
        """Return the number that answers each question, or the error that costs it.

        Raises:
            MissingResource: If there is no such server or model, or no key.
            Stopped: If the budget is used up, or the server answers no more. What is on its way is waited for.
            DiskError: If answers cannot be kept.
        """
        answers: dict[int, Answer] = {}
        for at, question in enumerate(questions):
            if reply := self.cache.get(self._key(question)):
                answers[at] = self.reading(reply)
        open_questions = {at: question for at, question in enumerate(questions) if at not in answers}
        if open_questions:
            self._say_where()
            with start_blocking_portal() as portal:  # a loop of its own, also in a notebook; Ctrl-C ends it at once
                answers |= portal.call(self._ask_all, open_questions)
        return [answers[at] for at in range(len(questions))]

    async def _ask_all(self, questions: dict[int, Question]) -> dict[int, Answer]:
        answers: dict[int, Answer] = {}
        fatal: list[IqbenchError] = []
        stopping, turns = anyio.Event(), anyio.Semaphore(self.endpoint.patience.concurrency)

        async def ask(at: int, question: Question) -> None:
            async with turns:
                if stopping.is_set():
                    return
                try:
                    answers[at] = await self._ask(client, question, stopping)
                except IqbenchError as error:
                    fatal.append(error)
                    stopping.set()
                except Exception as error:  # noqa: BLE001 - costs this question, unless the engine knows better
                    answers[at] = error

        async with self.endpoint.client() as client, anyio.create_task_group() as tasks:
            for at, question in questions.items():
                if self.budget.is_blind:
                    await ask(at, question)
                else:
                    tasks.start_soon(ask, at, question)
        if fatal:
            raise fatal[0]
        return answers

    async def _ask(self, client: httpx2.AsyncClient, question: Question, stopping: anyio.Event) -> float:
        pictures = [picture.pixels() for picture in question]
        pixels = sum(picture.shape[0] * picture.shape[1] for picture in pictures)
        unusable = UnusableAnswer()
        for attempt in range(self.endpoint.patience.asks):
            reserved, usage = self.budget.reserve(pixels, len(self.prompt.text)), Usage()
            try:
                reply = await self.endpoint.complete(client, self.prompt.body(pictures, attempt), stopping)
                usage = Usage(1, reply.tokens_in, reply.tokens_out)
            finally:
                self.budget.settle(reserved, usage, pixels)
            self._say_who(reply)
            try:
                number = self.reading(reply)
            except UnusableAnswer as error:
                unusable = error
                self.cache.keep(self._label, reply, None)
            else:
                self.cache.keep(self._label, reply, self._key(question))
                self.budget.check_counted(usage)
                return number
        raise unusable

    def _key(self, question: Question) -> str:
        parts = [self._identity, self._round, *(picture.digest.hex() for picture in question)]
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()

    def _say_where(self) -> None:
        """Say once where the photos go."""
        if self._has_said_where:
            return
        self._has_said_where = True
        shown = self.prompt.shown
        what = f"pictures of at most {shown.longest_side} px as {shown.format}"
        if self.endpoint.is_local:
            log.info("%s: is sent %s", self._label, what)
        else:
            log.warning("%s: the photos leave this machine, as %s", self._label, what)

    def _say_who(self, reply: Reply) -> None:
        """Say once under which other name the server has answered: some answer whatever name is asked for."""
        if reply.model and reply.model not in self._names:
            self._names.add(reply.model)
            log.info("%s: the answers come from %s", self._label, start_of(reply.model))


def _report(budget: Budget, cache: AnswerCache, label: str, process: int) -> None:
    """Log what this start has asked and what it cost; write that and the totals of all starts beside the answers."""
    if os.getpid() != process or not (budget.spent.replies or cache.hits):
        return
    log.info("%s: %s; %d questions answered from the cache", label, budget.in_words(), cache.hits)
    with suppress(IqbenchError, OSError):
        ever = {model: usage._asdict() for model, usage in cache.usage().items()}
        start = {"model": label, **budget.spent._asdict(), "cost": budget.cost, "from_cache": cache.hits}
        if cache.folder is not None:
            with atomic_write(cache.folder / USAGE_FILE, shared=True) as path:
                path.write_text(json.dumps({"last_start": start, "ever": ever}, indent=2), encoding="utf-8")
