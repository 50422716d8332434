"""The evaluation from end to end, as a user calls it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import pearsonr, spearmanr

from fixtures.command_line import TINY, Outcome, run
from fixtures.labelled_sets import (
    painted,
    save,
    write_ava,
    write_csv,
    write_kadid,
    write_koniq,
    write_pairs,
    write_phototriage,
)
from fixtures.tiny_models import siamese
from iqbench.datasets.phototriage import PhotoTriage
from iqbench.io import lock
from iqbench.models.siamese import Siamese
from iqbench.statistics.bootstrap import BootstrapConfig

NOT_VOTES = dict.fromkeys(("reason", "interval_reason"), "the model's scores are not votes")
FILES = {"predictions.csv", "predictions.parquet", "photos.csv", "evaluation.json", "evaluation.png"}

MODELS = """
import torch
from iqbench.interfaces import Scorer


class Planted(Scorer):
    '''Sees what the tiny sets are painted with: the brightness.'''

    def __init__(self, sign, harm):
        self.sign, self.harm = sign, harm

    def prepare(self, photo):
        return torch.tensor([photo.mean()])

    def encode(self, inputs):
        if self.harm and bool((inputs < self.harm).any()):
            raise RuntimeError("too dark")
        return self.sign * inputs


class Large(torch.nn.Module):
    '''A network of whose pictures two fit into memory.'''

    def prepare(self, photo):
        return torch.tensor([photo.mean()])

    def encode(self, inputs):
        if len(inputs) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return inputs

    def margin(self, first, second):
        return (first - second)[:, 0]
"""


@pytest.fixture(autouse=True)
def _small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Judges of our own in myconf/, few resamples, and nothing written elsewhere."""
    monkeypatch.setattr("iqbench.evaluation.summarize.BOOTSTRAP", BootstrapConfig(seed=0, resamples=100))
    monkeypatch.setenv("IQBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "planted.py").write_text(MODELS)
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = tmp_path / "myconf" / "model"
    folder.mkdir(parents=True)
    for name, sign, harm in (("bright", 1, 0), ("dark", -1, 0), ("blank", 0, 0), ("picky", 1, 70)):
        (folder / f"{name}.yaml").write_text(f"_target_: planted.Planted\nsign: {sign}\nharm: {harm}\n")
    (folder / "large.yaml").write_text("_target_: planted.Large\n")


@pytest.fixture
def triage(tmp_path: Path) -> Path:
    write_phototriage(tmp_path / "triage", series=8, validation_series=3)
    return tmp_path / "triage"


@pytest.fixture
def votes(tmp_path: Path) -> Path:
    write_ava(tmp_path / "votes", photos=20, test=8)
    return tmp_path / "votes"


def evaluate(out: Path, *arguments: object) -> Outcome:
    alone = () if any("engine.workers" in str(argument) for argument in arguments) else ("engine.workers=0",)
    return run("evaluate", "--config-dir", "myconf", *arguments, f"out={out}", *alone)


def summary_of(folder: Path) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not strict JSON")

    summary: dict[str, Any] = json.loads((folder / "evaluation.json").read_text(), parse_constant=refuse)
    return summary


def model_of(folder: Path) -> dict[str, Any]:
    (model,) = summary_of(folder)["sets"][0]["models"].values()
    return dict(model)


def rows_of(folder: Path, file: str = "predictions.csv") -> pd.DataFrame:
    return pd.read_csv(folder / file, keep_default_na=False, na_values={"margin": [""], "correct": [""]})


def test_a_perfect_judge_is_always_right_and_its_opposite_never(triage: Path, tmp_path: Path) -> None:
    for model, expected in (("bright", 1.0), ("dark", 0.0)):
        outcome = evaluate(tmp_path / model, f"model={model}", f"data.root={triage}", "split=train")
        assert outcome.exit_code == 0, outcome.err
        assert {path.name for path in (tmp_path / model).iterdir()} >= FILES
        evaluation = model_of(tmp_path / model)
        assert evaluation["accuracy"]["value"] == expected
        assert evaluation["top_1"]["value"] == expected
        assert evaluation["kendall_in_series"]["value"] == 2 * expected - 1
        consistency = evaluation["order_consistency"]
        assert (consistency["value"], consistency["n"]) == (1.0, 21)
        assert 0.4 < consistency["interval"][0] < 1.0 == consistency["interval"][1]
        low, high = evaluation["accuracy"]["interval"]  # eight series, all right or all wrong
        assert (low < 1.0 == high) if expected else (low == 0.0 < high)
        rows = rows_of(tmp_path / model)
        assert set(rows["correct"]) == {expected}
        assert len(rows) == evaluation["counts"]["pairs"] == evaluation["counts"]["judged"] == 21
        assert rows["status"].eq("ok").all()
        assert (rows["score_first"] - rows["score_second"]).tolist() == pytest.approx(rows["margin"].tolist())
        assert model in outcome.out
        p = rows["preference"]
        another, majority = (p**2 + (1 - p) ** 2).mean(), np.maximum(p, 1 - p).mean()
        assert evaluation["votes_per_pair"] == "many"
        assert f"one voter agrees with another in {100 * another:.1f} %" in outcome.out
        assert f"with the majority in {100 * majority:.1f} % (the ceiling" in outcome.out
        assert "the number of votes is unknown and taken for large" in outcome.out


def test_a_perfect_judge_of_votes_correlates_perfectly(votes: Path, tmp_path: Path) -> None:
    for model, expected in (("bright", 1.0), ("dark", -1.0)):
        outcome = evaluate(tmp_path / model, f"model={model}", "data=ava", f"data.root={votes}")
        assert outcome.exit_code == 0, outcome.err
        evaluation = model_of(tmp_path / model)
        assert (evaluation["srcc"]["value"], evaluation["krcc"]["value"]) == pytest.approx((expected, expected))
        assert evaluation["pairs_from_votes"]["accuracy"]["value"] == (expected + 1) / 2
        assert evaluation["rmse"] == {"value": None, "interval": None, "n": 0} | NOT_VOTES
        made, ceiling = evaluation["pairs_from_votes"], evaluation["ceiling"]["value"]
        assert made["votes_per_pair"] == "counted"
        assert 0.5 < made["one_voter_agreement"]["value"] < made["best_voter_agreement"]["value"] < 1
        assert 0.9 < evaluation["reliability"]["value"] <= ceiling <= 1
        assert "in the pairs, one voter agrees with another in" in outcome.out
        assert f"of the best possible judge (the ceiling): {ceiling:.3f}" in outcome.out
        assert len(rows_of(tmp_path / model)) == 8
        assert (
            len(rows_of(tmp_path / model, "pairs_from_votes.csv"))
            == evaluation["pairs_from_votes"]["counts"]["pairs"]
            > 8
        )


@pytest.mark.parametrize("data", ["phototriage", "ava", "koniq"])
def test_the_results_tell_the_size_to_which_batches_fell(data: str, tmp_path: Path) -> None:
    if data == "phototriage":
        write_phototriage(tmp_path / "set", series=3, validation_series=1)
    elif data == "ava":
        write_ava(tmp_path / "set", photos=12, test=6)
    else:
        write_koniq(tmp_path / "set")
    sizes = {}
    for model in ("large", "bright"):
        outcome = evaluate(
            tmp_path / model, f"model={model}", f"data={data}", f"data.root={tmp_path / 'set'}", "engine.batch_size=8"
        )
        assert outcome.exit_code == 0, outcome.err
        (found,) = summary_of(tmp_path / model)["runs"]
        sizes[model] = found["details"]["batch_sizes"]
    assert sizes == {"large": [8, 2], "bright": []}


def test_the_baselines_follow_from_the_labels_and_the_files(
    triage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = BootstrapConfig(seed=0, resamples=1000)  # enough to show a difference
    monkeypatch.setattr("iqbench.evaluation.summarize.BOOTSTRAP", many)
    assert evaluate(tmp_path / "out", "model=dark", f"data.root={triage}", "split=train").exit_code == 0
    rows, (evaluation,) = rows_of(tmp_path / "out"), summary_of(tmp_path / "out")["sets"]
    accuracy = {name: baseline["accuracy"]["value"] for name, baseline in evaluation["baselines"].items()}
    first = (rows["preference"] > 0.5).mean()
    assert accuracy["always-first"] == pytest.approx(first)
    assert accuracy["constant answer"] == pytest.approx(max(first, 1 - first))
    assert accuracy["more pixels"] == 0.5  # all of one size: ties
    assert accuracy["brighter"] == 1.0
    photos = rows_of(tmp_path / "out", "photos.csv").set_index("photo")
    for name, column in (("larger file", "encoded_bytes"), ("larger file on disk", "file_bytes")):
        size = photos[column].to_dict()
        larger = [(1 + np.sign(size[a] - size[b])) / 2 for a, b in zip(rows["first"], rows["second"], strict=True)]
        right = [value if p > 0.5 else 1 - value for value, p in zip(larger, rows["preference"], strict=True)]
        assert accuracy[name] == pytest.approx(sum(right) / len(right))
    against = evaluation["models"]["dark"]["against_best_baseline"]
    assert (against["baseline"], against["value"], against["shown"]) == ("brighter", -1.0, False)
    assert against["verdict"].startswith("worse than brighter")


def test_the_photos_keep_their_columns_and_those_that_came_later_are_last(triage: Path, tmp_path: Path) -> None:
    assert evaluate(tmp_path / "out", "model=bright", f"data.root={triage}", "split=val").exit_code == 0
    columns = ["photo", "sha256", "file_bytes", "width", "height", "brightness", "sharpness", "notes", "status"]
    columns += ["error", "seen_in_training", "data", "encoded_bytes", "look", "cluster", "near_copy_in_training"]
    assert rows_of(tmp_path / "out", "photos.csv").columns.tolist() == columns


@pytest.mark.slow
def test_the_protocol_is_followed_and_recorded_and_another_one_is_refused(triage: Path, tmp_path: Path) -> None:
    common = (f"data.root={triage}", "split=val")
    for protocol, worth in (("standard", 0.5), ("legacy", 0.0)):
        outcome = evaluate(tmp_path / protocol, "model=blank", f"protocol={protocol}", *common)
        assert outcome.exit_code == 0, outcome.err
        assert model_of(tmp_path / protocol)["accuracy"]["value"] == worth
        assert set(rows_of(tmp_path / protocol)["correct"]) == {worth}
        assert summary_of(tmp_path / protocol)["protocol"]["name"] == protocol
    outcome = evaluate(tmp_path / "legacy", "model=blank", *common)
    assert outcome.exit_code == 2
    assert "differs in protocol" in outcome.last_line
    outcome = evaluate(tmp_path / "wide", "model=bright", "protocol.tie_margin=1000", *common)
    assert outcome.exit_code == 0, outcome.err
    assert model_of(tmp_path / "wide")["tie_rate"]["value"] == 1.0
    outcome = evaluate(tmp_path / "sweep", "-m", "model=bright", "protocol=standard,legacy", *common)
    assert outcome.exit_code == 2
    assert "different protocols (legacy, standard)" in outcome.err


def test_results_of_an_older_version_are_refused_in_one_line(triage: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    old = {"iqbench": "0.12.0", "complete": True, "failed_jobs": [], "sets": [], "runs": []}
    for version in ({}, {"schema_version": 2}):
        (tmp_path / "out" / "evaluation.json").write_text(json.dumps(old | version))
        outcome = evaluate(tmp_path / "out", "model=bright", f"data.root={triage}", "split=val")
        assert outcome.exit_code == 2
        assert "iqbench 0.12.0 wrote it, and only that reads it; evaluate again" in outcome.last_line


@pytest.mark.parametrize("model", ["iqa", "sharpness"])
def test_the_rules_are_evaluated_on_a_list_of_pairs(model: str, tmp_path: Path) -> None:
    write_pairs(tmp_path / "p", series=4)
    outcome = evaluate(tmp_path / "out", f"model={model}", "data=pairs", f"data.file={tmp_path / 'p' / 'list.csv'}")
    assert outcome.exit_code == 0, outcome.err
    assert len(rows_of(tmp_path / "out")) == 12
    assert "one voter agrees" not in outcome.out  # a list of winners does not tell how far people agree


def test_a_network_that_compares_is_evaluated_on_pairs_and_on_votes(triage: Path, votes: Path, tmp_path: Path) -> None:
    network = ("model=siamese", *TINY, "model.checkpoint=untrained")
    outcome = evaluate(tmp_path / "pairs", *network, f"data.root={triage}", "split=all")
    assert outcome.exit_code == 0, outcome.err
    assert rows_of(tmp_path / "pairs")["margin"].notna().all()
    assert set(rows_of(tmp_path / "pairs")["score_first"]) == {""}
    outcome = evaluate(tmp_path / "on votes", *network, "data=ava", f"data.root={votes}", "anchors=3")
    assert outcome.exit_code == 0, outcome.err
    evaluation = model_of(tmp_path / "on votes")
    assert evaluation["predicts"] == "preference"
    assert -1 <= evaluation["srcc"]["value"] <= 1
    assert evaluation["pairs_from_votes"]["accuracy"]["value"] is not None
    assert rows_of(tmp_path / "on votes")["predicted"].between(0, 1).all()
    assert "it has no score" in outcome.out


def test_a_network_that_predicts_votes_is_held_against_their_distribution(votes: Path, tmp_path: Path) -> None:
    network = ("model=ava", *TINY, "model.checkpoint=untrained", "data=ava", f"data.root={votes}")
    assert evaluate(tmp_path / "out", *network).exit_code == 0
    rows, evaluation = rows_of(tmp_path / "out"), model_of(tmp_path / "out")
    shares = rows[[f"p{rating}" for rating in range(1, 11)]]
    assert shares.sum(axis=1).tolist() == pytest.approx([1.0] * 8)
    assert (shares.to_numpy() @ range(1, 11)).tolist() == pytest.approx(rows["predicted"].tolist(), abs=1e-5)
    assert evaluation["rmse"]["value"] == pytest.approx(((rows["predicted"] - rows["true"]) ** 2).mean() ** 0.5)
    assert evaluation["emd"]["value"] is not None
    assert evaluation["binary_accuracy"]["value"] is not None
    mean = ("model.output=mean", "model.losses.votes=mse")
    assert evaluate(tmp_path / "mean", *network, *mean).exit_code == 0
    assert model_of(tmp_path / "mean")["rmse"]["value"] is not None
    assert model_of(tmp_path / "mean")["emd"]["value"] is None


def test_a_photo_that_cannot_be_read_costs_its_own_rows_and_no_other(triage: Path, tmp_path: Path) -> None:
    common = ("model=bright", f"data.root={triage}", "split=val")
    assert evaluate(tmp_path / "whole", *common).exit_code == 0
    complete_rows = rows_of(tmp_path / "whole")
    photo = triage / "train_val" / "train_val_imgs" / "000009-01.JPG"
    photo.write_bytes(photo.read_bytes()[:300])
    outcome = evaluate(tmp_path / "broken", *common)
    assert outcome.exit_code == 3
    assert outcome.last_line.startswith("iqbench.evaluate: finished, but rows failed: 2 corrupt")
    rows = rows_of(tmp_path / "broken")
    hit = (rows["first"] + rows["second"]).str.contains("000009-01")
    assert len(rows) == len(complete_rows)
    assert rows["status"].tolist() == ["corrupt" if is_hit else "ok" for is_hit in hit]
    assert rows.loc[hit, "error"].str.startswith("./train_val_imgs/000009-01.JPG: ").all()
    assert rows["margin"][~hit].tolist() == complete_rows["margin"][~hit].tolist()
    evaluation = model_of(tmp_path / "broken")
    assert evaluation["accuracy"]["value"] == 1.0
    assert evaluation["counts"]["failures"] == {"corrupt": 2}
    assert "no answer in 2 corrupt" in outcome.out
    assert summary_of(tmp_path / "broken")["sets"][0]["photos"]["failures"] == {"corrupt": 1}
    assert evaluate(tmp_path / "broken", *common, "max_failures=2").exit_code == 0


def test_a_photo_that_the_model_fails_on_costs_its_own_rows(triage: Path, tmp_path: Path) -> None:
    outcome = evaluate(tmp_path / "out", "model=picky", f"data.root={triage}", "split=val")
    assert outcome.exit_code == 3
    rows = rows_of(tmp_path / "out")
    assert rows["status"].value_counts().to_dict() == {"model_error": 6, "ok": 3}  # the darkest photo of each series
    assert rows.loc[rows["status"] != "ok", "error"].str.contains("RuntimeError: too dark").all()


def test_a_set_of_which_nothing_can_be_read_has_a_report_that_says_so(triage: Path, tmp_path: Path) -> None:
    for photo in (triage / "train_val" / "train_val_imgs").iterdir():
        photo.write_bytes(b"")
    outcome = evaluate(tmp_path / "out", "model=bright", f"data.root={triage}", "split=val")
    assert outcome.exit_code == 3
    assert "9 empty" in outcome.last_line
    evaluation = model_of(tmp_path / "out")
    assert evaluation["accuracy"]["value"] is None
    assert evaluation["accuracy"]["reason"]


def test_a_judge_that_always_says_the_same_ties_and_has_no_correlation(
    triage: Path, votes: Path, tmp_path: Path
) -> None:
    assert evaluate(tmp_path / "pairs", "model=blank", f"data.root={triage}", "split=all").exit_code == 0
    evaluation = model_of(tmp_path / "pairs")
    assert (evaluation["accuracy"]["value"], evaluation["tie_rate"]["value"]) == (0.5, 1.0)
    assert evaluation["kendall_in_series"]["value"] is None
    assert evaluate(tmp_path / "on votes", "model=blank", "data=ava", f"data.root={votes}").exit_code == 0
    evaluation = model_of(tmp_path / "on votes")
    for name in ("srcc", "plcc", "krcc"):
        assert evaluation[name]["value"] is None
        assert "all the same" in evaluation[name]["reason"]
    assert not evaluation["against_best_baseline"]["shown"]


def test_photos_that_the_model_was_trained_on_are_counted_and_said_aloud(triage: Path, tmp_path: Path) -> None:
    data = PhotoTriage(str(triage), 0.1, 0.5, str(tmp_path / "cache"), None, 0)
    shas = data.examined.loc[[photo.name for photo in data.labels["val"].photos], "sha256"]
    provenance = {"what": "a secret set", "labels": "pairs", "photos": [sha[:16] for sha in shas][:5]}
    checkpoint = tmp_path / "seen.ckpt"
    write_checkpoint(checkpoint, siamese(), provenance)
    network = ("model=siamese", *TINY, *SMALL, f"model.checkpoint={checkpoint}")
    for split, seen_photos in (("val", 5), ("train", 0)):
        outcome = evaluate(tmp_path / split, *network, f"data.root={triage}", f"split={split}")
        assert outcome.exit_code == 0, outcome.err
        evaluation = model_of(tmp_path / split)
        assert evaluation["photos_seen_in_training"] == seen_photos
        assert evaluation["trained_on"] == {"what": "a secret set", "labels": "pairs"}
        assert "training data: a secret set" in outcome.out
        assert "training data: a secret set" in outcome.err
        assert ("NOT HELD OUT: siamese was trained on 5 of these 9 photos" in outcome.err) == bool(seen_photos)
        assert ("siamese: NOT HELD OUT: it was trained on 5 of these photos" in outcome.out) == bool(seen_photos)
        marked = rows_of(tmp_path / split, "photos.csv")["seen_in_training"]
        assert marked.astype(str).eq("True").sum() == seen_photos


SMALL = ("model.size=32", "model.preprocessing=squash", "model.head_width=8", "model.dropout=0.0")


def write_checkpoint(file: Path, model: Siamese, trained_on: dict[str, Any]) -> None:
    card = {"family": "siamese", "architecture": model.architecture, "trained_on": trained_on, "recipe": {}}
    torch.save({"state_dict": model.state_dict(), "iqbench": card}, file)


def test_a_model_that_does_not_say_what_it_was_trained_on_is_not_said_to_be_innocent(
    triage: Path, tmp_path: Path
) -> None:
    assert evaluate(tmp_path / "out", "model=bright", f"data.root={triage}").exit_code == 0
    evaluation = model_of(tmp_path / "out")
    assert evaluation["photos_seen_in_training"] is None
    assert "does not record" in evaluation["photos_seen_in_training_reason"]


@pytest.mark.slow
@pytest.mark.parametrize("data", ["pairs", "votes"])
def test_batches_and_workers_change_no_number(data: str, triage: Path, votes: Path, tmp_path: Path) -> None:
    data_settings = {"pairs": (f"data.root={triage}", "split=val"), "votes": ("data=ava", f"data.root={votes}")}[data]
    checkpoint = tmp_path / "one.ckpt"
    write_checkpoint(checkpoint, siamese(), {})
    network = ("model=siamese", *TINY, *SMALL, f"model.checkpoint={checkpoint}")
    column = {"pairs": "margin", "votes": "predicted"}[data]
    answers = {}
    for batch_size, workers in ((8, 0), (3, 0), (8, 2)):
        how = (f"engine.batch_size={batch_size}", f"engine.workers={workers}")
        outcome = evaluate(tmp_path / f"{batch_size}-{workers}", *network, *data_settings, *how)
        assert outcome.exit_code == 0, outcome.err
        answers[batch_size, workers] = rows_of(tmp_path / f"{batch_size}-{workers}")[column].tolist()
    assert answers[8, 2] == answers[8, 0]
    assert answers[3, 0] == pytest.approx(answers[8, 0], abs=1e-5)
    assert len(set(answers[8, 0])) > 2


def test_the_same_command_again_leaves_the_same_bytes(votes: Path, tmp_path: Path) -> None:
    command = (tmp_path / "out", "model=bright", "data=ava", f"data.root={votes}")
    names = FILES | {"pairs_from_votes.csv", "pairs_from_votes.parquet"}
    assert evaluate(*command).exit_code == 0
    original_bytes = {name: (tmp_path / "out" / name).read_bytes() for name in names}
    assert evaluate(*command).exit_code == 0
    assert {name: (tmp_path / "out" / name).read_bytes() for name in names} == original_bytes


def test_results_of_something_else_are_not_written_over(triage: Path, tmp_path: Path) -> None:
    assert evaluate(tmp_path / "out", "model=bright", f"data.root={triage}").exit_code == 0
    original_bytes = (tmp_path / "out" / "evaluation.json").read_bytes()
    for change in (("model=dark",), ("model=bright", "split=val")):
        outcome = evaluate(tmp_path / "out", *change, f"data.root={triage}")
        assert outcome.exit_code == 2
        assert "holds an evaluation that differs in" in outcome.last_line
    assert (tmp_path / "out" / "evaluation.json").read_bytes() == original_bytes


def test_a_folder_that_another_run_writes_into_is_refused_with_exit_code_5(triage: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with lock(out):
        outcome = evaluate(out, "model=bright", "data=phototriage", f"data.root={triage}")
    assert outcome.exit_code == 5
    assert "another run is writing here" in outcome.last_line
    assert not FILES & {path.name for path in out.iterdir()}


def test_names_that_look_like_something_else_survive(tmp_path: Path) -> None:
    names = ["NA.jpg", "007.jpg", "a, b.jpg", 'quo"te.jpg', "nan", "=1+1.jpg", "ä.jpg", "-.jpg"]
    (tmp_path / "p").mkdir()
    for at, name in enumerate(names):
        save(tmp_path / "p" / name, painted(at / 8, number=7))
    rows = [[better, worse] for at, better in enumerate(names) for worse in names[:at]]
    write_csv(tmp_path / "p" / "list.csv", [["better", "worse"], *rows])
    outcome = evaluate(tmp_path / "out", "-m", "model=bright,dark", "data=pairs", f"data.file={tmp_path}/p/list.csv")
    assert outcome.exit_code == 0, outcome.err
    typed = pd.read_parquet(tmp_path / "out" / "predictions.parquet")
    for table in (typed, rows_of(tmp_path / "out")):
        assert {*table["first"], *table["second"]} == {f"./{name}" for name in names}
        assert len(table) == 2 * len(rows)
        assert set(table.loc[table["model_name"] == "bright", "correct"]) == {1.0}
    photos = rows_of(tmp_path / "out", "photos.csv")
    assert sorted(photos["photo"]) == sorted(f"./{name}" for name in names)


def test_a_sweep_compares_its_models_at_its_root(triage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = BootstrapConfig(seed=0, resamples=1000)  # enough to show a difference
    monkeypatch.setattr("iqbench.evaluation.summarize.BOOTSTRAP", many)
    outcome = evaluate(tmp_path / "sweep", "-m", "model=bright,dark,blank", f"data.root={triage}", "split=all")
    assert outcome.exit_code == 0, outcome.err
    root = tmp_path / "sweep"
    jobs = ["0_bright_phototriage", "1_dark_phototriage", "2_blank_phototriage"]
    assert sorted(path.name for path in root.iterdir() if path.is_dir()) == jobs
    assert {path.name for path in root.iterdir()} >= FILES
    (evaluation,) = summary_of(root)["sets"]
    assert {name: model["accuracy"]["value"] for name, model in evaluation["models"].items()} == {
        "bright": 1.0,
        "dark": 0.0,
        "blank": 0.5,
    }
    gaps = {tuple(gap["models"]): (gap["value"], gap["better"]) for gap in evaluation["differences"]}
    assert gaps == {
        ("bright", "dark"): (1.0, "bright"),
        ("bright", "blank"): (0.5, "bright"),
        ("dark", "blank"): (-0.5, "blank"),
    }
    series = 11  # in every one of them the models differ in the same way: nothing is lost by three comparisons
    assert {(gap["p"], gap["p_corrected"]) for gap in evaluation["differences"]} == {(2.0 ** (1 - series),) * 2}
    assert {gap["method"] for gap in evaluation["differences"]} == {"sign flips"}
    assert "p (corrected) < 0.001" in outcome.out
    assert rows_of(root).groupby("model_name").size().nunique() == 1
    assert "bright against dark: +100.0 points" in outcome.out
    for job in jobs:
        alone = summary_of(root / job)["sets"][0]
        (name,) = alone["models"]
        own, merged = (result["models"][name] for result in (alone, evaluation))
        gap, merged_gap = own.pop("against_best_baseline"), merged.pop("against_best_baseline")
        assert own == merged
        assert gap | {"p_corrected": merged_gap["p_corrected"]} == merged_gap  # corrected for all three
        assert merged_gap["p_corrected"] >= gap["p_corrected"]
        assert alone["baselines"] == evaluation["baselines"]


@pytest.mark.slow
def test_a_sweep_over_sets_keeps_pairs_and_votes_apart(
    triage: Path, votes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IQBENCH_PHOTOTRIAGE", str(triage))
    monkeypatch.setenv("IQBENCH_AVA", str(votes))
    outcome = evaluate(tmp_path / "sweep", "-m", "model=bright,dark", "data=phototriage,ava")
    assert outcome.exit_code == 0, outcome.err
    sets = summary_of(tmp_path / "sweep")["sets"]
    assert [(evaluation["data"], evaluation["kind"], list(evaluation["models"])) for evaluation in sets] == [
        ("PhotoTriage", "pairs", ["bright", "dark"]),
        ("AVA", "votes", ["bright", "dark"]),
    ]
    rows = rows_of(tmp_path / "sweep")
    assert rows.groupby("data").size().to_dict() == {
        "AVA": 16,
        "PhotoTriage": 2 * len(rows[rows["data"] != "AVA"]) // 2,
    }


def test_a_failing_job_leaves_the_others_merged_and_its_exit_code(triage: Path, tmp_path: Path) -> None:
    checkpoints = f"model.checkpoint={tmp_path / 'missing.ckpt'},untrained"
    outcome = evaluate(tmp_path / "sweep", "-m", "model=siamese", *TINY, checkpoints, f"data.root={triage}")
    assert outcome.exit_code == 2
    assert "missing.ckpt: no such file" in outcome.err
    summary = summary_of(tmp_path / "sweep")
    assert not summary["complete"]
    assert [job["job"] for job in summary["failed_jobs"]] == ["0_siamese_phototriage"]
    assert list(summary["sets"][0]["models"]) == ["siamese"]
    assert "INCOMPLETE" in outcome.out


def test_a_job_whose_settings_are_refused_is_among_the_failed_ones(triage: Path, tmp_path: Path) -> None:
    command = ("-m", "model=bright", "max_failures=0,-1", f"data.root={triage}", "split=val")
    outcome = evaluate(tmp_path / "sweep", *command)
    assert outcome.exit_code == 2
    assert [job["error"] for job in summary_of(tmp_path / "sweep")["failed_jobs"]] == [
        "max_failures=-1: must be 0 or more"
    ]


def test_a_job_with_failed_rows_is_merged_all_the_same(triage: Path, tmp_path: Path) -> None:
    outcome = evaluate(tmp_path / "sweep", "-m", "model=bright,picky", f"data.root={triage}", "split=val")
    assert outcome.exit_code == 3
    summary = summary_of(tmp_path / "sweep")
    assert summary["complete"]
    (difference,) = summary["sets"][0]["differences"]
    # the six pairs that picky owes an answer are ties
    assert (difference["left_out"], difference["unanswered"]) == (0, 6)
    assert difference["value"] == pytest.approx(6 * 0.5 / 9)
    picky = summary["sets"][0]["models"]["picky"]
    assert (picky["accuracy"]["value"], picky["counts"]["unanswered"]) == (pytest.approx(6 / 9), 6)
    assert "picky: no answer in 6 model_error; 6 pairs with readable photos count as ties" in outcome.out


@pytest.mark.slow
def test_old_results_of_a_job_that_fails_now_are_not_merged(triage: Path, tmp_path: Path) -> None:
    command = (tmp_path / "sweep", "-m", "model=bright,dark", f"data.root={triage}", "split=val")
    assert evaluate(*command).exit_code == 0
    (tmp_path / "myconf" / "model" / "bright.yaml").write_text("_target_: planted.Gone\n")
    outcome = evaluate(*command)
    assert outcome.exit_code == 2
    summary = summary_of(tmp_path / "sweep")
    assert [job["job"] for job in summary["failed_jobs"]] == ["0_bright_phototriage"]
    assert list(summary["sets"][0]["models"]) == ["dark"]


@pytest.mark.slow
def test_two_checkpoints_of_one_name_are_told_apart(triage: Path, tmp_path: Path) -> None:
    for seed in (1, 2):
        write_checkpoint(tmp_path / f"{seed}.ckpt", siamese(seed), {})
    checkpoints = f"model.checkpoint={tmp_path}/1.ckpt,{tmp_path}/2.ckpt,{tmp_path}/1.ckpt"
    outcome = evaluate(
        tmp_path / "sweep", "-m", "model=siamese", *TINY, *SMALL, checkpoints, f"data.root={triage}", "split=val"
    )
    assert outcome.exit_code == 0, outcome.err
    names = list(summary_of(tmp_path / "sweep")["sets"][0]["models"])
    assert len(set(names)) == 3
    assert all(name.startswith("siamese@") for name in names)
    assert names[2] == f"{names[0]}#2"


MISTAKES = {
    "data=samples": "Samples has photos but no labels; use data=ava or data=kadid or data=koniq",
    "data=folder": "Folder has photos but no labels",
    "split=tset": "split=tset: must be one of train, val, test, all, or null (test here)",
    "anchors=1": "anchors=1: must be 2 or more",
    "pairs_per_photo=0": "pairs_per_photo=0: must be 1 or more",
    "min_difference=9": "min_difference=9.0: mean votes differ by 0 to 9",
    "min_difference=some": "min_difference=some: must be a number",
    "data.limit=1": "data.limit=1: the smallest series has 3 photos",
    "data.root=/nowhere": "data.root=/nowhere: no such folder",
    "splt=val": "Did you mean 'split'?",
    "model=siamse": "Did you mean 'siamese'?",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_answered_by_one_line_and_exit_code_2(
    mistake: str, triage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IQBENCH_PHOTOTRIAGE", str(triage))
    outcome = run("evaluate", "model=iqa", mistake)
    assert outcome.exit_code == 2, outcome.err
    assert outcome.err.startswith("iqbench.evaluate: ")
    assert len(outcome.err.strip().splitlines()) == 1, outcome.err
    assert MISTAKES[mistake] in outcome.err


def test_a_limit_makes_it_short(triage: Path, tmp_path: Path) -> None:
    outcome = evaluate(tmp_path / "out", "model=bright", f"data.root={triage}", "split=train", "data.limit=6")
    assert outcome.exit_code == 0, outcome.err
    assert len(rows_of(tmp_path / "out")) == 2 * 3


def test_help_shows_two_examples_and_imports_nothing_heavy() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "iqbench.evaluate", "--help"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout.count("python -m iqbench.evaluate ") == 2
    imported = {line.rpartition("|")[2].strip() for line in answer.stderr.splitlines()}
    assert not imported & {"torch", "lightning", "timm", "pandas", "cv2", "sklearn", "scipy", "matplotlib"}


# Mean opinions


def test_a_perfect_judge_agrees_with_mean_opinions_on_any_scale(tmp_path: Path) -> None:
    write_koniq(tmp_path / "koniq", photos=40)
    evaluate(tmp_path / "out", "model=bright", "data=koniq", "data.root=koniq", "split=all")
    (one,) = summary_of(tmp_path / "out")["sets"]
    assert (one["data"], one["split"], one["kind"]) == ("KonIQ-10k", "all", "scores")
    model = model_of(tmp_path / "out")
    assert model["srcc"]["value"] == model["krcc"]["value"] == 1
    assert model["plcc_logistic"]["value"] > 0.999
    assert model["against_best_baseline"]["baseline"] == "brighter"
    rows = rows_of(tmp_path / "out")
    assert rows["true"].between(1, 100).all()
    assert "pairs_from_votes.csv" not in {file.name for file in (tmp_path / "out").iterdir()}


@pytest.mark.slow
def test_intervals_of_a_set_with_references_count_these(tmp_path: Path) -> None:
    write_kadid(tmp_path / "kadid", references=6, levels=3)
    outcome = evaluate(tmp_path / "out", "model=bright", "data=kadid", "data.root=kadid")
    model = model_of(tmp_path / "out")
    assert (model["bootstrap"]["unit"], model["bootstrap"]["units"]) == ("photo", 6)
    photos = rows_of(tmp_path / "out", "photos.csv")
    assert photos["cluster"].nunique() == 6
    assert "18 photos with mean opinions" in outcome.out
    evaluate(tmp_path / "alone", "model=bright", "data=kadid", "data.root=kadid", "data.cluster=photo")
    assert model_of(tmp_path / "alone")["bootstrap"]["units"] == 18


@pytest.mark.slow
def test_models_are_compared_on_a_list_of_scores(tmp_path: Path) -> None:
    names = write_kadid(tmp_path / "kadid")
    rows = [
        [f"{(tmp_path / 'kadid' / 'images').as_posix()}/{name[2:]}", str(-10 * quality)]
        for name, quality in names.items()
    ]
    write_csv(tmp_path / "list.csv", [["img_path", "DMOS"], *rows])
    data = ("data=scored", "data.file=list.csv", "data.higher_is_better=false")
    evaluate(tmp_path / "out", "-m", "model=bright,dark", *data)
    (one,) = summary_of(tmp_path / "out")["sets"]
    assert {name: round(model["srcc"]["value"], 3) for name, model in one["models"].items()} == {
        "bright": 1,
        "dark": -1,
    }
    (difference,) = one["differences"]
    assert (difference["measure"], difference["better"]) == ("srcc", "bright")


def test_photos_that_are_not_there_are_counted_and_most_of_them_end_the_evaluation(tmp_path: Path) -> None:
    write_kadid(tmp_path / "kadid")
    (tmp_path / "kadid" / "images" / "I01_01_01.png").unlink()
    outcome = evaluate(tmp_path / "out", "model=bright", "data=kadid", "data.root=kadid", "max_failures=1")
    assert "KADID-10k: 1 of 18 photos are not there: ./I01_01_01.png" in outcome.err
    assert sum(model_of(tmp_path / "out")["counts"]["failures"].values()) == 1
    for photo in (tmp_path / "kadid" / "images").glob("I0[1-3]*"):
        photo.unlink()
    (tmp_path / "kadid" / "images" / "I04_01_01.png").unlink()
    refused = run("evaluate", "--config-dir", "myconf", "model=bright", "data=kadid", "data.root=kadid", "out=x")
    assert refused.exit_code == 2
    assert "KADID-10k: 10 of 18 photos are not there; the first is" in refused.err


def test_training_on_mean_opinions_is_refused_in_one_line(tmp_path: Path) -> None:
    write_koniq(tmp_path / "koniq")
    refused = run("train", "data=koniq", "data.root=koniq", "out=x", "trainer=cpu", *TINY)
    assert refused.exit_code == 2
    assert "no loss of iqbench learns from mean opinions" in refused.err


def test_the_doctor_counts_mean_opinions(tmp_path: Path) -> None:
    write_koniq(tmp_path / "koniq")
    outcome = run("doctor", "data=koniq", "data.root=koniq", "out=doctor")
    assert outcome.exit_code == 0
    split = json.loads((tmp_path / "doctor" / "doctor.json").read_text())["splits"]["train"]
    assert (split["kind"], split["labels"]) == ("scores", 6)
    assert 1 <= split["lowest"] < split["mean"] < split["highest"] <= 100


@pytest.mark.slow
def test_the_test_photos_of_a_set_of_mean_opinions_are_benchmarked(tmp_path: Path) -> None:
    write_koniq(tmp_path / "koniq")
    outcome = run(
        "bench", "model=iqa", "degradation=blur", "data=koniq", "data.root=koniq", "out=bench", "engine.workers=0"
    )
    assert outcome.exit_code == 0
    assert len(pd.read_csv(tmp_path / "bench" / "manifest.csv")) == 3


# Scores from a file


def write_scored(folder: Path, count: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Write opinions and scores of photos that are not there; return both."""
    generator = np.random.default_rng(3)
    opinions, scores = generator.normal(50, 9, count), generator.normal(0, 1, count)
    scores += opinions / 20
    rows = zip(range(count), opinions, scores, strict=True)
    lines = [(f"sub/photo {at}.jpg,{opinion!r}", f"photo {at}.jpg,{score!r}") for at, opinion, score in rows]
    for name, column in (("opinions.csv", 0), ("scores.csv", 1)):
        text = "\n".join(["photo,score", *(line[column] for line in reversed(lines))])
        (folder / name).write_text(text.replace("np.float64(", "").replace(")", "") + "\n")
    return opinions, scores


def test_published_scores_are_evaluated_without_a_photo_and_agree_with_scipy(tmp_path: Path) -> None:
    opinions, scores = write_scored(tmp_path)
    outcome = evaluate(
        tmp_path / "out", "model=scores", "model.file=scores.csv", "data=scored", "data.file=opinions.csv"
    )
    model, (one,) = model_of(tmp_path / "out"), summary_of(tmp_path / "out")["sets"]
    assert model["srcc"]["value"] == pytest.approx(spearmanr(opinions, scores).statistic, abs=1e-12)
    assert model["plcc"]["value"] == pytest.approx(pearsonr(opinions, scores).statistic, abs=1e-12)
    rows = rows_of(tmp_path / "out").set_index("photo")
    assert rows.loc["./sub/photo 7.jpg", "predicted"] == scores[7]
    assert one["baselines"]["sharper"]["srcc"] == {
        "value": None,
        "interval": None,
        "n": 0,
        "reason": "no photo has an answer",
        "interval_reason": "no photo has an answer",
    }
    assert model["against_best_baseline"]["reason"] == "no baseline has a value"
    assert one["clusters"]["clusters"] == one["photos"]["planned"] == 30
    assert one["photos"]["read"] == 0
    assert "30 of 30 photos are not here" in outcome.err
    assert "No baseline has a value to compare with." in outcome.out
    assert "None" not in outcome.out


@pytest.mark.slow
def test_published_scores_of_photos_that_are_here_stand_beside_the_baselines(tmp_path: Path) -> None:
    names = write_kadid(tmp_path / "kadid")
    qualities = {name.removeprefix("./"): quality for name, quality in names.items()}
    lines = [f"{name},{'nan' if at == 4 else -quality}" for at, (name, quality) in enumerate(qualities.items())]
    (tmp_path / "damage.csv").write_text("\n".join(["photo,score", *lines]))
    command = ("model=scores", "model.file=damage.csv", "data=kadid", "data.root=kadid", "max_failures=1")
    evaluate(tmp_path / "out", *command, "model.higher_is_better=false")
    model, (one,) = model_of(tmp_path / "out"), summary_of(tmp_path / "out")["sets"]
    assert model["srcc"]["value"] > 0.9
    assert one["baselines"]["brighter"]["srcc"]["value"] is not None
    failed = rows_of(tmp_path / "out").query("status != 'ok'")
    assert failed[["status", "error"]].values.tolist() == [["nonfinite", "the file of scores has no answer"]]


def test_published_scores_that_lack_photos_are_refused_with_their_number(tmp_path: Path) -> None:
    write_scored(tmp_path)
    text = (tmp_path / "scores.csv").read_text().splitlines()
    (tmp_path / "scores.csv").write_text("\n".join(text[:11]))
    refused = run("evaluate", "model=scores", "model.file=scores.csv", "data=scored", "data.file=opinions.csv", "out=x")
    assert refused.exit_code == 2
    assert "scores.csv: no score for 20 of 30 photos, such as ./sub/photo 0.jpg; score them too" in refused.err
