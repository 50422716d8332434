"""A benchmark that was killed goes on where it was, and ends with the same bytes."""

from pathlib import Path

import pytest
from PIL import Image

from fixtures.command_line import TINY
from fixtures.killed_runs import killed
from fixtures.photos import noisy_gradient

pytestmark = pytest.mark.slow


def test_a_killed_benchmark_ends_with_the_bytes_of_one_that_was_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(16):
        Image.fromarray(noisy_gradient(300, 400, seed=number)).save(tmp_path / "photos" / f"{number:02}.png")
    network = ["model=siamese", *TINY, "model.checkpoint=untrained", "engine.batch_size=8"]
    arguments = [*network, "data=folder", f"data.root={tmp_path / 'photos'}"]
    outcome = killed(arguments, tmp_path, photos=12, kills=2, seed=0)
    assert outcome.same_bytes
    assert outcome.judged_again == 0
    assert all(count > 0 for count in outcome.kills)
