"""Ensembles: several models as one, from a file."""

import json
import pickle
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from fixtures.photos import noisy_gradient
from iqbench.config import CONF_DIR
from iqbench.errors import CheckpointError, MissingResource, UsageError
from iqbench.inference.batching import Batcher
from iqbench.inference.engine_config import EngineConfig
from iqbench.inference.failures import Failure
from iqbench.inference.placement import is_thread_safe
from iqbench.inference.shared_worker import preparation_key
from iqbench.interfaces import CostlyPairs, Photo, QualityModel, Scorer, is_scorer
from iqbench.models.adapters.network import NetworkScorer
from iqbench.models.combining import Router, Stacking
from iqbench.models.ensemble import Ensemble, NetworkEnsemble, ensemble_model
from iqbench.models.ensemble_file import DATA_ONLY, EnsembleFile, EnsembleMember, read_ensemble, write_ensemble
from iqbench.models.rules import Rules
from iqbench.models.siamese import Siamese
from iqbench.preprocessing import Preprocessing
from iqbench.provenance import fingerprint
from iqbench.training_provenance import TrainingPhotos, training_step

SHARPNESS = {"_target_": "iqbench.models.rules.Rules", "weights": {"sharpness": 1.0}, "clipped": False}
EXPOSURE = {"_target_": "iqbench.models.rules.Rules", "weights": {"exposure": 1.0}, "clipped": False}
SIAMESE = {
    "_target_": "iqbench.models.siamese.Siamese",
    **{"backbone": "tiny", "weights": "none", "frozen": False, "unfreeze_every": None, "batch_statistics": "auto"},
    **{"preprocessing": "squash", "size": 32, "head_width": 8, "dropout": 0.0, "losses": {"pairs": "bradley_terry"}},
    "optimizer": {"name": "SGD", "lr": 0.1, "backbone_lr": 0.01, "layer_decay": 1.0},
    "schedule": {"name": "constant", "warmup": 0.0, "floor": 0.0, "factor": 0.3, "patience": 2},
    "checkpoint": "untrained",
}
SEED = 3


def built(settings: dict[str, Any]) -> QualityModel:
    torch.manual_seed(SEED)
    kind = {"Rules": Rules, "Siamese": Siamese}[settings["_target_"].rpartition(".")[2]]
    model: Any = kind(**{key: value for key, value in settings.items() if key != "_target_"})
    return model


def content_of(**members: dict[str, Any]) -> EnsembleFile:
    count = len(members)
    return EnsembleFile(
        iqbench="0",
        members=[
            EnsembleMember(name=name, fingerprint=fingerprint(built(node), node), seed=SEED, settings=node)
            for name, node in members.items()
        ],
        stacking=Stacking(weights=[1.0 + 2 * at for at in range(count)]),
        router=Router(
            scales=[1.0] * count,
            slopes=[2.0] * count,
            intercepts=[0.0] * count,
            coefficients=[[float(at == k) for k in range(count + count * (count - 1) // 2)] for at in range(count)],
        ),
        fitted_on=training_step("a fit", "pairs", [("f" * 64, "0" * 32)]),
    )


def saved(folder: Path, **members: dict[str, Any]) -> Path:
    write_ensemble(folder / "ensemble.json", content_of(**members))
    return folder / "ensemble.json"


def photos(count: int = 5) -> list[Photo]:
    return [noisy_gradient(60 + 9 * at, 110 - 11 * at, seed=at) // (1 + at) for at in range(count)]


@torch.inference_mode()
def encodings(model: QualityModel, pictures: Sequence[Photo]) -> Tensor:
    return model.encode(torch.stack([model.prepare(picture) for picture in pictures]))


@torch.inference_mode()
def margins(model: QualityModel, pictures: Sequence[Photo]) -> Tensor:
    encoded = encodings(model, pictures)
    return model.margin(encoded, encoded.roll(1, dims=0))


MEMBERS = {
    "scorers": {"sharpness": SHARPNESS, "exposure": EXPOSURE},
    "scorer and comparer": {"sharpness": SHARPNESS, "siamese": SIAMESE},
    "three": {"siamese": SIAMESE, "sharpness": SHARPNESS, "exposure": EXPOSURE},
}


@pytest.fixture(params=[(which, variant) for which in MEMBERS for variant in ("stacking", "router")], ids=str)
def ensemble(request: pytest.FixtureRequest, tmp_path: Path) -> Ensemble:
    which, variant = request.param
    model = ensemble_model(str(saved(tmp_path, **MEMBERS[which])), variant, trust_code=False)
    return model.eval() if isinstance(model, nn.Module) else model


class TestContract:
    """What `test_contract.py` asks of every model that needs no file."""

    def test_swapping_a_pair_flips_the_margin_and_a_photo_ties_with_itself(self, ensemble: Ensemble) -> None:
        encoded = encodings(ensemble, photos())
        other = encoded.roll(1, dims=0)
        with torch.inference_mode():
            assert torch.equal(ensemble.margin(encoded, other), -ensemble.margin(other, encoded))
            assert ensemble.margin(encoded, encoded.clone()).tolist() == [0.0] * 5
            assert ensemble.margin(encoded, other).abs().min() > 0

    def test_a_picture_does_not_see_the_rest_of_its_batch(self, ensemble: Ensemble) -> None:
        together = encodings(ensemble, photos())
        alone = torch.cat([encodings(ensemble, [photo]) for photo in photos()])
        torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)

    def test_the_photo_is_left_alone(self, ensemble: Ensemble, photo: Photo) -> None:
        before = photo.copy()
        ensemble.prepare(photo).zero_()
        assert np.array_equal(photo, before)

    def test_it_is_a_quality_model_that_survives_a_pickle(self, ensemble: Ensemble) -> None:
        assert isinstance(ensemble, QualityModel)
        copy = pickle.loads(pickle.dumps(ensemble))
        assert torch.equal(margins(copy, photos()), margins(ensemble, photos()))


@pytest.mark.parametrize("which", MEMBERS)
def test_stacking_is_the_weighted_sum_of_the_members_own_margins(which: str, tmp_path: Path) -> None:
    model = ensemble_model(str(saved(tmp_path, **MEMBERS[which])), "stacking", trust_code=False)
    members = [built(node) for node in MEMBERS[which].values()]
    members = [each.eval() if isinstance(each, nn.Module) else each for each in members]
    by_hand = sum((1.0 + 2 * at) * margins(member, photos()).double() for at, member in enumerate(members))
    result = margins(model.eval() if isinstance(model, nn.Module) else model, photos())
    torch.testing.assert_close(result.double(), by_hand, rtol=1e-5, atol=1e-6)


def test_the_router_gives_the_margin_of_the_member_that_it_names(tmp_path: Path) -> None:
    model = ensemble_model(str(saved(tmp_path, **MEMBERS["scorers"])), "router", trust_code=False)
    encoded = encodings(model, photos())
    names = model.listened_to(encoded, encoded.roll(1, dims=0))
    by_member = {name: margins(built(node), photos()) for name, node in MEMBERS["scorers"].items()}
    expected = [2.0 * by_member[str(name)][at].item() for at, name in enumerate(names)]  # the slope is 2
    assert margins(model, photos()).tolist() == pytest.approx(expected)
    larger = by_member["sharpness"].abs() > by_member["exposure"].abs()
    assert names == ["sharpness" if first else "exposure" for first in larger.tolist()]


def test_a_stacking_of_scorers_is_a_scorer_and_nothing_else_is(tmp_path: Path) -> None:
    file = str(saved(tmp_path, **MEMBERS["scorers"]))
    scorer = ensemble_model(file, "stacking", trust_code=False)
    assert is_scorer(scorer)
    assert encodings(scorer, photos()).shape == (5, 1)
    assert scorer.listened_to(encodings(scorer, photos()), encodings(scorer, photos())) == [None] * 5
    assert not is_scorer(ensemble_model(file, "router", trust_code=False))
    mixed = str(saved(tmp_path, **MEMBERS["three"]))
    assert not is_scorer(ensemble_model(mixed, "stacking", trust_code=False))


def test_only_an_ensemble_with_a_network_is_one_and_it_may_be_encoded_in_threads(tmp_path: Path) -> None:
    plain = ensemble_model(str(saved(tmp_path, **MEMBERS["scorers"])), "stacking", trust_code=False)
    assert not isinstance(plain, nn.Module)
    network = ensemble_model(str(saved(tmp_path, **MEMBERS["three"])), "stacking", trust_code=False)
    assert isinstance(network, NetworkEnsemble)
    assert is_thread_safe(network)
    assert len(list(network.parameters())) == len(list(Siamese.parameters(network.networks[0])))


# --- members of other people ---


class Mean(Scorer):
    def prepare(self, photo: Photo) -> Tensor:
        mean = float(photo.mean())
        photo[:] = 0  # its own copy
        return torch.tensor([mean])

    def encode(self, inputs: Tensor) -> Tensor:
        inputs *= 2  # its own batch
        return inputs / 2


class Biased:
    """Prefers the brighter photo, and the first one."""

    def prepare(self, photo: Photo) -> Tensor:
        return torch.tensor([float(photo.mean()), 1.0], dtype=torch.float64)

    def encode(self, inputs: Tensor) -> Tensor:
        assert inputs.dtype == torch.float64
        return inputs

    def margin(self, first: Tensor, second: Tensor) -> Tensor:
        assert first.dtype == torch.float64
        return first[:, 0] - second[:, 0] + 1000


class Remembering(Mean):
    asked = 0

    def asking_again(self) -> AbstractContextManager[None]:
        self.asked += 1
        return nullcontext()


class Counting(Preprocessing):
    calls: ClassVar[list[int]] = []

    def __call__(self, photo: Photo) -> Tensor:
        self.calls.append(1)
        return super().__call__(photo)


class Views(nn.Module):
    """A network scorer that shares its preparation, whose batch size is recorded."""

    preparation = Counting("squash", 8)

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight, self.batches = nn.Parameter(torch.tensor(weight)), list[int]()
        self.is_scorer = True

    def prepare(self, photo: Photo) -> Tensor:
        return self.preparation(photo)

    def encode(self, inputs: Tensor) -> Tensor:
        self.batches.append(len(inputs))
        return self.weight * inputs.float().flatten(1).mean(dim=1, keepdim=True)

    def margin(self, first: Tensor, second: Tensor) -> Tensor:
        return (first - second).squeeze(1)


def joined(*members: Any, variant: str = "stacking") -> Ensemble:
    rule = Stacking(weights=[1.0] * len(members))
    kind = NetworkEnsemble if any(isinstance(member, nn.Module) for member in members) else Ensemble
    names = [f"m{at}" for at in range(len(members))]
    return kind(members, names, names, variant, rule, {})  # type: ignore[arg-type]


def test_a_member_that_prefers_the_first_photo_has_no_effect_by_that() -> None:
    fair, biased = joined(Mean(), Mean()), joined(Mean(), Biased())
    torch.testing.assert_close(margins(biased, photos()).double(), margins(fair, photos()).double())


def test_members_that_change_their_photo_or_batch_leave_the_others_alone() -> None:
    alone = margins(Mean(), [photo.copy() for photo in photos()])
    torch.testing.assert_close(margins(joined(Mean(), Mean(), Mean()), photos()).float(), 3 * alone)


def test_members_that_prepare_alike_share_one_input_which_is_prepared_once(photo: Photo) -> None:
    Counting.calls.clear()
    shared, double = joined(Views(1.0), Views(2.0)), joined(Views(1.0), Views(2.0), Mean())
    packed = shared.prepare(photo)
    assert len(Counting.calls) == 1
    assert packed.numel() < 2 * 3 * 8 * 8
    assert preparation_key(shared) == preparation_key(joined(Views(3.0)))
    assert preparation_key(shared) != preparation_key(double)


def test_the_largest_input_is_shown(photo: Photo) -> None:
    model = joined(Mean(), Views(1.0), Biased())
    assert torch.equal(model.shown_input(model.prepare(photo)), Views.preparation(photo))


def test_photos_of_many_sizes_are_encoded_each_in_its_shape_and_batches_have_one_size() -> None:
    network = Views(1.0)
    model = joined(NetworkScorer(_MeanNetwork()), network)
    engine = EngineConfig.for_api("cpu", batch_size=4, workers=0)
    pictures = [*photos(3), photos(1)[0].transpose(1, 0, 2).copy()]  # the last has as many bytes as the first
    found: dict[int, Tensor | Failure] = {}
    with Batcher[int](model, engine) as batcher:
        for at, picture in enumerate(pictures):
            found |= {tag: answer for tag, _, answer in batcher.put(at, model.prepare(picture).unsqueeze(0))}
        found |= {tag: answer for tag, _, answer in batcher.flush()}
    expected = [float(picture.mean()) / 255 + float(Views.preparation(picture).float().mean()) for picture in pictures]
    assert torch.stack([found[at] for at in range(4)]).flatten().tolist() == pytest.approx(expected, rel=1e-4)
    assert sum(network.batches) % 4 == 0


class _MeanNetwork(nn.Module):
    def forward(self, batch: Tensor) -> Tensor:
        return batch.flatten(1).mean(dim=1)


def test_costly_pairs_and_remembered_answers_are_those_of_the_members() -> None:
    costly = Biased()
    costly.costly_pairs = True  # type: ignore[attr-defined]
    assert isinstance(joined(Mean(), costly), CostlyPairs)
    assert not isinstance(joined(Mean(), Biased()), CostlyPairs)
    remembering = Remembering()
    with joined(Mean(), remembering).asking_again():
        assert remembering.asked == 1


def test_a_member_without_an_answer_leaves_the_pair_without_one() -> None:
    class Silent(Mean):
        def encode(self, inputs: Tensor) -> Tensor:
            return inputs * float("nan")

    assert encodings(joined(Mean(), Silent()), photos()).isnan().all()


# --- files ---


def test_the_training_photos_are_those_of_the_members_and_of_the_fit(tmp_path: Path) -> None:
    member = built(SIAMESE)
    assert isinstance(member, Siamese)
    member.trained_on = training_step("a training", "pairs", [("a" * 64, None)])
    from iqbench.models.ensemble import combined

    model = combined(content_of(siamese=SIAMESE, sharpness=SHARPNESS), "stacking", [member, built(SHARPNESS)])
    seen = TrainingPhotos.of(model)
    assert seen.include("a" * 64)
    assert seen.include("f" * 64)
    assert not seen.include("b" * 64)
    assert seen.resemble("1" + "0" * 31)
    assert model.trained_on["what"] == "a training, then a fit"


def test_a_file_is_another_model_with_other_weights_but_not_in_another_place(tmp_path: Path) -> None:
    def print_of(file: Path, **more: Any) -> str:
        settings = {"_target_": "iqbench.models.ensemble.ensemble_model", "file": str(file), "variant": "stacking"}
        settings |= {"trust_code": False, **more}
        return fingerprint(ensemble_model(str(file), settings["variant"], False), settings)

    file = saved(tmp_path, **MEMBERS["three"])
    moved = tmp_path / "moved.json"
    moved.write_bytes(file.read_bytes())
    assert print_of(moved) == print_of(file) == print_of(file, trust_code=True)
    assert print_of(file, variant="router") != print_of(file)
    write_ensemble(moved, read_ensemble(file).model_copy(update={"stacking": Stacking(weights=[1.0, 1.0, 1.0])}))
    assert print_of(moved) != print_of(file)


def test_a_member_that_has_changed_since_the_fit_is_refused(tmp_path: Path) -> None:
    file = saved(tmp_path, **MEMBERS["scorers"])
    content = json.loads(file.read_text())
    content["members"][1]["settings"]["weights"] = {"exposure": 2.0}
    file.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=r"ensemble\.json, member exposure: is another model now"):
        ensemble_model(str(file), "stacking", trust_code=False)


def test_a_member_that_cannot_be_built_is_named(tmp_path: Path) -> None:
    file = saved(tmp_path, **MEMBERS["scorers"])
    content = json.loads(file.read_text())
    content["members"][0]["settings"] = {"_target_": "iqbench.models.adapters.onnx.OnnxScorer", "file": "gone.onnx"}
    file.write_text(json.dumps(content))
    with pytest.raises(UsageError, match=r"ensemble\.json, member sharpness: model"):
        ensemble_model(str(file), "stacking", trust_code=False)


def test_a_missing_file_tells_how_to_fit_one(tmp_path: Path) -> None:
    with pytest.raises(MissingResource, match=r"no such file; fit one with: python -m iqbench\.stack"):
        ensemble_model(str(tmp_path / "none.json"), "stacking", trust_code=False)


def test_the_packaged_ensemble_is_made_of_the_packaged_models() -> None:
    """It is refused if their weights or settings have changed since its fit: then fit it again (see the model card)."""
    model = ensemble_model(None, "stacking", trust_code=False)
    assert model.names == ("siamese", "ava", "iqa")
    assert model.is_scorer
    whole = noisy_gradient(120, 160)
    assert margins(model, [whole, cv2.GaussianBlur(whole, (0, 0), 3)])[0] > 0
    router = ensemble_model(None, "router", trust_code=False)
    encoded = encodings(router, photos())
    assert set(router.listened_to(encoded, encoded.roll(1, dims=0))) <= set(model.names)


def test_an_unknown_variant_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"model\.variant=mean: must be stacking or router"):
        ensemble_model(str(saved(tmp_path, **MEMBERS["scorers"])), "mean", trust_code=False)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": 2}, "version"),
        ({"members": []}, "0 members and other numbers of weights"),
        ({"stacking": {"weights": [1.0, -1.0]}}, "stacking.weights.1: Input should be greater than or equal to 0"),
        ({"stacking": {"weights": [1.0]}}, "2 members and other numbers of weights"),
        ({"fitted_on": {}}, "fitted_on.photos: must be a list of hashes"),
        ({"fitted_on": {"photos": [], "looks": ["xy"]}}, "non-hexadecimal"),
        ({"extra": 1}, "extra"),
    ],
)
def test_a_file_of_other_content_is_refused_in_one_line(change: dict[str, Any], reason: str, tmp_path: Path) -> None:
    file = saved(tmp_path, **MEMBERS["scorers"])
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(CheckpointError, match=r"no ensemble that iqbench\.stack has written") as refused:
        ensemble_model(str(file), "stacking", trust_code=False)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"[]", b"\x80\x04N.", b"[" * 100_000, b'{"version": NaN}'])
def test_what_is_no_json_object_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "broken.json"
    file.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"no ensemble that iqbench\.stack has written"):
        ensemble_model(str(file), "stacking", trust_code=False)


def test_no_code_that_a_file_names_runs_unless_it_is_trusted(tmp_path: Path) -> None:
    file = saved(tmp_path, **MEMBERS["scorers"])
    content = json.loads(file.read_text())
    touched = tmp_path / "touched"
    for settings in (
        {"_target_": "pathlib.Path.touch", "self": {"_target_": "pathlib.Path", "_args_": [str(touched)]}},
        {"_target_": "iqbench.models.ensemble.ensemble_model", "file": str(file), "trust_code": True},
        {"_target_": "iqbench.models.rules.Rules", "weights": {"_target_": "os.mkdir", "path": str(touched)}},
        {"_target_": "iqbench.models.rules.Rules", "weights": [{"_target_": "os.mkdir", "path": str(touched)}]},
    ):
        content["members"][0]["settings"] = settings
        file.write_text(json.dumps(content))
        with pytest.raises(UsageError, match=r"the settings of sharpness name code to run"):
            ensemble_model(str(file), "stacking", trust_code=False)
        assert not touched.exists()


CODE = {"function", "network", "torchscript", "vlm", "ensemble"}


def test_every_model_is_known_to_be_data_or_code() -> None:
    targets = {path.stem: OmegaConf.load(path)["_target_"] for path in (CONF_DIR / "model").glob("*.yaml")}
    assert {name for name, target in targets.items() if target not in DATA_ONLY} == CODE
    assert set(targets.values()) >= DATA_ONLY
