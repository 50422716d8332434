"""The sheet of all damage of a suite on one photo."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fixtures.command_line import run
from fixtures.photos import noisy_gradient
from iqbench.degradations.ladder import Degradation, Ladder, Level, suite
from iqbench.interfaces import NotApplicable, Photo, PhotoContext
from iqbench.sheet import GAP, LABEL, contact_sheet, variants_of


def test_the_sheet_has_a_row_for_each_ladder_and_the_original_first(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.fromarray(noisy_gradient(40, 60)).save(photo)
    outcome = run("sheet", photo, tmp_path / "sheet.png", "--suite", "blur,exposure", "--width", "30")
    assert outcome.exit_code == 0, outcome.err
    sheet = Image.open(tmp_path / "sheet.png")
    assert sheet.size == (5 * (30 + GAP), 3 * (20 + LABEL + GAP))  # blur, darker, brighter; blur has four levels
    expected = Image.fromarray(noisy_gradient(40, 60)).resize((30, 20), Image.Resampling.BOX)
    for row in range(3):
        top = row * (20 + LABEL + GAP) + LABEL
        assert np.array_equal(np.asarray(sheet)[top : top + 20, :30], np.asarray(expected))


def test_what_cannot_be_made_of_the_photo_is_said_and_not_drawn() -> None:
    def refuse(photo: Photo, context: PhotoContext) -> Photo:
        raise NotApplicable("no subject")

    levels = [Level("gone", refuse, needs_context=True), Level("same", lambda photo: photo)]
    photo = np.full((20, 30, 3), 200, np.uint8)
    sheet = np.asarray(contact_sheet(photo, suite({"own": Degradation("technical", [Ladder("", levels)])}), 30, None))
    assert not (sheet[LABEL:, 30 + GAP : 60 + GAP] == 200).all(axis=2).any()
    assert (sheet[LABEL : LABEL + 20, 60 + 2 * GAP : 90 + 2 * GAP] == 200).all()


def test_a_type_in_two_suites_is_drawn_once() -> None:
    keys = [variant.key for variant in variants_of(["blur", "standard"])]
    assert len(keys) == len(set(keys)) == 27


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("missing.png", "out.png"), "missing.png: no such file"),
        (("photo.png", "photo.png"), "is the photo itself; give another name"),
        (("photo.png", "out.gif"), "must end in one of .png"),
        (("photo.png", "out.png", "--suite", "blurr"), "--suite blurr: no such damage. Did you mean 'blur'"),
        (("photo.png", "out.png", "--width", "2"), "--width 2: must be 16 px or more"),
        (("photo.png", "no/folder/out.png"), "no such folder as"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(noisy_gradient(40, 60)).save("photo.png")
    outcome = run("sheet", *arguments)
    assert outcome.exit_code in (2, 74)
    assert message in outcome.last_line
    assert "Traceback" not in outcome.err
