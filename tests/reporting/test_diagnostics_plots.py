import io

import numpy as np
import pytest
from PIL import Image

from fixtures.verdict_tables import summary_of
from iqbench.reporting.diagnostics_plots import agreement_plot, reliability_plot


def opened(png):
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB")), dict(image.info)


def models(names, photos=6):
    return summary_of({name: {"blur": 0.5 + at / 100} for at, name in enumerate(names)}, photos=photos)


@pytest.mark.parametrize("draw", [reliability_plot, agreement_plot])
def test_the_same_summary_gives_the_same_bytes(draw):
    first, second = (draw(models("ab")) for _ in range(2))
    assert first == second
    assert "Software" not in opened(first)[1]


@pytest.mark.parametrize("draw", [reliability_plot, agreement_plot])
def test_many_models_and_strange_names_have_room(draw):
    few, many = (opened(draw(models(names)))[0].shape for names in ("ab", "abcdefghijklmnopqrstuvwx"))
    assert many[1] > few[1]
    assert draw(models(["模型 $x_1$", "$\\bad{"]))


@pytest.mark.parametrize("draw", [reliability_plot, agreement_plot])
def test_a_run_in_which_everything_failed_can_be_drawn(draw):
    assert draw(summary_of({"a": {"blur": 0.9}, "b": {"blur": 0.9}}, photos=2, failed=2))


def test_models_that_complement_each_other_have_a_darker_agreement_plot():
    shares = {"a": {"blur": 1.0, "jpeg": 0.0}, "b": {"blur": 0.0, "jpeg": 1.0}}
    apart, alike = (
        agreement_plot(summary_of(case, photos=6)) for case in (shares, {"a": shares["a"], "b": shares["a"]})
    )
    left_halves = [opened(png)[0][:, : opened(png)[0].shape[1] // 2, 0] for png in (apart, alike)]
    assert (left_halves[0] < 150).mean() > (left_halves[1] < 150).mean()
