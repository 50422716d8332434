import re
from pathlib import Path

import pytest
from lightning.pytorch.callbacks import LearningRateMonitor
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout

from fixtures.tiny_models import CONSTANT, SGD, ava, siamese
from fixtures.training_runs import pair_examples, train, vote_examples
from iqbench import config
from iqbench.callbacks.dashboard import Dashboard
from iqbench.callbacks.history import history


def charts(folder: Path) -> dict[str, list[str]]:
    """Return the tags of each chart that was written."""
    events = EventAccumulator(str(folder / "tensorboard" / "version_0"), {"tensors": 0}).Reload()
    (written,) = events.Tensors("custom_scalars__config__")
    layout = Layout.FromString(written.tensor_proto.string_val[0])
    result = {}
    for section in layout.category:
        for chart in section.chart:
            margins = [tag for line in chart.margin.series for tag in (line.value, line.lower, line.upper)]
            result[chart.title] = [*chart.multiline.tag, *margins]
    return result


@pytest.mark.parametrize("kind", ["pairs", "votes"])
def test_every_chart_has_a_logged_tag_and_every_tag_a_chart(tmp_path: Path, kind: str) -> None:
    node = config.OmegaConf.load(config.CONF_DIR / "callbacks" / "telemetry.yaml")
    telemetry = [config.build(target, name) for name, target in node.items()]
    model, data = (siamese(), pair_examples()) if kind == "pairs" else (ava(), vote_examples())
    train(tmp_path, model, data, *telemetry, LearningRateMonitor(), max_epochs=2)
    tags = set(history(tmp_path)["tag"])
    for title, patterns in charts(tmp_path).items():
        for pattern in patterns:
            assert any(re.match(pattern, tag) for tag in tags), f"{title}: nothing is logged as {pattern}"
    charted_tags = {tag for tag in tags for patterns in charts(tmp_path).values() for p in patterns if re.match(p, tag)}
    assert {tag for tag in tags - charted_tags if not tag.startswith("final/")} == set()


@pytest.mark.parametrize(
    ("schedule", "frozen"),
    [
        ({}, False),
        ({}, True),
        ({"warmup": 0.5}, True),
        ({"name": "cosine"}, False),
        ({"name": "plateau"}, False),
        ({"name": "plateau", "warmup": 0.5}, False),
    ],
    ids=str,
)
def test_the_learning_rates_of_every_schedule_are_in_their_chart(
    tmp_path: Path, schedule: dict[str, object], frozen: bool
) -> None:
    model = siamese(schedule={**CONSTANT, **schedule}, frozen=frozen, optimizer={**SGD, "layer_decay": 0.5})
    train(tmp_path, model, pair_examples(), Dashboard(), LearningRateMonitor())
    patterns = charts(tmp_path)["learning rate by group"]
    tags = {tag for tag in history(tmp_path)["tag"] for pattern in patterns if re.match(pattern, tag)}
    assert {tag.partition("/")[2] for tag in tags} == ({"head"} if frozen else {"head", "backbone/1", "backbone/2"})


def test_one_family_of_charts_does_not_show_anothers_tags(tmp_path: Path) -> None:
    train(tmp_path, siamese(), pair_examples(), Dashboard())
    (pattern,) = charts(tmp_path)["gradient norm by group"]
    assert not re.match(pattern, "gradient_head/lean.0.weight")
