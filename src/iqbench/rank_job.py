"""One ranking of photos, from the command line or from Python: examine, rank, export, and write sidecars."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from omegaconf import DictConfig, OmegaConf

from iqbench import config as configuration
from iqbench.culling.examine import Examination, examine, mirrored_names
from iqbench.culling.listing import ListedShot, listed_shots
from iqbench.culling.look import Look
from iqbench.culling.margins import Margins, resolution
from iqbench.culling.metadata import Metadata
from iqbench.culling.ranking import Ranking, StarRules, ranking_table
from iqbench.culling.reading import check_decoding
from iqbench.culling.series import SeriesLimits, series_of
from iqbench.culling.sharpness import SubjectSharpness
from iqbench.culling.sidecars import Outcome, Shot, check_names, write_ratings
from iqbench.culling.store import Examined, Store
from iqbench.datasets.folder import MAX_MEGAPIXELS
from iqbench.errors import DiskError, UsageError
from iqbench.inference.process_state import restored_process_state
from iqbench.interfaces import STANDARD_LIMITS, Limits, PhotoFile, QualityModel, StoredAnswers
from iqbench.io import lock
from iqbench.model_job import built_model, ready_model
from iqbench.models.learned import Learned
from iqbench.paths import absolute
from iqbench.preprocessing import view_groups
from iqbench.provenance import fingerprint, versions
from iqbench.reporting.ranking_page import export

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RankRequest:
    """A ranking that somebody asks for.

    Args:
        config: The config, see conf/rank.yaml. A part that is given as an object below is described in it.
        model: The model, None if the config builds it.
        shots: The photos, None if the config lists them.
    """

    config: DictConfig
    model: QualityModel | None = None
    shots: Sequence[ListedShot] | None = None

    def photos(self) -> list[ListedShot]:
        """Return the photos.

        Raises:
            UsageError: If there are none, or a setting cannot be used.
        """
        if self.shots is not None:
            return list(self.shots)
        megapixels = self.config.max_megapixels
        if not 0 < megapixels <= MAX_MEGAPIXELS:
            raise UsageError(f"max_megapixels={megapixels}: must be above 0, and at most {MAX_MEGAPIXELS}")
        limits = Limits(round(megapixels * 1e6), STANDARD_LIMITS.min_side)
        given, include, exclude = (_plain(self.config[key]) for key in ("photos", "include", "exclude"))
        photos = [given] if isinstance(given, str) else list(given or [])
        return listed_shots([str(each) for each in photos], include, exclude, limits)

    def judge(self) -> tuple[QualityModel, str]:
        """Return the model and its fingerprint.

        Raises:
            UsageError: If the config cannot be used.
        """
        if self.model is None:
            return built_model(self.config)
        return self.model, fingerprint(self.model, _plain(self.config.model))


def rank_photos(request: RankRequest, folder: Path) -> Ranking:
    """Rank photos, write the results into ``folder``, and return them. The same folder resumes.

    Raises:
        IqbenchError: If a setting cannot be used, the model gives no answer, or sidecars cannot be written.
    """
    config = request.config
    engine = configuration.build(config.engine, "engine")
    decoding = check_decoding(config.decoding)
    limits, rules = SeriesLimits(**_plain(config.series)), StarRules(**_plain(config.stars))
    subject = _subject(config)
    names = None if config.sidecars is None else check_names(config.sidecars)
    if not 0.5 <= config.too_close < 1:
        raise UsageError(f"too_close={config.too_close}: must be a probability of 0.5 or more, and below 1")
    if config.anchors < 1:
        raise UsageError(f"anchors={config.anchors}: must be 1 or more")
    shots = request.photos()
    check_folder(folder, _plain(config.photos))
    files = [shot.file for shot in shots]
    with lock(folder), restored_process_state():
        model, model_fingerprint = request.judge()
        identity: dict[str, Any] = {"model": model_fingerprint, "decoding": decoding, "subject": subject.made_with}
        identity |= {"precision": engine.precision, "versions": versions()}
        with closing(Store(folder, identity, config.fresh)) as store:
            known = store.finished(files)
            missing = [file for file in files if file.name not in known]
            if known:
                log.info("%s: %d of %d photos were scored before", config.name, len(known), len(files))
            _warn_of_draft(decoding, model)
            scores = _stored_scores(model, files)
            ready = ready_model(model, engine, missing, bool(missing) and not isinstance(model, StoredAnswers))
            work = Examination(
                missing, ready.model if scores is None else None, decoding, subject, mirrored_names(files)
            )
            failed = examine(work, store, ready.engine, config.name)
            known = store.finished(files) | failed
        examined = [known[file.name] for file in files]
        if scores is not None:
            examined = [_with_score(each, scores[file.name]) for each, file in zip(examined, files, strict=True)]
        answered = [each for each in examined if each.encoding is not None]
        margins = Margins(ready.model, _stacked(answered), engine.torch_device)
        mirrored = [
            (own, other)
            for each in answered
            if (own := each.encoding) is not None and (other := each.mirrored) is not None
        ]
        told_apart = resolution(margins, mirrored, config.too_close)
        looks = [Look.from_bytes(each.look) if each.look else None for each in examined]
        series = series_of(looks, [Metadata(each.taken, each.offset, each.rating) for each in examined], limits)
        table = ranking_table(shots, examined, series.tolist(), margins, told_apart, rules, config.anchors)
    outcomes: list[Outcome] = []
    if names is not None:
        table, outcomes = _with_sidecars(table, shots, examined, names, config.overwrite_ratings)
    ranking = Ranking(config.name, table, told_apart, margins.are_log_odds, margins.has_scores, subject.made_with)
    export(folder, ranking, {file.name: each.thumbnail for file, each in zip(files, examined, strict=True)})
    _report_sidecars(outcomes)
    return ranking


def check_folder(folder: Path, photos: object) -> None:
    """Refuse results in the folder of the photos.

    Raises:
        UsageError: If they would lie there.
    """
    for given in [photos] if isinstance(photos, str | Path) else photos if isinstance(photos, list) else []:
        if absolute(str(given), "photos").resolve() == folder.resolve():
            raise UsageError(f"out={folder}: is the photos' own folder; choose one in it or beside it")


def _subject(config: DictConfig) -> SubjectSharpness:
    settings = _plain(config.subject)
    for key in ("model_file", "cache"):
        settings[key] = None if settings[key] is None else str(absolute(settings[key], f"subject.{key}"))
    return SubjectSharpness(**settings)


def _warn_of_draft(decoding: str, model: QualityModel) -> None:
    if decoding == "draft" and isinstance(model, Learned) and len(view_groups(model.rule)) > 1:
        log.warning(
            "decoding=draft: model.preprocessing=%s looks at photos in full resolution too, and sees drafts as soft; "
            "use decoding=full",
            model.rule,
        )


def _stored_scores(model: QualityModel, files: Sequence[PhotoFile]) -> Mapping[str, float] | None:
    """Return the scores of a model that was computed elsewhere, by photo; None for any other model."""
    if not isinstance(model, StoredAnswers):
        return None
    model.check_answers(files, [])
    scores = model.scores_by_name(files)
    return None if scores is None else {file.name: float(score) for file, score in zip(files, scores, strict=True)}


def _with_score(examined: Examined, score: float) -> Examined:
    if examined.status != "ok":
        return examined
    if score != score:
        return examined.failed("nonfinite", "the file of scores has no answer")
    return replace(examined, encoding=torch.tensor([score], dtype=torch.float64))


def _stacked(answered: Sequence[Examined]) -> torch.Tensor:
    encodings = [each.encoding for each in answered if each.encoding is not None]
    return torch.stack(encodings) if encodings else torch.zeros(0, 1)


def _with_sidecars(
    table: pd.DataFrame, shots: Sequence[ListedShot], examined: Sequence[Examined], names: Any, overwrite: bool
) -> tuple[pd.DataFrame, list[Outcome]]:
    """Write the sidecars, and return the table with what became of each."""
    by_name = {shot.file.name: (shot.files, each.rating) for shot, each in zip(shots, examined, strict=True)}
    ranked = table[table["stars"].notna()]
    rated = [
        Shot(by_name[name][0], int(stars), by_name[name][1])
        for name, stars in zip(ranked["photo"], ranked["stars"], strict=True)
    ]
    outcomes = write_ratings(rated, names, overwrite)
    texts = pd.Series([f"{outcome.word} ({outcome.text})" for outcome in outcomes], ranked.index, dtype=object)
    return table.assign(sidecar=texts.reindex(table.index).fillna("")), outcomes


def _report_sidecars(outcomes: Sequence[Outcome]) -> None:
    """Log what became of the sidecars.

    Raises:
        DiskError: If some cannot be written.
    """
    if not outcomes:
        return
    counts = Counter[str](outcome.word for outcome in outcomes)
    words = {"written": "written", "kept": "ratings kept that were there (overwrite_ratings=true replaces them)"}
    words |= {"broken": "broken sidecars left as they are", "shared": "left out, which would belong to two photos"}
    parts = [f"{counts[word]} {text}" for word, text in words.items() if counts[word]]
    log.info("sidecars: %s", ", ".join(parts) or "none written")
    for outcome in [each for each in outcomes if each.word in ("broken", "shared")][:3]:
        log.warning("sidecars: %s", outcome.text)
    if counts["failed"]:
        reason = next(outcome.text for outcome in outcomes if outcome.word == "failed")
        raise DiskError(f"sidecars: {counts['failed']} cannot be written ({reason}); the ranking is complete")


def _plain(node: Any) -> Any:
    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
