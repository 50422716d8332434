import matplotlib.figure
import pytest

from fixtures.verdict_tables import frame, row, summarized
from iqbench.reporting.ladder_panels import draw_ladders, panels_of, shift

BRIGHTER, DARKER = ({"ladder": f"exposure/{name}", "unit": "EV"} for name in ("brighter", "darker"))


def two_directions(names=("a",)):
    """Return the summary of models that are always wrong on brighter copies, and always right on darker ones."""
    rows = []
    for name in names:
        for photo in (f"./{at}.png" for at in range(4)):
            rows += [row(name, photo, "exposure", str(stop), -1.0, stop, **BRIGHTER) for stop in (1, 2)]
            rows += [row(name, photo, "exposure", str(-stop), 1.0, stop, **DARKER) for stop in (1, 2)]
    return summarized(frame(rows))


def drawn(summary):
    figure = matplotlib.figure.Figure()
    draw_ladders(figure, summary)
    return figure, {axis.get_title(loc="left"): axis for axis in figure.axes if axis.get_title(loc="left")}


def test_each_ladder_has_a_panel_with_its_own_accuracy_and_levels():
    _, axes = drawn(two_directions())
    assert list(axes) == ["exposure, brighter", "exposure, darker"]
    heights = {name: list(axis.lines[0].get_ydata()) for name, axis in axes.items()}
    assert heights == {"exposure, brighter": [0, 0], "exposure, darker": [100, 100]}
    labels = {name: [label.get_text() for label in axis.get_xticklabels()] for name, axis in axes.items()}
    assert labels == {"exposure, brighter": ["1", "2"], "exposure, darker": ["-1", "-2"]}
    assert axes["exposure, darker"].get_xlabel() == "EV"


def test_points_of_equal_models_are_moved_apart():
    _, axes = drawn(two_directions(names=("a", "b", "c")))
    lines = [line for line in axes["exposure, darker"].lines if line.get_marker() in tuple("osD")]
    first = [line.get_xdata()[0] for line in lines]
    assert first == pytest.approx([0.9, 1.0, 1.1])


def test_even_many_models_stay_nearer_to_their_own_level_than_to_the_next():
    assert max(abs(shift(model, models=40, levels=9)) for model in range(40)) <= 0.3


def test_panels_follow_the_order_of_the_table_and_hold_every_model():
    rows = [row(name, f"./{at}.png", kind, "1", 1.0) for name in "ab" for at in range(3) for kind in ("blur", "jpeg")]
    panels = panels_of(summarized(frame(rows)))
    assert [panel.ladder for panel in panels] == ["jpeg", "blur"]
    assert all(list(panel.steps) == ["a", "b"] for panel in panels)
