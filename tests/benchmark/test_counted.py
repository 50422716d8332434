import numpy as np
import pytest

from fixtures.verdict_tables import frame, row, sample_of, summary_of_table
from iqbench.benchmark.diagnostics import probabilities
from iqbench.benchmark.summarize import counted


def test_the_mean_of_a_column_is_the_accuracy_though_there_are_controls_and_missing_answers():
    rows = []
    for at in range(6):
        photo = f"./{at}.png"
        rows += [row("a", photo, "blur", "1.0", 1.0), row("a", photo, "jpeg", "80", -1.0 if at < 4 else 1.0)]
        rows += [row("a", photo, "control", "identity", 0.0), row("a", photo, "control", "reencode", -1.0)]
        rows += [row("a", photo, "crop_edge", "right_20pct", 0.0, status="model_error" if at else "corrupt")]
    table = frame(rows)
    table = table.assign(probability=probabilities(table))
    exported = counted(sample_of(table), table)
    # 6 right, 4 wrong, 2 right, 5 worth half; the pair of the damaged photo does not count
    assert exported["correct"].mean() == pytest.approx((6 + 2 + 5 / 2) / 17)
    assert exported["correct"].mean() == pytest.approx(summary_of_table(table).models["a"].overall.value)
    controls = exported[exported["degradation_type"] == "control"]
    assert controls["correct"].isna().all()
    assert controls["prediction"].isna().all()
    assert np.array_equal(exported["margin"], table["margin"], equal_nan=True)
