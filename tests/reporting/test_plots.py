import numpy as np
from PIL import Image

from fixtures.verdict_tables import summary_of
from iqbench.reporting.plots import accuracy_plot


def opened(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")), dict(image.info)


def test_the_same_summary_gives_the_same_bytes(tmp_path):
    summary = summary_of(
        {"a": {"blur": 0.9, "jpeg": 0.2}, "b": {"blur": 0.5, "jpeg": 0.5}}, baselines=[("random", 0.5)]
    )
    for name in ("first.png", "again.png"):
        accuracy_plot(summary, tmp_path / name)
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "again.png").read_bytes()
    assert "Software" not in opened(tmp_path / "first.png")[1]


def test_good_is_blue_and_bad_is_red(tmp_path):
    for share in (1.0, 0.0):
        accuracy_plot(summary_of({"a": {"blur": share}}, photos=3), tmp_path / f"{share}.png")
    good, bad = (opened(tmp_path / f"{share}.png")[0] for share in (1.0, 0.0))
    table = slice(0, good.shape[0] // 4)
    assert (good[table, :, 2].astype(int) - good[table, :, 0]).max() > 60
    assert (bad[table, :, 0].astype(int) - bad[table, :, 2]).max() > 60
    assert (good[table, :, 0].astype(int) - good[table, :, 2]).max() < 20


def test_names_in_any_script_and_with_formula_signs_can_be_drawn(tmp_path):
    accuracy_plot(
        summary_of({"模型 $x_1$ a\nb": {"blur": 0.9}, "$\\bad{": {"blur": 0.9}}, photos=2), tmp_path / "x.png"
    )
    assert (tmp_path / "x.png").stat().st_size > 0


def test_a_run_in_which_everything_failed_can_be_drawn(tmp_path):
    accuracy_plot(summary_of({"a": {"blur": 0.9}}, photos=2, failed=2), tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 0


def test_models_appear_in_the_picture_even_without_an_interval(tmp_path):
    accuracy_plot(summary_of({"a": {"blur": 0.9}}, photos=1), tmp_path / "one.png")
    accuracy_plot(summary_of({"a": {"blur": 0.9}, "b": {"blur": 0.9}}, photos=1), tmp_path / "two.png")
    assert opened(tmp_path / "two.png")[0].shape[0] > opened(tmp_path / "one.png")[0].shape[0]
