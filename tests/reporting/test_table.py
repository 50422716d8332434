import io

import numpy as np
import pandas as pd
from rich.console import Console

from iqbench.benchmark.statistics import summarize
from iqbench.reporting.table import print_table

STANDARD = ("jpeg", "crop_edge", "crop_aspect", "crop_center", "crop_corner", "blur", "exposure")


def summary_of(shares, photos=40, identity_ties=True, failed=0, nulls=()):
    """Summarise models that are right on the given share of photos, per type: {"a": {"blur": 0.9}}."""
    rows = []
    for name, types in shares.items():
        for at in range(photos):
            cells = [(kind, "1", 1.0 if at < share * photos else -1.0) for kind, share in types.items()]
            for kind, level, margin in [*cells, ("control", "identity", 0.0 if identity_ties else 1.0)]:
                lost = at < failed and kind != "control"
                rows.append(
                    {"model_name": name, "model_type": "rules", "model_fingerprint": name, "original": f"./{at}.png"}
                    | {"degradation_type": kind, "degradation_level": level, "ladder": kind, "severity": 1}
                    | {"degradation_group": "control" if kind == "control" else "technical"}
                    | {"prediction": None if lost or margin == 0 else int(margin > 0), "margin": margin}
                    | {"correct": np.nan if lost else (np.sign(margin) + 1) / 2, "order_consistent": at > 0}
                    | {"confidence": 0.7, "legacy_confidence": 0.7, "score_original": np.nan, "score_degraded": np.nan}
                    | {"status": "decode" if lost else "ok"}
                )
    summary = summarize(pd.DataFrame(rows).astype({"prediction": "Int64"}), seed=0, resamples=400)
    for name, share in nulls:
        each = {kind: {"accuracy": share} for kind in next(iter(shares.values()))}
        summary.setdefault("nulls", {})[name] = {"overall": {"accuracy": share}, "by_degradation": each}
    return summary


def printed(summary, width):
    out = io.StringIO()
    print_table(summary, Console(file=out, width=width))
    return out.getvalue().splitlines()


def test_everything_fits_into_100_columns():
    shares = {"siamese_phototriage_long": dict.fromkeys(STANDARD, 1.0), "rules": dict.fromkeys(STANDARD, 0.75)}
    lines = printed(summary_of(shares, nulls=[("always-first", 0.5)]), width=100)
    assert lines == [line[:100] for line in lines]
    assert not any("…" in line for line in lines)
    (rules,) = [line.split() for line in lines if line.startswith(" rules")]
    assert rules == ["rules"] + ["75.0"] * 9
    (null,) = [line.split() for line in lines if line.startswith(" always-first")]
    assert null == ["always-first"] + ["50.0"] * 9


def test_the_interval_stands_under_the_accuracy_over_all_pairs():
    summary = summary_of({"a": {"blur": 0.9}})
    low, high = summary["models"]["a"]["overall"]["interval"]
    lines = printed(summary, width=100)
    at = next(i for i, line in enumerate(lines) if line.startswith(" a "))
    assert lines[at + 1].strip() == f"{100 * low:.1f}–{100 * high:.1f}"


def test_a_pipe_gets_120_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    print_table(summary_of({"siamese": dict.fromkeys(STANDARD, 1.0)}))
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "siamese" in line]
    assert line.split() == ["siamese"] + ["100.0"] * 9


def test_markup_and_newlines_in_names_are_only_letters():
    lines = printed(summary_of({"[red]a\nb[/red]": {"[bold]x": 0.5}}), width=100)
    assert any("[red]a b[/red]" in line for line in lines)
    assert any("[bold]x" in line for line in lines)


def test_one_photo_has_no_interval_and_failures_are_told():
    one = printed(summary_of({"a": {"blur": 1.0}}, photos=1), 100)
    assert "1 photo: no interval" in " ".join(" ".join(one).split())
    some = printed(summary_of({"a": {"blur": 1.0}}, photos=4, failed=2), 100)
    assert "2 photos (of 4); 2 pairs failed" in " ".join(" ".join(some).split())
