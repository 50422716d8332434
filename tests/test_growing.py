"""The same command with more levels, types or photos computes what is new, and ends as if it had been one run."""

from pathlib import Path

import pytest
from PIL import Image

from fixtures.command_line import run
from fixtures.killed_runs import EXPORTS, finished
from fixtures.photos import noisy_gradient
from iqbench.results.reader import read_store
from iqbench.results.schema import FILE_NAME
from iqbench.results.summary import read_summary

JUDGE = """
import torch
from iqbench.interfaces import Scorer

encoded = []


class Counting(Scorer):
    def prepare(self, photo):
        return torch.tensor([photo.std() + 0.01 * photo.mean()], dtype=torch.float64)

    def encode(self, inputs):
        encoded.extend(inputs[:, 0].tolist())
        return inputs
"""


@pytest.fixture
def common(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
    (tmp_path / "counting_judge.py").write_text(JUDGE)
    (tmp_path / "mine" / "model").mkdir(parents=True)
    (tmp_path / "mine" / "model" / "counting.yaml").write_text("_target_: counting_judge.Counting\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "photos").mkdir()
    for number in range(4):
        Image.fromarray(noisy_gradient(60, 80, seed=number)).save(tmp_path / "photos" / f"{number}.png")
    settings = ("--config-dir", tmp_path / "mine", "model=counting", "engine.workers=0", "data=folder")
    return ("bench", *settings, f"data.root={tmp_path / 'photos'}")


def encoded() -> list[float]:
    """What was encoded since it was last asked."""
    import counting_judge

    encodings = list(counting_judge.encoded)
    counting_judge.encoded.clear()
    return encodings


FEW = ("degradation=blur", "degradation.blur.sigma=[1,4]")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "then", "pictures"),
    [
        (FEW, ("degradation=blur", "degradation.blur.sigma=[1,2,4]"), 4),  # original, the new level, its neighbours
        (FEW, ("degradation=blur", "degradation.blur.sigma=[1,4,8]"), 3),
        (("~degradation.jpeg",), (), 6),
    ],
    ids=["between", "harsher", "type"],
)
def test_new_levels_and_types_are_judged_alone(
    common: tuple[object, ...], tmp_path: Path, first: tuple[str, ...], then: tuple[str, ...], pictures: int
) -> None:
    assert run(*common, *first, f"out={tmp_path / 'grown'}").exit_code == 0
    encoded()
    rows = finished(tmp_path / "grown" / FILE_NAME)
    outcome = run(*common, *then, f"out={tmp_path / 'grown'}")
    assert outcome.exit_code == 0, outcome.err
    self_test = 2
    repeats = len(read_store(tmp_path / "grown" / FILE_NAME).variants) + 1  # one photo is asked about again
    assert len(encoded()) == 4 * pictures + self_test + repeats
    after = finished(tmp_path / "grown" / FILE_NAME)
    assert all(len(set(rows[photo]) - set(after[photo])) <= 1 for photo in rows)  # two that are no neighbours now
    assert run(*common, *then, f"out={tmp_path / 'whole'}").exit_code == 0
    for name in EXPORTS:
        assert (tmp_path / "grown" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert run("verify", tmp_path / "grown").exit_code == 0


def test_new_photos_are_judged_alone(common: tuple[object, ...], tmp_path: Path) -> None:
    assert run(*common, *FEW, "data.limit=2", f"out={tmp_path / 'grown'}").exit_code == 0
    rows = finished(tmp_path / "grown" / FILE_NAME)
    assert run(*common, *FEW, "data.limit=4", f"out={tmp_path / 'grown'}").exit_code == 0
    after = finished(tmp_path / "grown" / FILE_NAME)
    assert len(after) == 4
    assert {photo: after[photo] for photo in rows} == rows
    assert run(*common, *FEW, "data.limit=4", f"out={tmp_path / 'whole'}").exit_code == 0
    telling = ("summary.json", "KEY_TAKEAWAYS.md", "report.html")  # they say that photos were added
    for name in set(EXPORTS).difference(telling):
        assert (tmp_path / "grown" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    grown, one_run = (read_summary(tmp_path / name) for name in ("grown", "whole"))
    assert (grown.looks, one_run.looks) == ([2], [])
    assert grown.model_copy(update={"looks": [], "runs": one_run.runs}) == one_run
    warning = "photos were added after results for 2 photos could be seen"
    assert warning in (tmp_path / "grown" / "KEY_TAKEAWAYS.md").read_text().lower()
    assert warning not in (tmp_path / "whole" / "KEY_TAKEAWAYS.md").read_text().lower()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("then", "named"),
    [
        (("degradation=blur", "degradation.blur.sigma=[1]"), "degradation"),
        (("degradation=blur", "degradation.blur.sigma=[1,5]"), "degradation"),
        ((*FEW, "data.limit=3"), "photos"),
        (("degradation=jpeg",), "degradation"),
    ],
)
def test_a_run_that_is_less_or_another_is_refused(
    common: tuple[object, ...], tmp_path: Path, then: tuple[str, ...], named: str
) -> None:
    assert run(*common, *FEW, f"out={tmp_path / 'run'}").exit_code == 0
    original_bytes = (tmp_path / "run" / FILE_NAME).read_bytes()
    outcome = run(*common, *then, f"out={tmp_path / 'run'}")
    assert outcome.exit_code == 2
    assert f"holds a run that differs in {named}; nothing was written" in outcome.last_line
    assert (tmp_path / "run" / FILE_NAME).read_bytes() == original_bytes
