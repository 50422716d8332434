"""The extended suite: no baseline comes far in it, and a judge that knows is accused of nothing."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import iqbench
from fixtures.scenes import scene
from iqbench.baselines import RANDOM
from iqbench.interfaces import Photo
from iqbench.reporting.cautions import cautions
from iqbench.reporting.headline import headline
from iqbench.reporting.model_faults import fault_of
from iqbench.reporting.model_warnings import model_warnings
from iqbench.results.summary import Summary

PHOTOS = 16


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    """The benchmark of an oracle, which knows the originals, on parts of the sample photos."""
    folder = tmp_path_factory.mktemp("photos")
    known = set[bytes]()
    for number in range(PHOTOS):
        photo = scene(1.0, 100 * number)[:160, :200]
        known.add(hashlib.sha256(photo.tobytes()).digest())
        Image.fromarray(photo).save(Path(folder) / f"{number:02}.png")

    def oracle(photo: Photo) -> float:
        return float(hashlib.sha256(np.ascontiguousarray(photo).tobytes()).digest() in known)

    return iqbench.benchmark({"oracle": oracle}, photos=str(folder), suite="extended", workers=0).summary


@pytest.mark.slow
def test_no_baseline_is_right_in_three_of_four_pairs(summary: Summary) -> None:
    reached = {name: baseline.overall.value for name, baseline in summary.baselines.items() if name != RANDOM}
    assert max(value or 0.0 for value in reached.values()) < 0.75, reached
    assert reached["larger file"] != 0.5


@pytest.mark.slow
def test_an_oracle_is_accused_of_nothing(summary: Summary) -> None:
    oracle = summary.models["oracle"]
    assert oracle.overall.value == 1.0
    assert model_warnings(oracle) == []
    assert fault_of(oracle) is None
    assert [caution.text for caution in cautions(summary) if "oracle" in caution.models] == []
    text = headline(summary)
    assert text.startswith(f"oracle is right in all {PHOTOS * 100:,} pairs")
    assert "Weakest" not in text
    assert "not shown" not in text
    corrected = oracle.against_baselines.corrected
    assert corrected.value == pytest.approx(1.0)
