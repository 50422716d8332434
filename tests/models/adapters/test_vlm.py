"""A vision language model behind an endpoint: a stub server answers as each test scripts it."""

import json
import logging
import pickle
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from fixtures.vision_server import Asked, Sent, VisionServer, error, prefers_brighter, says
from iqbench.config import CONF_DIR, build
from iqbench.errors import DiskError, MissingResource, Stopped, UsageError
from iqbench.inference.batching import compare_each
from iqbench.inference.failures import Failure
from iqbench.interfaces import Photo, Scorer
from iqbench.models.adapters import chat
from iqbench.models.adapters.budget import Price, Usage
from iqbench.models.adapters.vlm import VisionComparer, VisionScorer
from iqbench.provenance import fingerprint

SECRET = "sk-never-shown-0123456789"


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were waited, without waiting."""
    seconds: list[float] = []

    async def pause(_: anyio.Event, wait: float) -> None:
        seconds.append(wait)

    monkeypatch.setattr(chat, "pause", pause)
    return seconds


@pytest.fixture
def server(waits: list[float]) -> Iterator[VisionServer]:
    with VisionServer(prefers_brighter).running() as running:
        yield running


def config(server: VisionServer | str, *overrides: str, cache: Path | None = None) -> Any:
    url = server if isinstance(server, str) else server.url
    folder = None if cache is None else cache.as_posix()
    given = [override.lstrip("+").removeprefix("model.") for override in overrides]
    settings = {"endpoint": url, "name": "stub", "cache": folder}
    return OmegaConf.merge(OmegaConf.load(CONF_DIR / "model" / "vlm.yaml"), settings, OmegaConf.from_dotlist(given))


def judge(server: VisionServer | str, *overrides: str, cache: Path | None = None) -> Any:
    return build(config(server, *overrides, cache=cache), "model")


def grey(value: int) -> Photo:
    return np.full((40, 50, 3), value, np.uint8)


def encoded(model: Any, *values: int) -> torch.Tensor:
    return model.encode(torch.stack([model.prepare(grey(value)) for value in values]))


def asked_about(model: Any, first: list[int], second: list[int]) -> list[float | Failure]:
    return compare_each(model.margin, encoded(model, *first), encoded(model, *second))


def once(sent: Callable[[], Sent]) -> Callable[[Asked], Sent]:
    """Reply so to the first request about each pair, then answer."""
    return lambda asked: prefers_brighter(asked) if asked.before else sent()


class TestAnswers:
    def test_the_photo_that_the_model_names_wins(self, server: VisionServer) -> None:
        assert asked_about(judge(server), [90, 10, 50], [20, 80, 50]) == [1.0, -1.0, 0.0]

    def test_the_model_sees_the_photo_to_the_byte_in_the_order_of_the_prompt(
        self, server: VisionServer, photo: Photo
    ) -> None:
        model = judge(server)
        pictures = [model.encode(model.prepare(each)[None]) for each in (photo, grey(7))]
        model.margin(*pictures)
        (asked,) = server.asked
        assert [np.array_equal(*each) for each in zip(asked.pictures, (photo, grey(7)), strict=True)] == [True, True]
        parts = asked.body["messages"][0]["content"]
        assert [part["type"] for part in parts] == ["text", "image_url", "text", "image_url", "text"]
        assert [parts[at]["text"].splitlines()[-1] for at in (0, 2)] == ["Photo 1:", "Photo 2:"]
        assert (asked.body["temperature"], asked.body["seed"], asked.body["max_tokens"]) == (0, 0, 500)
        assert "logprobs" not in asked.body

    def test_a_large_photo_is_scaled_down_to_the_stated_side(self, server: VisionServer, photo: Photo) -> None:
        model = judge(server, "model.picture.longest_side=64", "model.picture.format=jpeg", "model.picture.detail=low")
        model.margin(model.encode(model.prepare(photo)[None]), encoded(model, 7))
        (asked,) = server.asked
        image = asked.body["messages"][0]["content"][1]["image_url"]
        assert asked.pictures[0].shape == (48, 64, 3)
        assert (image["detail"], image["url"][:22]) == ("low", "data:image/jpeg;base64")

    def test_fields_of_the_request_can_be_left_out_and_added(self, server: VisionServer) -> None:
        changed = ("model.request.max_tokens=null", "+model.request.max_completion_tokens=9")
        asked_about(judge(server, *changed), [1], [2])
        assert "max_tokens" not in server.asked[0].body
        assert server.asked[0].body["max_completion_tokens"] == 9

    def test_equal_pictures_tie_and_nobody_is_asked(self, server: VisionServer) -> None:
        assert asked_about(judge(server), [5, 6], [5, 6]) == [0.0, 0.0]
        assert not server.asked

    def test_a_scorer_reads_the_number(self, server: VisionServer) -> None:
        server.script = lambda asked: says(f"Fine.\nSCORE: {int(asked.pictures[0].mean())}")
        model = judge(server, "model.mode=score")
        assert isinstance(model, Scorer)
        assert isinstance(model, VisionScorer)
        assert encoded(model, 3, 99, 3).tolist() == [[3], [99], [3]]
        assert len(server.asked) == 2

    def test_log_probabilities_give_the_margin(self, server: VisionServer) -> None:
        likely = [{"token": " 2", "logprob": -0.1}, {"token": " 1", "logprob": -2.6}, {"token": " tie", "logprob": -5}]
        tokens = [{"token": "ANSWER:", "logprob": 0, "top_logprobs": []}, {**likely[0], "top_logprobs": likely}]
        server.script = lambda asked: says("ANSWER: 2", choice={"logprobs": {"content": tokens}})
        model = judge(server, "model.logprobs=true")
        assert asked_about(model, [1], [2]) == [pytest.approx(-2.5)]
        assert server.asked[0].body["logprobs"] is True

    def test_a_server_without_log_probabilities_is_no_silent_difference(self, server: VisionServer) -> None:
        (answer,) = asked_about(judge(server, "model.logprobs=true"), [1], [2])
        assert "gives no log-probabilities; set model.logprobs=false" in str(answer)

    def test_questions_are_asked_side_by_side_up_to_the_limit(self, server: VisionServer) -> None:
        together = threading.Barrier(3)

        def answer(asked: Asked) -> Sent:
            together.wait(30)  # breaks unless three requests are here at once
            return prefers_brighter(asked)

        server.script = answer
        model = judge(server, "model.patience.concurrency=3")
        assert asked_about(model, [1, 2, 3, 4, 5, 6], [9] * 6) == [-1.0] * 6

    def test_it_works_inside_a_running_event_loop_as_in_a_notebook(self, server: VisionServer) -> None:
        async def cell() -> list[float | Failure]:
            return asked_about(judge(server), [9], [2])

        assert anyio.run(cell) == [1.0]


class TestBadAnswers:
    def test_garbage_is_asked_again_with_another_seed(self, server: VisionServer) -> None:
        server.script = once(lambda: says("Both are nice."))
        assert asked_about(judge(server), [9], [2]) == [1.0]
        assert [asked.body["seed"] for asked in server.asked] == [0, 1]

    def test_garbage_without_end_costs_its_pair_and_shows_the_start_of_the_answer(self, server: VisionServer) -> None:
        server.script = lambda asked: says("Hard to\nsay") if asked.pictures[0].max() == 13 else prefers_brighter(asked)
        answers = asked_about(judge(server), [9, 13, 8, 7], [2] * 4)
        assert [answers[0], *answers[2:]] == [1.0] * 3
        assert isinstance(answers[1], Failure)
        assert answers[1].status == "model_error"
        assert answers[1].error.endswith("the answer: 'Hard to say'")
        assert sorted(server.counts.values()) == [1, 1, 1, 3]

    @pytest.mark.parametrize(
        ("sent", "reason"),
        [
            (says(None, message={"refusal": "I cannot judge people."}), "refuses to answer: 'I cannot judge people.'"),
            (says("", choice={"finish_reason": "content_filter"}), "refuses to answer"),
            (says("First I look", choice={"finish_reason": "length"}), "cut off at the limit of tokens"),
            (Sent({"choices": []}), "the answer is empty"),
            (Sent({"choices": None, "usage": "no"}), "the answer is empty"),
            (Sent({"choices": [{"message": {"content": 7}}]}), "the answer is empty"),
            (Sent({"choices": [17]}), "the answer is empty"),
            (error(400, "Your image was flagged"), "status 400: Your image was flagged"),
            (Sent(b"no\x00pe", 413), "status 413: no?pe"),
        ],
    )
    def test_a_reply_that_is_no_answer_costs_its_pair(self, server: VisionServer, sent: Sent, reason: str) -> None:
        server.script = lambda asked: sent if asked.pictures[0].max() == 13 else prefers_brighter(asked)
        good, bad = asked_about(judge(server), [9, 13], [2, 2])
        assert good == 1.0
        assert isinstance(bad, Failure)
        assert reason in bad.error
        assert len(bad.error) <= 200

    def test_an_answer_in_parts_is_put_together(self, server: VisionServer) -> None:
        parts = [{"type": "text", "text": "Well.\n"}, {"type": "text", "text": "ANSWER: 2"}]
        server.script = lambda asked: says(None, message={"content": parts})
        assert asked_about(judge(server), [9], [2]) == [-1.0]


class TestBusyServers:
    def test_a_busy_server_is_asked_again_after_the_time_that_it_names(
        self, server: VisionServer, waits: list[float]
    ) -> None:
        replies = [
            error(429, Retry_After="7"),
            error(503),
            error(500, Retry_After="soon"),
            error(429, Retry_After="999"),
        ]
        server.script = lambda asked: replies[asked.before] if asked.before < 4 else prefers_brighter(asked)
        assert asked_about(judge(server), [9], [2]) == [1.0]
        assert waits == [7, 2, 4, 60]

    @pytest.mark.parametrize(
        "sent",
        [
            Sent({"error": {"message": "overloaded", "code": 529}}),
            Sent({"choices": []}, cut=True),
            error(520),
        ],
    )
    def test_what_may_be_gone_with_the_next_try_is_tried_again(self, server: VisionServer, sent: Sent) -> None:
        server.script = once(lambda: sent)
        assert asked_about(judge(server), [9], [2]) == [1.0]
        assert len(server.asked) == 2

    def test_a_page_of_a_gateway_in_the_middle_of_a_run_is_tried_again(self, server: VisionServer) -> None:
        server.script = lambda asked: (
            Sent(b"<html>oops</html>")
            if asked.pictures[0].max() == 13 and not asked.before
            else prefers_brighter(asked)
        )
        model = judge(server)
        assert asked_about(model, [9], [2]) == [1.0]
        assert asked_about(model, [13], [2]) == [1.0]
        assert len(server.asked) == 3

    def test_one_pair_that_breaks_the_server_costs_itself(self, server: VisionServer, waits: list[float]) -> None:
        server.script = lambda asked: error(500, "boom") if asked.pictures[0].max() == 13 else prefers_brighter(asked)
        good, bad = asked_about(judge(server, "model.patience.retries=2"), [9, 13], [2, 2])
        assert good == 1.0
        assert bad == Failure("model_error", "UnusableAnswer: no answer after 3 tries (status 500: boom)")
        assert waits == [1, 2]

    def test_a_quota_that_is_used_up_stops_the_run(self, server: VisionServer) -> None:
        server.script = lambda asked: error(429, "You exceeded your quota")
        with pytest.raises(Stopped, match=r"status 429: You exceeded your quota.*all answers are kept"):
            asked_about(judge(server), [9], [2])

    def test_answers_that_are_on_their_way_are_kept_when_the_run_stops(
        self, server: VisionServer, tmp_path: Path
    ) -> None:
        refused = threading.Event()

        def answer(asked: Asked) -> Sent:
            if asked.pictures[0].max() == 13:
                return error(402, "no credit")
            refused.wait(0.2)  # comes back after the refusal
            return prefers_brighter(asked)

        server.script = answer
        with pytest.raises(Stopped, match="wants to be paid"):
            asked_about(judge(server, cache=tmp_path), [9, 13, 8], [2] * 3)
        server.script = prefers_brighter
        assert asked_about(judge(server, cache=tmp_path), [9, 13, 8], [2] * 3) == [1.0] * 3
        assert sorted(server.counts.values()) == [1, 1, 2]

    def test_an_answer_that_does_not_come_in_time_costs_its_pair(self, server: VisionServer) -> None:
        done = threading.Event()

        def answer(asked: Asked) -> Sent:
            done.wait(60)
            return prefers_brighter(asked)

        server.script = answer
        try:
            limits = ("model.patience.timeout=0.3", "model.patience.retries=1")
            (late,) = asked_about(judge(server, *limits), [9], [2])
        finally:
            done.set()
        assert isinstance(late, Failure)
        assert "no answer after 2 tries (none within 0.3 s, see model.patience.timeout)" in late.error

    def test_a_server_that_goes_away_stops_the_run(self, server: VisionServer, waits: list[float]) -> None:
        with VisionServer(prefers_brighter).running() as gone:
            model = judge(gone)
            assert asked_about(model, [9], [2]) == [1.0]
        with pytest.raises(Stopped, match=r"does not answer after 7 tries .* run the same command to resume"):
            asked_about(model, [8], [2])
        assert waits == [1, 2, 4, 8, 16, 32]


class TestMissingServers:
    def test_no_server_is_said_at_once(self, waits: list[float]) -> None:
        with VisionServer(prefers_brighter).running() as gone:
            model = judge(gone)
        with pytest.raises(MissingResource, match=r"model.endpoint=.*: no server answers .*; start it, or correct"):
            asked_about(model, [9], [2])
        assert not waits

    def test_an_unknown_model_is_said_with_those_that_there_are(self, server: VisionServer) -> None:
        server.script, server.models = lambda asked: error(404, "no such model"), ["qwen", "stubb"]
        with pytest.raises(MissingResource, match=r"model.name=stub: .* Did you mean 'stubb'\? It serves: qwen, stubb"):
            asked_about(judge(server), [9], [2])

    def test_an_address_of_something_else_is_said(self, server: VisionServer) -> None:
        with pytest.raises(MissingResource, match="an address that ends with /v1"):
            asked_about(judge(server.url.removesuffix("/v1")), [9], [2])
        server.script = lambda asked: Sent(b"<html>Welcome</html>")
        with pytest.raises(MissingResource, match="answers with no JSON object, but '<html>Welcome</html>'"):
            asked_about(judge(server), [9], [2])

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_key_that_is_refused_ends_the_run(
        self, server: VisionServer, monkeypatch: pytest.MonkeyPatch, status: int
    ) -> None:
        monkeypatch.setenv("STUB_KEY", SECRET)
        server.script = lambda asked: error(status, f"Incorrect API key: {SECRET[:6]}***")
        with pytest.raises(MissingResource, match=r"refuses the key in STUB_KEY \(status"):
            asked_about(judge(server, "model.key_variable=STUB_KEY"), [9, 8], [2, 2])

    def test_a_photo_that_is_refused_after_others_were_answered_costs_its_pairs(self, server: VisionServer) -> None:
        model = judge(server)
        asked_about(model, [9], [2])
        server.script = lambda asked: error(403, "flagged by moderation")
        assert "status 403: flagged by moderation" in str(asked_about(model, [8], [2]))

    @pytest.mark.parametrize(
        ("override", "reason"),
        [
            ("model.endpoint=localhost:8000", "no address"),
            ("model.endpoint=ftp://here/v1", "no address"),
            ("model.endpoint=http://localhost:80a/v1", "no address"),
            ("model.endpoint=https://me:pass@host/v1", "model.key_variable"),
            ("model.endpoint=https://host/v1?key=1", "model.key_variable"),
            ("model.mode=rank", "must be compare or score"),
            ("model.prompts.compare='{first} or {first}?'", "must hold {first} and {second} once each"),
            ("model.picture.format=gif", "must be png or jpeg"),
            ("model.picture.longest_side=8", "32 pixels or more"),
            ("model.picture.detail=best", "low, high, auto or null"),
            ("model.patience.timeout=0", "more than 0 seconds"),
            ("model.patience.asks=0", "must be 1 or more"),
            ("model.price.input=-1", "0 or more"),
            ("model.budget=5", "needs model.price"),
        ],
    )
    def test_a_setting_that_cannot_be_is_refused(self, override: str, reason: str) -> None:
        with pytest.raises(UsageError) as refused:
            judge("http://localhost:1/v1", override)
        assert reason in str(refused.value)
        assert "pass@" not in str(refused.value)


class TestKey:
    def test_the_key_is_sent_and_shown_nowhere(
        self,
        server: VisionServer,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setenv("STUB_KEY", f"{SECRET}\n")
        caplog.set_level(logging.DEBUG)
        server.script = once(lambda: says(f"Your key is {SECRET}"))
        model = judge(server, "model.key_variable=STUB_KEY", "model.patience.asks=1", cache=tmp_path)
        answers = asked_about(model, [9], [2])
        answers += asked_about(model, [9, 8], [2, 2])
        server.script = lambda asked: error(400, f"bad {SECRET}")
        answers += asked_about(model, [7], [2])
        assert server.asked[0].headers["Authorization"] == f"Bearer {SECRET}"
        kept = [path.read_bytes() for path in tmp_path.iterdir()]
        shown = [caplog.text, str(answers), repr(vars(model)), repr(model.questions), pickle.dumps(model)]
        for text in [*kept, *shown]:
            assert SECRET not in (text.decode("latin-1") if isinstance(text, bytes) else text)
        assert "***" in str(answers)

    def test_no_key_is_said_before_anything_is_sent(
        self, server: VisionServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("STUB_KEY", raising=False)
        with pytest.raises(MissingResource, match="STUB_KEY: this environment variable is not set"):
            asked_about(judge(server, "model.key_variable=STUB_KEY"), [9], [2])
        assert not server.asked

    def test_what_cannot_be_a_key_is_refused_and_not_shown(
        self, server: VisionServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("STUB_KEY", "päss wörd")
        with pytest.raises(MissingResource, match="STUB_KEY: its value cannot be a key") as refused:
            asked_about(judge(server, "model.key_variable=STUB_KEY"), [9], [2])
        assert "wörd" not in str(refused.value)


class TestCache:
    def test_nothing_is_asked_twice_by_another_program(self, server: VisionServer, tmp_path: Path) -> None:
        for _ in range(2):
            assert asked_about(judge(server, cache=tmp_path), [9, 2], [2, 9]) == [1.0, -1.0]
        assert list(server.counts.values()) == [1, 1]

    def test_answers_of_the_cache_need_neither_server_nor_key(self, server: VisionServer, tmp_path: Path) -> None:
        with VisionServer(prefers_brighter).running() as gone:
            asked_about(judge(gone, cache=tmp_path), [9], [2])
        model = judge(gone, "model.key_variable=NEVER_SET", cache=tmp_path)
        assert asked_about(model, [9], [2]) == [1.0]

    @pytest.mark.parametrize(
        "other", ["model.request.seed=1", "model.name=other", "model.prompts.compare='{first} or {second}?'"]
    )
    def test_another_question_is_asked(self, server: VisionServer, tmp_path: Path, other: str) -> None:
        asked_about(judge(server, cache=tmp_path), [9], [2])
        asked_about(judge(server, other, cache=tmp_path), [9], [2])
        assert len(server.asked) == 2

    def test_the_repeat_sample_asks_anew_and_once(self, server: VisionServer, tmp_path: Path) -> None:
        for model in (judge(server, cache=tmp_path), judge(server, cache=tmp_path)):
            asked_about(model, [9], [2])
            with model.asking_again():
                asked_about(model, [9], [2])
        assert list(server.counts.values()) == [2]

    def test_a_file_that_is_no_database_is_named(self, server: VisionServer, tmp_path: Path) -> None:
        (tmp_path / "answers.sqlite").write_bytes(b"not a database, but long enough to be looked at" * 30)
        with pytest.raises(DiskError, match=r"answers.sqlite: the answers .* not a database.*model.cache=DIR"):
            asked_about(judge(server, cache=tmp_path), [9], [2])

    def test_settings_that_change_no_answer_leave_the_fingerprint_alone(self, server: VisionServer) -> None:
        def of(*overrides: str) -> str:
            node = config(server, *overrides)
            return fingerprint(build(node, "model"), dict(node))

        priced = ("model.price.input=1", "model.budget=5", "model.patience.timeout=3", "model.key_variable=K")
        assert of(*priced) == of()
        assert len({of(), of("model.request.seed=1"), of("model.name=b"), of("model.picture.longest_side=99")}) == 4


class TestCost:
    PRICE = ("model.price.input=10", "model.price.output=100")  # a reply of the stub costs 0.01 + 0.002

    def test_tokens_and_cost_of_this_start_and_of_all_are_written_down(
        self, server: VisionServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        for values in ([9, 8], [9, 8, 7]):
            model = judge(server, *self.PRICE, cache=tmp_path)
            asked_about(model, values, [2] * len(values))
            del model
        assert "1 replies, 1,000 tokens in, 20 out, cost 0.012; 2 questions answered from the cache" in caplog.text
        usage = json.loads((tmp_path / "usage.json").read_text())
        assert usage["last_start"] | {"model": ""} == {
            "model": "", "replies": 1, "tokens_in": 1000, "tokens_out": 20, "cost": 0.012, "from_cache": 2
        }  # fmt: skip
        assert list(usage["ever"].values()) == [{"replies": 3, "tokens_in": 3000, "tokens_out": 60}]

    def test_answers_that_cannot_be_used_are_paid_too(self, server: VisionServer) -> None:
        server.script = once(lambda: says("well"))
        model = judge(server, *self.PRICE)
        asked_about(model, [9], [2])
        assert model.questions.budget.spent == Usage(2, 2000, 40)

    @pytest.mark.parametrize("concurrency", [1, 4])
    def test_the_budget_is_never_exceeded(self, server: VisionServer, tmp_path: Path, concurrency: int) -> None:
        limits = ("model.budget=0.04", "model.request.max_tokens=30", f"model.patience.concurrency={concurrency}")
        model = judge(server, *self.PRICE, *limits, cache=tmp_path)
        values = list(range(10, 16))
        with pytest.raises(Stopped, match=r"of model.budget=0.04 are spent or on their way"):
            asked_about(model, values, [2] * 6)
        assert len(server.asked) == 3
        again = judge(server, *self.PRICE, "model.request.max_tokens=30", "model.budget=1", cache=tmp_path)
        assert asked_about(again, values, [2] * 6) == [1.0] * 6
        assert set(server.counts.values()) == {1}

    def test_a_server_that_counts_no_tokens_keeps_no_budget(self, server: VisionServer) -> None:
        server.script = lambda asked: says("ANSWER: 1", usage=None)
        with pytest.raises(Stopped, match="does not count tokens"):
            asked_about(judge(server, *self.PRICE, "model.budget=1"), [9], [2])

    def test_the_cost_is_tokens_times_prices(self) -> None:
        assert Price(0.5, 2.0).of(Usage(3, 2_000_000, 500_000)) == 2.0


class TestPrivacy:
    def test_where_the_photos_go_is_said_once(self, server: VisionServer, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        model = judge(server)
        asked_about(model, [9], [2])
        asked_about(model, [8], [2])
        assert caplog.text.count("is sent pictures of at most 1024 px as png") == 1

    def test_that_they_leave_the_machine_is_a_warning(
        self, caplog: pytest.LogCaptureFixture, waits: list[float]
    ) -> None:
        with pytest.raises(MissingResource):
            asked_about(judge("http://nowhere.invalid/v1"), [9], [2])
        assert "the photos leave this machine" in caplog.text

    def test_a_redirect_is_not_followed(self, server: VisionServer) -> None:
        server.script = lambda asked: Sent(b"", 307, {"Location": "http://127.0.0.1:9/v1/chat/completions"})
        line = r"redirects to http://127.0.0.1:9/v1/chat/completions \(status 307\), which is not followed"
        with pytest.raises(MissingResource, match=line):
            asked_about(judge(server), [9], [2])

    def test_a_reply_that_is_too_long_costs_its_question(self, server: VisionServer) -> None:
        server.script = lambda asked: says("x" * (chat.MAX_REPLY_BYTES + 1))
        assert "the reply is longer than 4 MB" in str(asked_about(judge(server), [9], [2]))

    def test_a_streamed_answer_is_told_from_a_wrong_address(self, server: VisionServer) -> None:
        server.script = lambda asked: Sent(b'data: {"choices": [{"delta": {"content": "ANSWER: 1"}}]}\n\n')
        with pytest.raises(MissingResource, match="switch streaming off there"):
            asked_about(judge(server), [9], [2])

    def test_settings_that_are_null_are_told_in_one_line(self) -> None:
        for key, message in (("endpoint", "no address"), ("name", "must be the name of a model")):
            settings = config("http://127.0.0.1:9/v1")
            settings[key] = None
            with pytest.raises(UsageError, match=message):
                build(settings, "model")


def test_a_worker_prepares_pictures_with_a_copy(server: VisionServer, photo: Photo) -> None:
    model = judge(server)
    assert isinstance(model, VisionComparer)
    copy = pickle.loads(pickle.dumps(model))
    assert torch.equal(copy.prepare(photo), model.prepare(photo))
