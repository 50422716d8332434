"""Printed commands: whatever a path holds, the shell and Hydra read back exactly that."""

import random
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from fixtures.command_line import TINY, run
from iqbench import config
from iqbench.commands import command, override, shell_quoted
from iqbench.training.next_commands import next_commands
from iqbench.verify import _outdated

HOSTILE = [
    "a=b", "a,b", "a b", " a ", "$HOME", "${x}", "\\${x}", "it's", 'say "x"', "[a]", "{a: b}", "(a)", "a\nb", "a\tb",
    "ä模", "-x", "~x", "\\", "a\\", "a\\'b", "a:b", "#x", "", "null", "True", "1", "007", "1e3", "nan", "%PATH%", "*",
    "glob(*)", "range(3)", "a;b", "a&b", "a|b", "!x", "`x`", "x'", "C:\\Users\\me", "\\\\server\\x",
]  # fmt: skip
ALPHABET = "ab01=, $\\\"'{}[]()\n\t:~-./é模%*?#&|<>!;`^@+"


def read_back(line: str, key: str = "key") -> object:
    """Return the value of the last word of a command, as a POSIX shell and Hydra read it."""
    *_, word = shlex.split(line)
    parsed = OverridesParser.create().parse_override(word)
    assert not parsed.is_sweep_override()
    assert parsed.key_or_group == key
    node = OmegaConf.create()
    OmegaConf.update(node, key, parsed.value())
    return OmegaConf.select(node, key)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_is_read_back_as_it_was(text: str) -> None:
    assert read_back(command("bench", override("key", text))) == text


def test_random_texts_are_read_back_as_they_were() -> None:
    draw = random.Random(0)
    for _ in range(300):
        text = "".join(draw.choice(ALPHABET) for _ in range(draw.randint(0, 7))).replace("$", draw.choice(["$", "${"]))
        assert read_back(command("bench", override("key", text))) == text


@pytest.mark.parametrize("value", [None, True, False, 3, -1, 0.1, 1e-05, float("inf"), ["a,b", 1, None], [[1], ["x"]]])
def test_a_value_keeps_its_type(value: object) -> None:
    read = read_back(command("bench", override("key", value)))
    assert (list(read) if isinstance(value, list) else read) == value  # type: ignore[call-overload]


@pytest.mark.parametrize("text", ["siamese", "./a/b.ckpt", "/tmp/results/2026-01-31_12-00-00-123/best.ckpt", "a/b"])
def test_a_simple_name_or_path_stays_without_quotes(text: str) -> None:
    assert command("bench", override("key", text)) == f"python -m iqbench.bench key={text}"


@pytest.mark.parametrize("folder", ["-x", "a b", "it's", "$HOME", "a\nb"])
def test_a_folder_is_no_option_and_one_word(folder: str) -> None:
    *_, word = shlex.split(command("report", Path(folder)))
    assert not word.startswith("-")
    assert Path(word) == Path(folder)


@pytest.mark.parametrize("argument", [text for text in HOSTILE if "\n" not in text])
def test_a_windows_program_gets_the_argument_as_it_was(argument: str) -> None:
    assert split_like_windows(shell_quoted(argument, windows=True)) == [argument]


def split_like_windows(line: str) -> list[str]:
    """Split a command line by the rules of Microsoft's C runtime."""
    words, word, quoted, at = [], "", False, 0
    while at < len(line):
        slashes = len(line[at:]) - len(line[at:].lstrip("\\"))
        at += slashes
        if line[at : at + 1] == '"':
            word += "\\" * (slashes // 2)
            if slashes % 2:
                word += '"'
            else:
                quoted = not quoted
            at += 1
            continue
        word += "\\" * slashes
        if at < len(line):
            if line[at] in " \t" and not quoted:
                words.append(word)
                word = ""
            else:
                word += line[at]
            at += 1
    return [*words, word]


HOSTILE_FOLDERS = ["a=b, c", "it's [x]", "-ä模 $HOME", "~{a: b}", '"q" \\', "new\nline"]


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE_FOLDERS)
def test_the_commands_that_train_prints_run(folder: Path, tmp_path: Path, name: str) -> None:
    photos, out = tmp_path / f"{name} photos", tmp_path / name
    folder.rename(photos)
    arguments = ["model=siamese", *TINY, "model.size=32", "trainer=cpu", "trainer.max_epochs=1", "examples.workers=0"]
    arguments += ["degradation=blur", "logger=none", "callbacks=[checkpoints]", "print_config=false", "data=folder"]
    outcome = run("train", *arguments, override("data.root", str(photos)), override("out", str(out)))
    assert outcome.exit_code == 0, outcome.err
    printed = outcome.err[outcome.err.index("python -m iqbench.bench") :].strip()
    words = shlex.split(printed)
    assert words[:3] == ["python", "-m", "iqbench.bench"]
    more = ["data=folder", override("data.root", str(photos)), "degradation=blur", "engine.workers=0"]
    judged = run("bench", *words[3:], *more, override("out", str(tmp_path / "bench")))
    assert judged.exit_code == 0, judged.err


@pytest.mark.slow
def test_a_printed_command_runs_in_a_shell(tmp_path: Path) -> None:
    out = tmp_path / "a=b, 'c' $x"
    common = ["degradation=blur", "data.limit=1", "engine.workers=0"]
    assert run("bench", "model=contrast", *common, override("out", str(out))).exit_code == 0
    (out / "summary.json").write_text("{}")
    outcome = run("verify", out)
    assert outcome.exit_code == 6
    line = outcome.out[outcome.out.index("python -m") :].splitlines()[0]
    ended = subprocess.run(line.replace("python", shlex.quote(sys.executable), 1), shell=True, capture_output=True)
    assert ended.returncode == 0, ended.stderr
    assert run("verify", out).exit_code == 0


def test_what_verify_advises_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iqbench.reporting.exports.export", lambda place, *_, **__: (place / "x.csv").write_text("1"))
    for name in HOSTILE:
        if not name:
            continue
        folder = tmp_path / name if not name.startswith("\\") else tmp_path / "b" / name
        (line,) = _outdated(folder, [], [])
        words = shlex.split(line[line.index("python -m") :])
        assert words == ["python", "-m", "iqbench.report", str(folder)]


@pytest.mark.parametrize("name", HOSTILE_FOLDERS)
def test_the_commands_after_a_training_on_labels_hold_the_data_and_its_settings(tmp_path: Path, name: str) -> None:
    place, checkpoint = str(tmp_path / name), str(tmp_path / name / "best.ckpt")
    options = ["data=ava", "data.split=random", "data.limit=7", "seed=3", override("data.root", place)]
    composed = config.compose("train", [*options, "name=ava", "out=nowhere"])
    bench, evaluate = next_commands(composed, {"model": "ava", "data": "ava"}, checkpoint, ["file://my conf"])
    assert shlex.split(bench)[2:6] == ["iqbench.bench", "--config-dir", "my conf", "model=ava"]
    words = shlex.split(evaluate)
    assert words[:5] == ["python", "-m", "iqbench.evaluate", "--config-dir", "my conf"]
    again = config.compose("evaluate", [*words[5:], "name=ava", "out=nowhere"])
    assert (again.data.root, again.data.limit, again.data.split, again.seed) == (place, 7, "random", 3)
    assert again.model.checkpoint == checkpoint


def test_an_override_that_cannot_be_read_is_shown_in_quotes() -> None:
    outcome = run("bench", "model=iqa", "out='a")
    assert outcome.exit_code == 2
    advice = outcome.last_line.partition("write ")[2]
    assert read_back(f"x {advice}", "out") == "'a"
