"""Robustness against agreement with people: which models meet, and what the files hold."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from fixtures.command_line import run
from fixtures.labelled_sets import write_kadid
from iqbench.errors import UsageError
from iqbench.reporting.agreement_picture import points, read_evaluations, table, unmatched, write_agreement
from iqbench.results.evaluation_summary import EvaluationSummary
from iqbench.results.summary import Summary, read_summary
from iqbench.statistics.bootstrap import BootstrapConfig

MODELS = ("contrast", "colorfulness", "sharpness")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A benchmark of three models, and an evaluation of two of them."""
    root = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("iqbench.evaluation.summarize.BOOTSTRAP", BootstrapConfig(seed=0, resamples=100))
        patch.setenv("IQBENCH_CACHE", str(root / "cache"))
        write_kadid(root / "kadid", references=5)
        bench = run(
            *("bench", "-m", f"model={','.join(MODELS)}", "data=samples", "data.limit=3", "degradation=blur"),
            *("engine.workers=0", "gallery=0", f"out={root / 'bench'}"),
        )
        assert bench.exit_code == 0, bench.err
        data = ("data=kadid", f"data.root={root / 'kadid'}", "engine.workers=0", f"out={root / 'eval'}")
        evaluate = run("evaluate", "-m", "model=contrast,colorfulness", *data)
        assert evaluate.exit_code == 0, evaluate.err
    return root


@pytest.fixture
def summary(results: Path) -> Summary:
    return read_summary(results / "bench")


@pytest.fixture
def evaluations(results: Path) -> Sequence[EvaluationSummary]:
    return read_evaluations([results / "eval"])


@pytest.mark.slow
class TestAgreementPicture:
    def test_a_model_has_its_numbers_of_both_results(
        self, summary: Summary, evaluations: Sequence[EvaluationSummary]
    ) -> None:
        rows = table(points(summary, evaluations)).set_index("model")
        for name in ("contrast", "colorfulness"):
            row, judged = rows.loc[name], evaluations[0].sets[0].models[name]
            assert row["agreement"] == judged.measures["srcc"].value
            assert (row["agreement_low"], row["agreement_high"]) == judged.measures["srcc"].interval
            assert row["accuracy"] == summary.models[name].overall.value
            assert row["model_fingerprint"] == summary.models[name].fingerprint
        assert "sharpness" not in rows.index
        assert unmatched(summary, points(summary, evaluations)) == ["sharpness"]
        assert rows.loc["larger file", "model_fingerprint"] == ""

    def test_models_are_matched_by_their_fingerprint_and_not_by_their_name(
        self, summary: Summary, evaluations: Sequence[EvaluationSummary]
    ) -> None:
        swapped = {"mine": summary.models["contrast"]}
        other = {"contrast": summary.models["contrast"].model_copy(update={"fingerprint": "0" * 12})}
        found = points(summary.model_copy(update={"models": swapped | other}), evaluations)
        assert [point.model for point in found if not point.is_baseline] == ["mine"]
        with pytest.raises(UsageError, match=r"no model was both benchmarked \(contrast 000000000000\) and evaluated"):
            points(summary.model_copy(update={"models": other}), evaluations)

    def test_an_evaluation_that_is_given_twice_counts_once(
        self, summary: Summary, evaluations: Sequence[EvaluationSummary]
    ) -> None:
        once, twice = points(summary, evaluations), points(summary, [*evaluations, *evaluations])
        assert [point[:4] for point in twice] == [point[:4] for point in once]

    def test_the_same_results_give_the_same_bytes(
        self, summary: Summary, evaluations: Sequence[EvaluationSummary], tmp_path: Path
    ) -> None:
        written = []
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            paths = write_agreement(summary, evaluations, tmp_path / name)
            assert [path.name for path in paths] == ["agreement.csv", "agreement.png", "agreement.svg"]
            written.append([path.read_bytes() for path in paths])
        assert written[0] == written[1]

    def test_the_report_writes_it_and_names_models_that_were_not_evaluated(
        self, results: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        outcome = run("report", results / "bench", "--agreement", results / "eval")
        assert outcome.exit_code == 0, outcome.err
        assert "not evaluated, so not in agreement.png: sharpness" in caplog.text
        assert outcome.out.splitlines()[-3:] == [
            str(results / "bench" / f"agreement.{kind}") for kind in ("csv", "png", "svg")
        ]
        assert set(pd.read_csv(results / "bench" / "agreement.csv")["data"]) == {"KADID-10k"}

    def test_any_folder_above_evaluations_is_searched_and_jobs_of_a_sweep_count_with_it(self, results: Path) -> None:
        assert len(read_evaluations([results])) == 1


def test_a_folder_without_an_evaluation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no evaluation here; run iqbench.evaluate, or name its folder"):
        read_evaluations([tmp_path])
