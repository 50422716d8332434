"""Benchmarks of a vision language model whose server is a stub: biased, broken, killed and resumed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from fixtures.command_line import Outcome, run
from fixtures.vision_server import Asked, Sent, VisionServer, error, prefers_brighter, says
from iqbench.models.adapters import chat

PHOTO = 2 * (4 + 1 + 1 + 1)
"""Questions about a photo: levels, neighbours in two ladders, and the control that differs, in both orders."""

REHEARSAL = 2
"""Questions before the run: a photo against a crop of it."""


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    async def pause(*_: object) -> None:
        await anyio.lowlevel.checkpoint()

    monkeypatch.setattr(chat, "pause", pause)


def settings(server: VisionServer, folder: Path, out: Path, *more: str) -> list[str]:
    model = ["model=vlm", f"model.endpoint={server.url}", "model.name=stub", f"model.cache={out.parent / 'cache'}"]
    return [
        *model,
        "data=folder",
        f"data.root={folder}",
        "degradation=exposure",
        "engine.workers=0",
        f"out={out}",
        *more,
    ]


def bench(server: VisionServer, folder: Path, out: Path, *more: str) -> Outcome:
    return run("bench", *settings(server, folder, out, *more))


def summary_of(out: Path) -> Any:
    summary = json.loads((out / "summary.json").read_text())
    return summary["models"]["vlm"]


def test_a_judge_that_always_says_the_first_gets_one_half_and_is_consistent_in_no_pair(
    folder: Path, tmp_path: Path
) -> None:
    with VisionServer(lambda asked: says("ANSWER: 1")).running() as server:
        outcome = bench(server, folder, tmp_path / "out", "model.price.input=2.5", "model.request.temperature=0.7")
    assert outcome.exit_code == 0, outcome.err
    assert ", cost 0." in outcome.err
    model = summary_of(tmp_path / "out")
    assert model["overall"]["accuracy"] == 0.5
    assert model["overall"]["order_consistency"] == 0


@pytest.mark.slow
def test_each_pair_is_asked_once_in_each_order_and_the_repeat_sample_once_more(folder: Path, tmp_path: Path) -> None:
    with VisionServer(prefers_brighter).running() as server:
        bench(server, folder, tmp_path / "out")
        asked = sorted(server.counts.values())
        again = bench(server, folder, tmp_path / "second")
        other_photos = len(server.asked)
    assert asked == [1] * (REHEARSAL + 2 * PHOTO) + [2] * PHOTO
    assert other_photos == sum(asked)
    assert again.exit_code == 0
    assert "0 replies" in again.err
    csv = "unified_results.csv"
    assert (tmp_path / "out" / csv).read_bytes() == (tmp_path / "second" / csv).read_bytes()
    assert summary_of(tmp_path / "out")["repeatability"]["repeat_sample"]["largest_change"] == 0


@pytest.mark.slow
def test_a_judge_that_changes_its_mind_is_found_by_the_repeat_sample(folder: Path, tmp_path: Path) -> None:
    def answer(asked: Asked) -> Sent:
        text = prefers_brighter(asked).content["choices"][0]["message"]["content"]
        return says(text.translate(str.maketrans("12", "21")) if asked.before else text)

    with VisionServer(answer).running() as server:
        bench(server, folder, tmp_path / "out")
    assert summary_of(tmp_path / "out")["repeatability"]["repeat_sample"]["largest_change"] > 0


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_and_asks_nothing_twice(folder: Path, tmp_path: Path) -> None:
    with VisionServer(prefers_brighter).running() as server:
        server.script = lambda asked: prefers_brighter(asked) if len(server.asked) < 25 else error(402, "no credit")
        stopped = bench(server, folder, tmp_path / "out")
        assert stopped.exit_code == 1
        assert stopped.last_line.endswith("all answers are kept, resume later")
        assert "Traceback" not in stopped.err
        refused = len(server.asked) - 24
        server.script = prefers_brighter
        resumed = bench(server, folder, tmp_path / "out", "model.budget=null")
        whole = bench(server, folder, tmp_path / "whole")
    assert (resumed.exit_code, whole.exit_code) == (0, 0)
    assert len(server.asked) - refused == REHEARSAL + 4 * PHOTO
    csv = "unified_results.csv"
    assert (tmp_path / "out" / csv).read_bytes() == (tmp_path / "whole" / csv).read_bytes()


@pytest.mark.slow
def test_garbage_about_one_photo_costs_its_rows_and_no_other(folder: Path, tmp_path: Path) -> None:
    def answer(asked: Asked) -> Sent:
        square = any(picture.shape[:2] == (64, 64) for picture in asked.pictures)
        return says("How\nlovely!") if square else prefers_brighter(asked)

    with VisionServer(answer).running() as server:
        outcome = bench(server, folder, tmp_path / "out", "model.patience.asks=2")
    assert outcome.exit_code == 3
    assert "6 model_error" in outcome.last_line or "4 model_error" in outcome.last_line
    rows = (tmp_path / "out" / "unified_results.csv").read_text()
    assert "the answer: 'How lovely!'" in rows


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (["model.endpoint=http://127.0.0.1:9/v1"], "no server answers"),
        (["model.key_variable=IQBENCH_NO_SUCH_KEY"], "IQBENCH_NO_SUCH_KEY: this environment variable is not set"),
        (["model.endpoint=???"], "model.endpoint"),
    ],
)
def test_what_is_missing_is_said_before_a_photo_is_scored(
    folder: Path, tmp_path: Path, more: list[str], reason: str
) -> None:
    with VisionServer(prefers_brighter).running() as server:
        outcome = bench(server, folder, tmp_path / "out", *more)
    assert outcome.exit_code == 2
    assert reason in outcome.last_line
    assert not (tmp_path / "out" / "results.sqlite").exists()


@pytest.mark.slow
def test_a_run_that_is_killed_twice_asks_nothing_twice_but_what_was_on_its_way(folder: Path, tmp_path: Path) -> None:
    environment = os.environ | {"SOURCE_DATE_EPOCH": "0"}
    with VisionServer(prefers_brighter).running() as server:
        for kills_at in (10, 30, 0):
            command = [sys.executable, "-m", "iqbench.bench", *settings(server, folder, tmp_path / "out")]
            process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment)

            def answer(asked: Asked, at: int = kills_at, victim: "subprocess.Popen[bytes]" = process) -> Sent:
                if at and len(server.asked) >= at:
                    victim.send_signal(signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
                return prefers_brighter(asked)

            server.script = answer
            _, errors = process.communicate()
        assert process.returncode == 0, errors
    needed = REHEARSAL + 4 * PHOTO
    assert needed <= len(server.asked) <= needed + 2 * 2 * 8  # of either kill at most twice the concurrency
    assert summary_of(tmp_path / "out")["overall"]["total_pairs"] == 12
