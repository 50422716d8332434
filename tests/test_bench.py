"""The benchmark from end to end, as a user calls it."""

import json
from pathlib import Path

import pandas as pd
import pytest

from fixtures.command_line import TINY, run

FILES = {
    "unified_results.csv",
    "unified_results.parquet",
    "summary.json",
    "KEY_TAKEAWAYS.md",
    "manifest.csv",
    "accuracy.png",
    "results.sqlite",
}


def rows_of(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "unified_results.csv", keep_default_na=False, na_values={"correct": [""]})


def pairs_of(folder: Path) -> pd.DataFrame:
    rows = rows_of(folder)
    return rows[rows["degradation_type"] != "control"]


def test_one_model_on_a_folder_leaves_every_export_and_a_row_for_every_cell(folder: Path, tmp_path: Path) -> None:
    outcome = run("bench", "model=iqa", "data=folder", f"data.root={folder}", f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 0, outcome.err
    assert {path.name for path in (tmp_path / "out").iterdir()} >= FILES
    rows = rows_of(tmp_path / "out")
    photos = len(list(folder.iterdir()))
    assert len(rows) == photos * 29
    assert len(pairs_of(tmp_path / "out")) == photos * 27
    assert set(rows["status"]) == {"ok"}
    controls = rows[rows["degradation_type"] == "control"]
    assert (controls["margin"].astype(float)[controls["degradation_level"] == "identity"] == 0).all()
    assert controls["correct"].isna().all()
    assert (controls["prediction"] == "").all()
    assert "iqa" in outcome.out


def test_the_parquet_file_holds_the_same_rows_with_types(folder: Path, tmp_path: Path) -> None:
    run("bench", "model=iqa", "data=folder", f"data.root={folder}", "degradation=blur", f"out={tmp_path / 'out'}")
    typed = pd.read_parquet(tmp_path / "out" / "unified_results.parquet")
    text = rows_of(tmp_path / "out")
    assert list(typed.columns) == list(text.columns)
    assert typed["margin"].tolist() == pytest.approx(text["margin"].astype(float).tolist(), abs=0)
    assert str(typed["severity"].dtype).lower() == "int64"


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["standard", "legacy"])
def test_a_summary_agrees_with_its_rows(folder: Path, tmp_path: Path, protocol: str) -> None:
    run("bench", "model=iqa", "data=folder", f"data.root={folder}", f"protocol={protocol}", f"out={tmp_path / 'out'}")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(), parse_constant=no_json)
    rows = pairs_of(tmp_path / "out")
    overall = summary["models"]["iqa"]["overall"]
    assert overall["accuracy"] == pytest.approx(rows["correct"].mean())
    assert overall["total_pairs"] == len(rows)
    for type_, of_type in rows.groupby("degradation_type"):
        assert summary["models"]["iqa"]["by_degradation"][type_]["accuracy"] == pytest.approx(of_type["correct"].mean())
    expected = 0.5 if protocol == "standard" else 1.0
    assert summary["baselines"]["always-first"]["overall"]["accuracy"] == expected


@pytest.mark.slow
def test_a_sweep_merges_its_jobs_at_its_root(folder: Path, tmp_path: Path) -> None:
    outcome = run(
        "bench",
        "-m",
        "model=iqa,sharpness",
        "degradation=blur,jpeg",
        "data=folder",
        f"data.root={folder}",
        f"out={tmp_path / 'sweep'}",
    )
    assert outcome.exit_code == 0, outcome.err
    jobs = sorted(path.name for path in (tmp_path / "sweep").iterdir() if path.is_dir())
    assert jobs == ["0_iqa_blur", "1_iqa_jpeg", "2_sharpness_blur", "3_sharpness_jpeg"]
    rows = pairs_of(tmp_path / "sweep")
    assert len(rows) == 2 * 9 * len(list(folder.iterdir()))
    assert not rows.duplicated(["model_name", "degraded"]).any()
    parts = pd.concat([pairs_of(tmp_path / "sweep" / job) for job in jobs])
    assert rows["correct"].mean() == pytest.approx(parts["correct"].mean())


def test_a_failing_job_leaves_the_others_merged_and_its_exit_code(folder: Path, tmp_path: Path) -> None:
    outcome = run(
        "bench",
        "-m",
        "model=siamese",
        f"model.checkpoint={tmp_path / 'missing.ckpt'},untrained",
        *TINY,
        "degradation=blur",
        "data=folder",
        f"data.root={folder}",
        "engine.workers=0",
        f"out={tmp_path / 'sweep'}",
    )
    assert outcome.exit_code == 2
    assert "missing.ckpt: no such file" in outcome.err
    assert len(pairs_of(tmp_path / "sweep")) == 4 * len(list(folder.iterdir()))
    summary = json.loads((tmp_path / "sweep" / "summary.json").read_text())
    assert not summary["complete"]
    assert "INCOMPLETE" in outcome.out
    assert "INCOMPLETE" in (tmp_path / "sweep" / "KEY_TAKEAWAYS.md").read_text()
    assert [job["job"] for job in summary["failed_jobs"]] == ["0_siamese_blur"]


@pytest.mark.slow
def test_a_report_made_again_is_the_same_to_the_byte(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    run("bench", "-m", "model=iqa,contrast", "data=folder", f"data.root={folder}", f"out={out}")
    original_bytes = {name: (out / name).read_bytes() for name in FILES - {"results.sqlite"}}
    for name in original_bytes:
        (out / name).unlink()
    outcome = run("report", out)
    assert outcome.exit_code == 0, outcome.err
    assert {name: (out / name).read_bytes() for name in original_bytes} == original_bytes


def test_the_same_command_again_computes_nothing_and_changes_nothing(folder: Path, tmp_path: Path) -> None:
    command = ("model=iqa", "data=folder", f"data.root={folder}", f"out={tmp_path / 'out'}", "degradation=blur")
    run("bench", *command)
    original_bytes = (tmp_path / "out" / "unified_results.csv").read_bytes()
    outcome = run("bench", *command)
    assert outcome.exit_code == 0, outcome.err
    assert "iqa: all 3 photos are scored already" in outcome.err
    assert (tmp_path / "out" / "unified_results.csv").read_bytes() == original_bytes


@pytest.mark.slow
def test_another_model_is_not_mixed_into_a_folder_that_has_results(folder: Path, tmp_path: Path) -> None:
    common = ("data=folder", f"data.root={folder}", f"out={tmp_path / 'out'}", "degradation=blur")
    run("bench", "model=iqa", *common)
    outcome = run("bench", "model=sharpness", *common)
    assert outcome.exit_code == 2
    assert "differs in model_fingerprint, model_name" in outcome.last_line


@pytest.mark.slow
def test_fresh_moves_another_runs_results_aside_and_changes_nothing_else(folder: Path, tmp_path: Path) -> None:
    common = ("data=folder", f"data.root={folder}", "degradation=blur", "model=contrast")
    for out in ("out", "plain"):
        run("bench", *common, *(["protocol=legacy"] if out == "out" else []), f"out={tmp_path / out}")
    refused = run("bench", *common, f"out={tmp_path / 'out'}")
    assert refused.last_line.endswith("; choose another out=, or set fresh=true, which moves it aside")
    outcome = run("bench", *common, "fresh=true", f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 0, outcome.err
    assert (tmp_path / "out" / "results.sqlite.old").exists()
    for name in FILES - {"results.sqlite"}:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes(), name
    assert run("bench", *common, f"out={tmp_path / 'out'}").exit_code == 0  # it goes on with the new one
    assert run("verify", tmp_path / "out").exit_code == 0


def test_a_broken_photo_costs_its_own_rows_and_is_counted(folder: Path, tmp_path: Path) -> None:
    complete_margins = pd.Series(dtype=float)
    for out in ("whole", "broken"):
        arguments = ("model=iqa", "data=folder", f"data.root={folder}", f"out={tmp_path / out}", "degradation=blur")
        outcome = run("bench", *arguments)
        if out == "whole":
            complete_margins = pairs_of(tmp_path / out).set_index("degraded")["margin"].astype(float)
            (folder / "broken.png").write_bytes(next(folder.glob("*.png")).read_bytes()[:200])
    assert outcome.exit_code == 3
    assert "4 corrupt" in outcome.last_line
    rows = pairs_of(tmp_path / "broken").set_index("degraded")
    assert (rows.loc[rows["original"] == "./broken.png", "status"] == "corrupt").all()
    assert rows.loc[complete_margins.index, "margin"].astype(float).tolist() == complete_margins.tolist()


def no_json(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def test_photos_of_which_none_can_be_read_have_their_rows_and_exports_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for name in "abc":
        (tmp_path / "photos" / f"{name}.jpg").touch()
    photos = ("data=folder", f"data.root={tmp_path / 'photos'}", "engine.workers=0")
    outcome = run("bench", "model=contrast", *photos, f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 3, outcome.err
    assert "81 empty" in outcome.last_line
    assert {path.name for path in (tmp_path / "out").iterdir()} >= FILES
    assert set(pairs_of(tmp_path / "out")["status"]) == {"empty"}
    assert json.loads((tmp_path / "out" / "summary.json").read_text(), parse_constant=no_json)["complete"] is True
    assert run("verify", tmp_path / "out").exit_code == 0


def test_a_copy_under_another_name_is_judged_and_said(folder: Path, tmp_path: Path) -> None:
    (folder / "copy.png").write_bytes((folder / "a.png").read_bytes())
    run("bench", "model=iqa", "data=folder", f"data.root={folder}", f"out={tmp_path / 'out'}", "degradation=blur")
    assert len(pairs_of(tmp_path / "out")) == 4 * 4
    assert "1 photo(s) are copies of others" in (tmp_path / "out" / "KEY_TAKEAWAYS.md").read_text()


def test_failures_up_to_the_allowed_number_are_no_error(folder: Path, tmp_path: Path) -> None:
    (folder / "empty.jpg").touch()
    outcome = run(
        "bench",
        "model=iqa",
        "data=folder",
        f"data.root={folder}",
        f"out={tmp_path / 'out'}",
        "degradation=blur",
        "max_failures=4",
    )
    assert outcome.exit_code == 0, outcome.err


def test_levels_are_set_from_the_command_line(folder: Path, tmp_path: Path) -> None:
    outcome = run(
        "bench",
        "model=iqa",
        "data=folder",
        f"data.root={folder}",
        "degradation=blur",
        "degradation.blur.sigma=[0.5,3]",
        f"out={tmp_path / 'out'}",
    )
    assert outcome.exit_code == 0, outcome.err
    assert set(pairs_of(tmp_path / "out")["degradation_level"].astype(str)) == {"0.5", "3.0"}


def test_a_model_and_a_degradation_of_ones_own_need_only_a_folder_of_yaml(folder: Path, tmp_path: Path) -> None:
    for group, text in {
        "model/soft": "_target_: iqbench.models.rules.Rules\nweights: {sharpness: -1.0}\nclipped: false\n",
        "degradation/mist": "mist:\n  _target_: iqbench.degradations.blur.blur_ladder\n  sigma: [5]\n",
    }.items():
        path = tmp_path / "mine" / f"{group}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    common = ("data=folder", f"data.root={folder}", f"out={tmp_path / 'out'}")
    outcome = run("bench", "--config-dir", tmp_path / "mine", "model=soft", "degradation=mist", *common)
    assert outcome.exit_code == 0, outcome.err
    assert (pairs_of(tmp_path / "out")["correct"] == 0).all()


POSITION_BIASED = """
from iqbench.models.rules import Rules


class Leaning:
    def __init__(self, lean):
        self.inner = Rules({"sharpness": -1.0}, clipped=False)
        self.lean = lean
        self.prepare, self.encode = self.inner.prepare, self.inner.encode

    def margin(self, first, second):
        return self.inner.margin(first, second) + self.lean
"""


@pytest.mark.slow
def test_leaning_to_the_first_photo_pays_nothing_and_is_exposed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "leaning.py").write_text(POSITION_BIASED)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "mine" / "model").mkdir(parents=True)
    for name, lean in (("fair", 0.0), ("biased", 64.0)):
        (tmp_path / "mine" / "model" / f"{name}.yaml").write_text(f"_target_: leaning.Leaning\nlean: {lean}\n")
    common = ("--config-dir", tmp_path / "mine", "data=folder", f"data.root={folder}", "engine.workers=0")
    outcome = run("bench", "-m", *common, "model=fair,biased", f"out={tmp_path / 'sweep'}")
    assert outcome.exit_code == 0, outcome.err
    rows = pairs_of(tmp_path / "sweep")
    fair, biased = (rows[rows["model_name"] == name].set_index("degraded") for name in ("fair", "biased"))
    assert biased["correct"].to_dict() == fair["correct"].to_dict()
    assert (biased["order_consistent"].astype(str) == "False").all()
    assert "biased contradicts itself in 100.0 % of pairs" in outcome.out
    assert "position: fair" not in outcome.out

    legacy = ("protocol=legacy", "model=biased", f"out={tmp_path / 'legacy'}")
    assert run("bench", *common, *legacy).exit_code == 0
    assert (pairs_of(tmp_path / "legacy")["correct"] == 1).all()


@pytest.mark.slow
def test_the_sample_photos_are_benchmarked_by_the_reference_weights(tmp_path: Path) -> None:
    common = ("data.limit=1", "degradation=blur", f"out={tmp_path / 'sweep'}")
    outcome = run("bench", "-m", "model=siamese,ava,iqa", *common)
    assert outcome.exit_code == 0, outcome.err
    rows = pairs_of(tmp_path / "sweep")
    assert rows.groupby("model_name").size().to_dict() == {"ava": 4, "iqa": 4, "siamese": 4}
    summary = json.loads((tmp_path / "sweep" / "summary.json").read_text())
    assert all(model["photos_seen_in_training"] == 0 for model in summary["models"].values())
