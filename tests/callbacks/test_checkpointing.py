import random
from pathlib import Path
from typing import Any

import numpy as np
import torch

from iqbench.callbacks.checkpointing import RandomState


def drawn() -> tuple[float, float, float]:
    return torch.rand(()).item(), random.random(), float(np.random.random())


def test_the_generators_go_on_where_they_were_at_the_first_batch_and_only_then(tmp_path: Path) -> None:
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)
    state = RandomState().state_dict()
    torch.save(state, tmp_path / "state")
    expected = drawn()
    resumed: Any = RandomState()
    resumed.load_state_dict(torch.load(tmp_path / "state", weights_only=True))
    assert drawn() != expected  # nothing is set yet
    resumed.on_train_batch_start(None, None, None, 0)
    assert drawn() == expected
    resumed.on_train_batch_start(None, None, None, 1)
    assert drawn() != expected  # nor set again
