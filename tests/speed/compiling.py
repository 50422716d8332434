"""How long compiling a network takes: ``python tests/speed/compiling.py '["model=siamese"]'`` prints seconds.

In a program of its own, since what is compiled is kept by the program, and for the next one on disk.
"""

import json
import sys
import time

from iqbench import config
from iqbench.inference.autotuning import autotune
from iqbench.inference.engine_config import EngineConfig
from iqbench.interfaces import QualityModel
from iqbench.photos import synthetic_photo


def main() -> None:
    """Make a model ready to judge as `iqbench.bench` does, and print how long that took."""
    composed = config.compose("bench", json.loads(sys.argv[1]))
    engine: EngineConfig = config.build(composed.engine, "engine")
    model: QualityModel = engine.place(config.build(composed.model, "model"))
    start = time.perf_counter()
    autotune(engine, model, model.prepare(synthetic_photo()))
    sys.stdout.write(f"{time.perf_counter() - start}\n")


if __name__ == "__main__":
    main()
