from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from model import checkpoint, golden
from model.classifier import Classifier, is_out_of_memory
from model.folding import fold
from model.network import build
from model.preprocess import Pixels
from model.testing import write_tiny_version
from schemas.errors import ConfigurationError, DeviceBroken


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_version(tmp_path_factory.mktemp("versions") / "tiny-v1")


@pytest.fixture(scope="module")
def classifier(folder: Path) -> Classifier:
    return Classifier.load(folder, device="cpu")


def pictures(count: int, *, side: int = 64) -> list[Pixels]:
    random = np.random.default_rng(0)
    return [random.integers(0, 60 + 30 * (i % 7), (3, side, side), dtype=np.uint8) for i in range(count)]


def test_every_image_gets_every_label_and_the_model_that_scored_it(classifier: Classifier) -> None:
    for scores in classifier.forward(pictures(3)):
        assert tuple(scores.probabilities) == classifier.labels == classifier.manifest.labels
        assert all(0 <= p <= 1 and round(p, 6) == p for p in scores.probabilities.values())
        assert scores.model == classifier.ref
        assert scores.model.digest == classifier.manifest.sha256


def test_an_empty_batch_gets_no_scores(classifier: Classifier) -> None:
    assert classifier.forward([]) == []


def test_scores_come_in_the_order_of_the_images_whatever_the_batch(classifier: Classifier) -> None:
    images = pictures(13)
    alone = [classifier.forward([image])[0].probabilities for image in images]
    together = [scores.probabilities for scores in classifier.forward(images)]
    assert len({tuple(each.values()) for each in alone}) > 1
    for one, other in zip(alone, together, strict=True):
        assert one == pytest.approx(other, abs=2e-5)


def test_the_same_image_twice_scores_the_same(classifier: Classifier) -> None:
    image = pictures(1)[0]
    assert classifier.forward([image]) == classifier.forward([image])


def test_a_smaller_batch_after_a_larger_one_sees_its_own_images(classifier: Classifier) -> None:
    images = pictures(9)
    alone = classifier.forward([images[8]])
    classifier.forward(images)
    assert classifier.forward([images[8]]) == alone


def test_the_golden_pictures_pass_on_a_good_device(classifier: Classifier) -> None:
    classifier.check_golden()


def test_the_golden_pictures_fail_where_the_scores_have_moved(folder: Path) -> None:
    broken = Classifier.load(folder, device="cpu")
    for parameter in broken._network.parameters():
        parameter.data.mul_(3)
    with pytest.raises(DeviceBroken, match=r"\.png"):
        broken.check_golden()


def test_the_golden_pictures_fail_where_the_device_gives_nan(folder: Path) -> None:
    broken = Classifier.load(folder, device="cpu")
    for parameter in broken._network.parameters():
        parameter.data.fill_(float("nan"))
    with pytest.raises(DeviceBroken, match="NaN"):
        broken.check_golden()


def test_a_network_that_gives_nan_is_an_error_and_not_a_score(folder: Path) -> None:
    broken = Classifier.load(folder, device="cpu")
    for parameter in broken._network.parameters():
        parameter.data.fill_(float("nan"))
    with pytest.raises(FloatingPointError):
        broken.forward(pictures(1))


def test_warming_runs_every_batch_size_that_will_be_used(folder: Path) -> None:
    seen: list[int] = []
    warmed = Classifier.load(folder, device="cpu")
    warmed._network.register_forward_hook(lambda _, args, __: seen.append(len(args[0])))
    warmed.warm(6)
    assert seen == [1, 2, 4, 6]


def test_decoding_gives_what_forward_takes(classifier: Classifier) -> None:
    pixels = classifier.preprocess.decode(golden.draw()["menu.png"])
    assert pixels.shape == (3, 64, 64)
    assert len(classifier.forward([pixels])) == 1


def test_folding_the_batch_norms_changes_no_score() -> None:
    torch.manual_seed(0)
    network = build("mobilenet_v2_same", 4).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        before = network(images)
        assert torch.allclose(fold(network)(images), before, atol=1e-4)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())


def test_only_out_of_memory_is_recognised_as_such() -> None:
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert not is_out_of_memory(RuntimeError("CUDA error: an illegal memory access"))


@pytest.mark.parametrize("device", ["tpu:0?", "cuda:99"])
def test_a_device_that_is_not_there_is_a_wrong_setting(folder: Path, device: str) -> None:
    with pytest.raises(ConfigurationError, match="device"):
        Classifier.load(folder, device=device)


def test_weights_of_another_architecture_are_refused(folder: Path, tmp_path: Path) -> None:
    version = checkpoint.read(folder)
    manifest = version.manifest.model_copy(update={"architecture": "mobilenet_v2_same"})
    other = checkpoint.Version(manifest, version.weights, card="", golden=version.golden)
    checkpoint.write(tmp_path / "other", other)
    with pytest.raises(ConfigurationError, match="mobilenet_v2_same"):
        Classifier.load(tmp_path / "other")


def test_an_architecture_that_is_not_known_is_refused(folder: Path, tmp_path: Path) -> None:
    version = checkpoint.read(folder)
    manifest = version.manifest.model_copy(update={"architecture": "resnet"})
    checkpoint.write(tmp_path / "other", checkpoint.Version(manifest, version.weights, "", version.golden))
    with pytest.raises(ConfigurationError, match="resnet"):
        Classifier.load(tmp_path / "other")


def test_another_seed_makes_another_model(folder: Path, tmp_path: Path) -> None:
    from model.tiny_version import write_tiny_version as seeded  # noqa: PLC0415

    other = Classifier.load(seeded(tmp_path / "tiny-v2", version="v2", seed=1))
    first = json.loads((folder / checkpoint.MANIFEST).read_text())
    assert (other.ref.version, other.ref.digest == first["sha256"]) == ("v2", False)
