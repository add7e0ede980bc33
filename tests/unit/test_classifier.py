from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from model import checkpoint
from model.manifest import Task
from model.preprocess import Pixels
from model.runtimes.port import Logits, RuntimeName
from model.serving import self_check
from model.serving.classifier import Classifier
from model.serving.finishing import finished
from model.testing import write_tiny_version
from model.tiny_version import LABELS
from schemas.errors import ConfigurationError, DeviceBroken

RUNTIMES: tuple[RuntimeName, ...] = ("openvino", "torch")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_version(tmp_path_factory.mktemp("versions") / "tiny-v1")


@pytest.fixture(scope="module")
def classifier(folder: Path) -> Classifier:
    return Classifier.load(folder, device="cpu")


def of_nan(folder: Path, runtime: RuntimeName) -> Classifier:
    """The version, its weights not numbers."""
    version = checkpoint.read(folder)
    weights = {name: np.full_like(array, np.nan) for name, array in version.weights.items()}
    return Classifier.of(replace(version, weights=weights), device="cpu", runtime=runtime)


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


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_golden_pictures_fail_where_the_scores_have_moved(folder: Path, runtime: RuntimeName) -> None:
    version = checkpoint.read(folder)
    moved = {name: array * 3 for name, array in version.weights.items()}
    broken = Classifier.of(replace(version, weights=moved), device="cpu", runtime=runtime)
    with pytest.raises(DeviceBroken, match=r"\.png"):
        broken.check_golden()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_golden_pictures_fail_where_the_device_gives_nan(folder: Path, runtime: RuntimeName) -> None:
    broken = of_nan(folder, runtime)
    with pytest.raises(DeviceBroken, match="NaN"):
        broken.check_golden()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_network_that_gives_nan_is_an_error_and_not_a_score(folder: Path, runtime: RuntimeName) -> None:
    broken = of_nan(folder, runtime)
    with pytest.raises(FloatingPointError):
        broken.forward(pictures(1))


class Recorded:
    """A runtime on a device of that name that keeps the sizes of its batches."""

    library = "none"
    hardware = "none"
    precision: Literal["f32", "f16"] = "f32"
    threads = 2

    def __init__(self, device: str) -> None:
        self.device = device
        self.sizes: list[int] = []

    def logits(self, images: Sequence[Pixels]) -> Logits:
        self.sizes.append(len(images))
        return np.zeros((len(images), len(LABELS)), np.float32)

    def is_out_of_memory(self, error: BaseException) -> bool:
        return isinstance(error, MemoryError)


def test_warming_runs_every_batch_size_that_a_gpu_will_be_given(folder: Path) -> None:
    gpu = Recorded("cuda:0")
    classifier = Classifier(checkpoint.read(folder), gpu)
    classifier.warm(6)
    assert gpu.sizes == [1, 2, 4, 6]
    assert classifier.best_batch(64) == 64


def test_a_processor_gets_batches_of_four_images_a_thread_at_most(folder: Path) -> None:
    processor = Recorded("cpu")
    classifier = Classifier(checkpoint.read(folder), processor)
    assert classifier.best_batch(32) == 8
    assert classifier.best_batch(3) == 3
    classifier.warm(32)
    assert processor.sizes == [8]


def test_decoding_gives_what_forward_takes(classifier: Classifier) -> None:
    pixels = classifier.preprocess.decode(self_check.draw()["menu.png"])
    assert pixels.shape == (3, 64, 64)
    assert len(classifier.forward([pixels])) == 1


def test_only_out_of_memory_is_recognised_as_such(folder: Path) -> None:
    openvino, other = (Classifier.load(folder, device="cpu", runtime=each).runtime for each in RUNTIMES)
    assert other.is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert not other.is_out_of_memory(RuntimeError("CUDA error: an illegal memory access"))
    assert openvino.is_out_of_memory(MemoryError())
    assert openvino.is_out_of_memory(RuntimeError("Exception from src/core: std::bad_alloc"))
    assert not openvino.is_out_of_memory(RuntimeError("Check 'shape' failed"))


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


def of_task(task: Task, folder: Path, labels: tuple[str, ...], **fields: object) -> Classifier:
    """The tiny version's network, its head cut to `labels`, serving `task`."""
    version = checkpoint.read(folder)
    weights = {
        name: array[: len(labels)] if name.startswith("classifier.") else array
        for name, array in version.weights.items()
    }
    update = {"task": task, "labels": labels, "thresholds": dict.fromkeys(labels, 0.5), "routes": ()}
    manifest = version.manifest.model_copy(update=update | {"golden": ()} | fields)
    return Classifier.of(finished(replace(version, manifest=manifest, weights=weights)), device="cpu")


def probabilities(classifier: Classifier) -> torch.Tensor:
    rows = [list(scores.probabilities.values()) for scores in classifier.forward(pictures(3))]
    return torch.tensor(rows)


def test_labels_that_exclude_each_other_share_one_probability(folder: Path, classifier: Classifier) -> None:
    exclusive = of_task("single_label", folder, classifier.labels)
    assert probabilities(exclusive).sum(1).allclose(torch.ones(3), atol=1e-5)
    odds = probabilities(classifier).logit()
    assert probabilities(exclusive).allclose(odds.softmax(1), atol=1e-4)


def test_the_temperature_is_of_the_logits_whatever_the_task(folder: Path, classifier: Classifier) -> None:
    sharp, flat = (of_task("single_label", folder, classifier.labels, temperature=t) for t in (0.1, 1e4))
    assert (probabilities(sharp).max(1).values > probabilities(flat).max(1).values).all()
    assert probabilities(flat).allclose(torch.tensor(0.25), atol=1e-3)


def test_a_binary_model_gives_the_probability_of_its_one_label(folder: Path, classifier: Classifier) -> None:
    binary = of_task("binary", folder, classifier.labels[:1])
    assert probabilities(binary).shape == (3, 1)
    assert probabilities(binary).allclose(probabilities(classifier)[:, :1], atol=1e-5)


@pytest.mark.parametrize("task", ["multi_label", "single_label", "binary"])
def test_golden_pictures_are_scored_as_the_task_wants(task: Task, folder: Path) -> None:
    labels = LABELS[:1] if task == "binary" else LABELS
    classifier = of_task(task, folder, labels)
    classifier.check_golden()
    sums = [sum(golden.scores.values()) for golden in classifier.manifest.golden]
    assert all(total == pytest.approx(1, abs=1e-5) for total in sums) == (task == "single_label")


def test_a_network_is_built_for_the_size_of_its_inputs(folder: Path, tmp_path: Path) -> None:
    version = checkpoint.read(folder)
    manifest = version.manifest.model_copy(update={"architecture": "inception_v3"})
    checkpoint.write(tmp_path / "other", replace(version, manifest=manifest))
    with pytest.raises(ConfigurationError, match="75 x 75"):
        Classifier.load(tmp_path / "other")
