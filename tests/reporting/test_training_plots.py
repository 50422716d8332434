import pandas as pd
import pytest
from matplotlib.figure import Figure

from iqbench.reporting.training_plots import curves, first_and_last, leads

SCALARS = pd.DataFrame(
    [(0, "train/loss", 0.7), (1, "train/loss", 0.5), (1, "val/loss", 0.6), (1, "val/loss_of_another", 9.0)],
    columns=["step", "tag", "value"],
)


def axes():
    return Figure().subplots()


def test_a_curve_has_the_values_of_its_tag_and_of_no_tag_that_only_starts_with_it():
    drawn = axes()
    curves(drawn, SCALARS, "loss", "train/loss", "val/loss")
    points = {line.get_label(): list(zip(*line.get_data(), strict=True)) for line in drawn.lines}
    assert points == {"train/loss": [(0, 0.7), (1, 0.5)], "val/loss": [(1, 0.6)]}


@pytest.mark.parametrize("log", [False, True])
def test_a_scalar_that_was_not_logged_is_named_as_such(log):
    drawn = axes()
    curves(drawn, SCALARS, "gradients", "gradient/.*", log=log)
    assert not drawn.lines
    assert [text.get_text() for text in drawn.texts] == ["not logged"]
    assert drawn.get_yscale() == "linear"


def test_values_on_a_logarithmic_axis_may_be_zero_once_but_not_always():
    drawn = [axes(), axes()]
    for axis, values in zip(drawn, ([0.0, 0.1], [0.0, 0.0]), strict=True):
        curves(axis, SCALARS.head(2).assign(value=values), "rate", "train/.*", log=True)
    assert [axis.get_yscale() for axis in drawn] == ["log", "linear"]


@pytest.mark.parametrize(("epochs", "labelled_epochs"), [(3, [0, 1, 2]), (30, [2, 5, 8, 11, 14, 17, 20, 23, 26, 29])])
def test_of_many_epochs_a_few_are_drawn_and_always_the_last(epochs, labelled_epochs):
    drawn = axes()
    leads(drawn, pd.DataFrame({epoch: [0.0, float(epoch), float("nan")] for epoch in range(epochs)}))
    assert [label.get_text() for label in drawn.get_xticklabels()] == [str(epoch) for epoch in labelled_epochs]


def test_each_example_stands_at_its_first_and_last_lead():
    drawn = axes()
    first_and_last(drawn, pd.DataFrame({0: [-1.0, 2.0], 1: [9.0, 9.0], 2: [1.0, 3.0]}))
    assert drawn.collections[0].get_offsets().tolist() == [[-1.0, 1.0], [2.0, 3.0]]
