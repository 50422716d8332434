"""Judges that score well for the wrong reason: a benchmark exposes each of them on its first screen."""

import re
from pathlib import Path

import pytest
from PIL import Image

from fixtures.command_line import Outcome, run
from fixtures.scenes import scene
from iqbench.results.summary import read_summary

pytestmark = pytest.mark.slow

JUDGES = """
import cv2
import numpy as np
import torch
from iqbench.interfaces import Scorer


class Looking(Scorer):
    def prepare(self, photo):
        return torch.tensor([float(self.look(photo))], dtype=torch.float64)

    def encode(self, inputs):
        return inputs


class Constant(Looking):
    def look(self, photo):
        return 7.0


class FileSize(Looking):
    def look(self, photo):
        return len(cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1])


class Artefacts(Looking):
    '''Prefer small steps at the borders of the 8 x 8 blocks of a JPEG, relative to the steps inside the blocks.'''

    def look(self, photo):
        steps = np.abs(np.diff(photo.astype(float), axis=1)).mean(axis=(0, 2))
        return -(steps[7::8].mean() / steps[3::8].mean())


class First:
    def __init__(self):
        self.inner = FileSize()
        self.prepare, self.encode = self.inner.prepare, self.inner.encode

    def margin(self, first, second):
        return self.inner.margin(first, second) + 1e9
"""


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Path]:
    """The output of a sweep over all judges, and the folder of its results."""
    folder = tmp_path_factory.mktemp("exposed")
    (folder / "exposed_judges.py").write_text(JUDGES)
    (folder / "mine" / "model").mkdir(parents=True)
    (folder / "photos").mkdir()
    for name in ("Constant", "FileSize", "Artefacts", "First"):
        (folder / "mine" / "model" / f"{name.lower()}.yaml").write_text(f"_target_: exposed_judges.{name}\n")
    for number in range(16):
        Image.fromarray(scene(1.0, 100 * number)).save(folder / "photos" / f"{number:02}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        common = ("--config-dir", folder / "mine", "data=folder", f"data.root={folder / 'photos'}", "engine.workers=0")
        outcome = run("bench", "-m", *common, "model=constant,filesize,artefacts,first", f"out={folder / 'out'}")
    assert outcome.exit_code == 0, outcome.err
    return outcome, folder / "out"


@pytest.mark.parametrize(
    ("judge", "exposed"),
    [
        ("constant", "has no opinion"),
        ("first", "contradicts itself in 100.0 % of pairs when they are swapped (position bias)"),
        ("filesize", "chooses like the baseline larger file in"),
        ("artefacts", "% of pairs: it may detect compression, not damage"),
    ],
)
def test_a_judge_that_is_right_for_the_wrong_reason_is_exposed(
    screen: tuple[Outcome, Path], judge: str, exposed: str
) -> None:
    takeaways = (screen[1] / "KEY_TAKEAWAYS.md").read_text()
    section = takeaways.split(f"## {judge}\n")[1].split("\n## ")[0]
    assert exposed[1:] in section  # there it begins with a capital
    cautions = (screen[1] / "report.html").read_text().split('<div class="cautions">')[1].split("</div>")[0]
    assert re.search(rf"<strong>[^<]*\b{judge}\b[^<]*</strong> [^<]*{re.escape(exposed)}", cautions)


def test_the_console_shows_the_heaviest_of_their_warnings(screen: tuple[Outcome, Path]) -> None:
    printed = screen[0].out
    assert "constant has no opinion: every pair is a tie" in printed
    assert "first contradicts itself in 100.0 % of pairs" in printed
    assert "lighter cautions in KEY_TAKEAWAYS.md" in printed


def test_no_judge_has_the_warning_of_another(screen: tuple[Outcome, Path]) -> None:
    section = (screen[1] / "KEY_TAKEAWAYS.md").read_text().split("## artefacts\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("- **")]
    assert lines
    assert not any(
        warning in line
        for line in lines
        for warning in ("no opinion", "contradicts itself", "the baseline larger file")
    )


def test_corrected_for_chance_and_baselines_the_judges_of_nothing_have_no_score(screen: tuple[Outcome, Path]) -> None:
    models = read_summary(screen[1]).models
    assert models["filesize"].overall.value > 0.9
    for judge in ("constant", "filesize", "first"):
        corrected = models[judge].against_baselines.corrected
        assert corrected.value == pytest.approx(0.0, abs=0.02)
    assert models["filesize"].against_baselines.corrected.baseline == "larger file"
    assert models["constant"].overall.verdict == "not shown"
