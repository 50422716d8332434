"""The packaged weights judge as they did when they were made, beyond noise: this project's own use of `iqbench.check`.

``tests/reference/unified_results.parquet`` is what `judged` wrote then. New weights: run this test, and copy
``out/unified_results.parquet`` from its temporary folder there, if the table that check prints is what you want.
"""

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from fixtures.command_line import Outcome, run
from iqbench import photos
from iqbench.datasets.samples import Samples

pytestmark = pytest.mark.slow

BASELINE = Path(__file__).parent / "reference"


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep over parts of those sample photos that are lossless, so that everybody has the same bytes."""
    folder = tmp_path_factory.mktemp("reference")
    (folder / "photos").mkdir()
    for file in Samples(limit=None, seed=0).photos().files:
        if file.path.suffix == ".png":
            photo = photos.read(file.path).pixels
            for at in range(6):
                top, left = (
                    round((side - part_side) * share)
                    for side, part_side, share in zip(photo.shape, (200, 240), (at % 2, at // 2 / 2), strict=False)
                )
                Image.fromarray(photo[top : top + 200, left : left + 240]).save(
                    folder / "photos" / f"{file.path.stem}{at}.bmp"
                )
    common = ("data=folder", f"data.root={folder / 'photos'}", "degradation=blur,jpeg,crop_center", "engine.workers=0")
    outcome = run("bench", "-m", "model=siamese,ava", *common, f"out={folder / 'out'}")
    assert outcome.exit_code == 0, outcome.err
    return folder / "out"


def check(results: Path) -> Outcome:
    return run("check", results, "--baseline", BASELINE)


def test_the_reference_weights_did_not_get_worse(judged: Path) -> None:
    outcome = check(judged)
    assert outcome.exit_code == 0, outcome.out + outcome.err
    assert outcome.out.count("no difference shown") == 8


def test_weights_that_were_spoilt_would_not_pass(judged: Path, tmp_path: Path) -> None:
    table = pd.read_parquet(judged / "unified_results.parquet")
    ava = (table["model_name"] == "ava") & (table["degradation_type"] == "jpeg")
    table.loc[ava, "correct"] = 1 - table.loc[ava, "correct"]
    table.to_parquet(tmp_path / "unified_results.parquet")
    outcome = check(tmp_path)
    assert outcome.exit_code == 4
    assert "ava on jpeg" in outcome.last_line
    assert "siamese" not in outcome.last_line
