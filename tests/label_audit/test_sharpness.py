from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fixtures.label_tables import pair_table, vote_table
from fixtures.labelled_sets import save
from iqbench.interfaces import PhotoFile
from iqbench.label_audit.sharpness import USUAL, sampled, sharpness_agreement, sharpness_findings, sharpnesses
from iqbench.results.label_audit_summary import SharpnessAgreement


def texts(interval, pairs, phototriage=False, value=0.45):
    measured = SharpnessAgreement(measure="accuracy", value=value, interval=interval, n=pairs)
    return [(finding.severity, finding.text) for finding in sharpness_findings({"train": measured}, phototriage)]


def test_sharpness_is_that_of_the_rules_unclipped(tmp_path):
    checks = 255 * (np.indices((40, 40)).sum(axis=0) % 2)
    for name, photo in (("flat", np.full((40, 40, 3), 90)), ("checks", np.repeat(checks[..., None], 3, axis=2))):
        save(tmp_path / name, photo.astype(np.uint8))
    (tmp_path / "broken").write_bytes(b"")
    values = sharpnesses([PhotoFile(f"./{name}", tmp_path / name) for name in ("checks", "broken", "flat")])
    assert values.index.tolist() == ["./checks", "./broken", "./flat"]
    assert values["./checks"] > 100
    assert np.isnan(values["./broken"])
    assert values["./flat"] == 0


def test_no_photos_have_no_sharpness():
    assert not len(sharpnesses([]))


def test_the_sharper_photo_is_the_answer_about_a_pair():
    table = pair_table("1: a>b", "1: b<c", "2: d>e", "3: f>g")
    sharpness = pd.Series({"a": 2.0, "b": 1.0, "c": 3.0, "d": 1.0, "e": 1.0, "f": 0.0, "g": 5.0})
    agreement = sharpness_agreement(table, sharpness, seed=0)
    assert (agreement.measure, agreement.value, agreement.n) == ("accuracy", (1 + 1 + 0.5 + 0) / 4, 4)
    assert agreement.interval[0] < agreement.value < agreement.interval[1]


def test_all_right_is_not_certain():
    table = pair_table(*(f"{at}: a{at}>b{at}" for at in range(20)))
    sharpness = pd.Series({f"{side}{at}": float(side == "a") for side in "ab" for at in range(20)})
    agreement = sharpness_agreement(table, sharpness, seed=0)
    assert (agreement.value, agreement.interval[1]) == (1.0, 1.0)
    assert 0.8 < agreement.interval[0] < 0.9  # about 17 independent pairs: Jeffreys gives 0.866


def test_a_photo_that_has_vanished_costs_its_pairs():
    sharpness = pd.Series({"a": 2.0, "b": 1.0, "c": np.nan})
    assert sharpness_agreement(pair_table("1: a>b", "2: b>c"), sharpness, seed=0).n == 1


def test_with_votes_it_is_a_rank_correlation():
    votes = vote_table(a=1, b=2, c=3, d=4, e=9)
    agreement = sharpness_agreement(votes, pd.Series({"a": 0.1, "b": 0.2, "c": 0.9, "d": 0.4, "e": np.nan}), seed=0)
    assert (agreement.measure, agreement.n) == ("srcc", 4)
    assert agreement.value == pytest.approx(0.8)


def test_what_is_undefined_has_a_reason():
    agreement = sharpness_agreement(vote_table(a=1), pd.Series({"a": 0.1}), seed=0)
    assert agreement.value is None
    (finding,) = sharpness_findings({"val": agreement}, is_phototriage=False)
    assert finding.text == f"val: sharpness alone was not measured: {agreement.reason}"


def test_less_than_chance_is_a_warning_from_a_hundred_pairs_on():
    text = "train: sharpness alone agrees with 45.0 % [41.0, 49.9] of 100 pairs"
    assert texts([0.41, 0.499], 100) == [("warning", f"{text}, less than chance: are better and worse swapped?")]
    assert texts([0.41, 0.5], 100)[0][0] == "note"
    assert texts([0.41, 0.499], 99)[0][0] == "note"


def test_no_better_than_chance_is_a_warning_for_many_pairs_of_phototriage():
    assert texts([0.49, 0.53], 1000, phototriage=True, value=0.51) == [
        (
            "warning",
            "train: sharpness alone agrees with 51.0 % [49.0, 53.0] of 1,000 pairs, no better than chance: "
            "are the labels random?",
        ),
        ("note", USUAL),
    ]
    assert texts([0.49, 0.53], 1000)[0][0] == "note"
    assert texts([0.49, 0.53], 999, phototriage=True)[0][0] == "note"
    assert texts([0.51, 0.6], 1000, phototriage=True)[0][0] == "note"


def test_a_sample_is_drawn_by_the_seed():
    table = pair_table(*(f"{at}: a{at}>b{at}" for at in range(30)))
    sample, same, other = (sampled(table, 10, seed) for seed in (1, 1, 2))
    assert len(sample) == 10
    assert sample.photos == same.photos != other.photos
    assert len(sampled(table, 100, 0)) == 30
    assert not len(sampled(table, 0, 0))
    assert sample.photos[0].path == Path(sample.photos[0].name).absolute()
