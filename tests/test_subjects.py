"""Contact sheets of semantic damage, written by a program."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fixtures.subjects import grass, with_subject
from iqbench.errors import UsageError
from iqbench.subjects import main, write_sheets


def test_the_sheets_show_each_photo_and_the_table_has_a_row_for_each_variant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "photos", tmp_path / "new" / "sheets"
    folder.mkdir()
    for name, photo in {"a.png": with_subject(grass(), (40, 80, 70, 120)), "b ü.png": grass(60, 90, 1)}.items():
        Image.fromarray(photo).save(folder / name)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken, and longer than a header")
    write_sheets(folder, out, limit=None, seed=0, settings=["segmenter=grabcut"])
    rows = pd.read_csv(out / "subjects.csv")
    assert set(rows["made_with"].dropna()) == {"grabcut"}
    found = rows[rows["photo"] == "./a.png"].set_index("variant")["status"]
    assert len(found) == 13
    assert found["change_background/plain"] == "ok"
    sheet = cv2.imdecode(np.fromfile(out / "sheet_001.png", np.uint8), cv2.IMREAD_COLOR)
    assert sheet.shape[0] == 2 * (160 + 18)
    printed = capsys.readouterr().out
    assert "1 sheets in" in printed
    assert "change_background/plain: 1 of 2 photos" in printed


def test_a_wrong_setting_and_a_file_as_the_folder_are_refused(tmp_path: Path) -> None:
    Image.fromarray(grass()).save(tmp_path / "a.png")
    with pytest.raises(UsageError, match="segmenter=sam: must be auto, u2netp or grabcut"):
        write_sheets(tmp_path, tmp_path / "out", None, 0, ["segmenter=sam"])
    with pytest.raises(UsageError, match=r"a\.png: cannot be created"):
        write_sheets(tmp_path, tmp_path / "a.png", None, 0, ["segmenter=grabcut"])


def test_settings_may_follow_the_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(grass()).save(tmp_path / "a.png")
    command = ["iqbench.subjects", str(tmp_path), "--out", str(tmp_path / "out"), "segmenter=grabcut", "max_left=0.1"]
    monkeypatch.setattr(sys, "argv", command)
    main()
    assert set(pd.read_csv(tmp_path / "out" / "subjects.csv")["made_with"]) == {"grabcut"}
