"""The summary of one evaluation: the model against people, the baselines, and the model against the best of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from iqbench.baselines import RANDOM, baseline_answers, best_baseline
from iqbench.evaluation.agreement import pair_agreement, score_agreement, vote_agreement
from iqbench.evaluation.answers import unanswered, with_clusters
from iqbench.evaluation.compare import TOO_CLOSE, compare
from iqbench.evaluation.label_clusters import label_clusters
from iqbench.evaluation.predict import Predictions
from iqbench.evaluation.vote_scale import VoteScale
from iqbench.evaluation.voters import vote_ceiling, with_orders
from iqbench.inference.encoding import STATISTICS
from iqbench.progress import track
from iqbench.results.agreement_summary import (
    AgainstBestBaseline,
    ModelComparison,
    PairAgreement,
    PairedDifference,
    ScoreAgreement,
    VoteAgreement,
)
from iqbench.results.evaluation_summary import (
    EvaluatedModel,
    EvaluatedSet,
    EvaluationIdentity,
    EvaluationRun,
    PairModel,
    PhotoCounts,
    ScoreModel,
    VoteModel,
)
from iqbench.statistics.bootstrap import BootstrapConfig
from iqbench.statistics.estimate import ALPHA

MODEL = "model"
"""The name of the model among the baselines."""

NO_BASELINE = "no baseline has a value"
NO_VALUE = "no_value"
"""The status of a pair for a baseline whose statistic is unknown: no fault of its own, so the pair is left out."""

UNKNOWN_TRAINING = "the model does not record what it was trained on"

LONG_EXPORTED = ("brightness", "sharpness")
"""Image statistics that keep their place among the columns of photos.csv; all others are among its last columns."""

BOOTSTRAP = BootstrapConfig(seed=0, resamples=2000)
"""Fixed, so that a second summary of the same answers is identical to the first."""


JudgeAgreement = PairAgreement | VoteAgreement | ScoreAgreement


@dataclass(frozen=True)
class Evaluation:
    """One model on one set of labels: the summary, and the tables that it is computed from."""

    run: EvaluationRun
    result: EvaluatedSet
    predictions: pd.DataFrame
    made_pairs: pd.DataFrame | None
    photos: pd.DataFrame

    @property
    def model_name(self) -> str:
        """The name of the model in results."""
        return self.run.identity.model_name

    @property
    def labels(self) -> tuple[str, str, str]:
        """The data set, the split and the fingerprint of the labels; only equal ones can be compared."""
        identity = self.run.identity
        return identity.data, identity.split, identity.labels


def summarize(answers: Predictions, run: EvaluationRun) -> Evaluation:
    """Return the evaluation of one model.

    Args:
        answers: The model's answers.
        run: What they depend on.
    """
    identity, details = run.identity, run.details
    tie_worth = identity.protocol.tie_worth
    judged = replace(answers, rows=with_clusters(answers.rows, answers.photos), made_pairs=_with_clusters(answers))
    own = agreement(judged.rows, judged.made_pairs, answers.scale, tie_worth)
    baselines, against = baseline_agreements(judged, tie_worth)
    if answers.made_pairs is not None:  # the voters are the same for all judges
        asked = judged.rows.assign(status=judged.rows["status"].mask(unanswered(judged.rows), "ok"))
        ceiling = vote_ceiling(asked, BOOTSTRAP)
        own = own.model_copy(update=ceiling)
        baselines = {name: baseline.model_copy(update=ceiling) for name, baseline in baselines.items()}
    seen = None if details.trained_on is None else int(answers.photos["seen_in_training"].sum())
    provenance = EvaluatedModel(
        fingerprint=identity.model_fingerprint,
        model_type=details.model_type,
        trained_on=details.trained_on,
        photos_seen_in_training=seen,
        photos_seen_in_training_reason=UNKNOWN_TRAINING if seen is None else None,
        near_copies_of_training_photos=int(answers.photos["near_copy_in_training"].sum()),
        against_best_baseline=against,
    )
    models: dict[str, type[PairModel | VoteModel | ScoreModel]]
    models = {"pairs": PairModel, "votes": VoteModel, "scores": ScoreModel}
    result = EvaluatedSet(
        data=identity.data,
        split=identity.split,
        labels=identity.labels,
        kind=own.kind,
        photos=_photo_counts(answers.photos),
        clusters=label_clusters(judged.rows, answers.cluster),
        models={identity.model_name: models[own.kind](**dict(own), **dict(provenance))},
        baselines=baselines,
        baselines_answer_the_rows_of=identity.model_name,
        differences=[],
    )
    return Evaluation(
        run=run.with_batch_sizes(answers.batch_sizes),
        result=result,
        predictions=_marked(answers.rows, identity),
        made_pairs=None if answers.made_pairs is None else _marked(answers.made_pairs, identity),
        photos=_photo_columns(answers.photos.assign(data=identity.data)),
    )


def agreement(
    rows: pd.DataFrame, made_pairs: pd.DataFrame | None, scale: VoteScale, tie_worth: float
) -> JudgeAgreement:
    """Return how well one judge agrees with people.

    Args:
        rows: A row per label; see `iqbench.evaluation.predictions`.
        made_pairs: The judge's answers about pairs made from votes, if the labels are votes. Both have the clusters
            of `iqbench.evaluation.answers.with_clusters`.
        scale: What the judge predicts of votes.
        tie_worth: The accuracy of a tie.
    """
    if "first" in rows:
        return pair_agreement(rows, BOOTSTRAP, tie_worth)
    if made_pairs is None:
        return score_agreement(rows, BOOTSTRAP, scale)
    pairs = pair_agreement(with_orders(made_pairs, rows), BOOTSTRAP, tie_worth)
    return vote_agreement(rows, BOOTSTRAP, scale).model_copy(update={"pairs_from_votes": pairs})


def baseline_agreements(
    answers: Predictions, tie_worth: float
) -> tuple[dict[str, JudgeAgreement], AgainstBestBaseline]:
    """Return how well each baseline agrees with people, and the model against the best one.

    Baselines answer the pairs and score the photos that the model was asked about.
    """
    of_pairs = "first" in answers.rows
    baseline_rows = _baseline_answers(answers.rows, answers.photos, "margin" if of_pairs else "predicted")
    made = answers.made_pairs
    pairs = {} if made is None else _baseline_answers(made, answers.photos, "margin")
    scale = VoteScale("score", "a baseline predicts no votes")
    baselines = {
        name: agreement(table, pairs.get(name), scale, tie_worth)
        for name, table in track(baseline_rows.items(), "baselines", len(baseline_rows))
    }
    best = best_baseline({name: _headline(baseline) for name, baseline in baselines.items()})
    if best is None:
        return baselines, AgainstBestBaseline(
            value=None,
            reason=NO_BASELINE,
            interval_reason=NO_BASELINE,
            measure="accuracy" if of_pairs else "srcc",
            a=None,
            b=None,
            p=None,
            p_reason=NO_BASELINE,
            p_corrected=None,
            p_corrected_reason=NO_BASELINE,
            least_difference_reason=NO_BASELINE,
            left_out=len(answers.rows),
            baseline=None,
            shown=False,
            verdict=TOO_CLOSE,
        )
    candidates = [name for name, judge in baselines.items() if name != RANDOM and _headline(judge) is not None]
    judges = {MODEL: answers.rows} | {name: baseline_rows[name] for name in candidates}
    (difference,) = compare(judges, BOOTSTRAP, tie_worth, [(MODEL, best)])
    if difference.p is None or (difference.value or 0) >= 0:
        return baselines, against_baseline(difference, best, difference.p)
    family = compare(judges, BOOTSTRAP, tie_worth, [(MODEL, name) for name in candidates])
    return baselines, against_baseline(difference, best, family[candidates.index(best)].p_corrected)


def against_baseline(difference: PairedDifference, baseline: str, p_corrected: float | None) -> AgainstBestBaseline:
    """Return the difference from a baseline with its verdict.

    Args:
        difference: The model minus the baseline.
        baseline: The name of the baseline.
        p_corrected: p corrected for the family of the claim; see `AgainstBestBaseline`.
    """
    verdicts = {
        "a": f"better than {baseline}, the best baseline",
        "b": f"worse than {baseline}, a baseline",
        None: f"not shown to be better than {baseline}",
    }
    fields = {name: getattr(difference, name) for name in PairedDifference.model_fields}
    ahead = difference.ahead if p_corrected is not None and p_corrected < ALPHA else None
    return AgainstBestBaseline(
        **fields,
        p_corrected=p_corrected,
        p_corrected_reason=difference.p_reason,
        baseline=baseline,
        shown=ahead == "a",
        verdict=verdicts[ahead],
    )


def differences(
    predictions: Mapping[str, pd.DataFrame], photos: pd.DataFrame, tie_worth: float
) -> list[ModelComparison]:
    """Return the difference of every two models, with p-values corrected for all of them.

    Args:
        predictions: The exported answers of each model.
        photos: A row per photo with its cluster.
        tie_worth: The accuracy of a tie.
    """
    answers = {name: with_clusters(table, photos) for name, table in predictions.items()}
    return compare(answers, BOOTSTRAP, tie_worth)


def _with_clusters(answers: Predictions) -> pd.DataFrame | None:
    return None if answers.made_pairs is None else with_clusters(answers.made_pairs, answers.photos)


def _baseline_answers(rows: pd.DataFrame, photos: pd.DataFrame, column: str) -> dict[str, pd.DataFrame]:
    """Return the answers of baselines to what a model was asked, whether it answered or not; ``column`` holds them."""
    asked = rows.assign(status=rows["status"].mask(unanswered(rows), "ok"))
    return {
        name: table.assign(status=table["status"].mask(table[column].isna() & (table["status"] == "ok"), NO_VALUE))
        for name, table in baseline_answers(asked, photos, BOOTSTRAP.seed).items()
    }


def _headline(judge: JudgeAgreement) -> float | None:
    """Return the value of the measure by which judges are compared."""
    return judge.accuracy.value if isinstance(judge, PairAgreement) else judge.srcc.value


def _marked(table: pd.DataFrame, identity: EvaluationIdentity) -> pd.DataFrame:
    """Return the rows with the model, the set and the split in front."""
    marks = {key: getattr(identity, key) for key in ("model_name", "model_fingerprint", "data", "split")}
    return pd.concat([pd.DataFrame(marks, index=table.index), table], axis=1)


def _photo_columns(photos: pd.DataFrame) -> pd.DataFrame:
    """Return the photos with the oldest columns first, and without ``pixels``, which is width times height."""
    last = [*(name for name in STATISTICS if name not in LONG_EXPORTED), "look", "cluster", "near_copy_in_training"]
    return photos[[*(name for name in photos if name not in last), *last]].drop(columns="pixels")


def _photo_counts(photos: pd.DataFrame) -> PhotoCounts:
    failures = photos["status"][photos["status"] != "ok"].value_counts()
    content = photos["sha256"].dropna()
    return PhotoCounts(
        planned=len(photos),
        read=len(content),
        copies=int(content.duplicated().sum()),
        failures={str(status): int(failures[status]) for status in sorted(failures.index)},
    )
