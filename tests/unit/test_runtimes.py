"""The runtimes say the same, a graph stores no tensor twice, and who has no graph gets one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model import checkpoint
from model.checkpoint import PACKAGED, Version
from model.runtimes import openvino_graph
from model.runtimes.choosing import runtime_for, with_graph
from model.runtimes.openvino_export import exported
from model.runtimes.openvino_runtime import OpenVinoRuntime
from model.runtimes.torch_runtime import TorchRuntime
from model.testing import write_tiny_version
from schemas.errors import ConfigurationError


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Version:
    return checkpoint.read(write_tiny_version(tmp_path_factory.mktemp("versions") / "tiny-v1"))


def pictures(count: int, *, side: int) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    random = np.random.default_rng(0)
    return [random.integers(0, 60 + 30 * (i % 7), (3, side, side), dtype=np.uint8) for i in range(count)]


def test_openvino_and_torch_give_the_same_logits_of_the_packaged_model() -> None:
    version = checkpoint.read(PACKAGED)
    images = pictures(3, side=version.manifest.input.size)
    ours, other = OpenVinoRuntime(version), TorchRuntime(version, device="cpu")
    np.testing.assert_allclose(ours.logits(images), other.logits(images), atol=1e-4)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_an_image_has_the_same_logits_whatever_comes_beside_it(tiny: Version, threads: int) -> None:
    runtime = OpenVinoRuntime(tiny, threads=threads)
    images = pictures(7, side=64)
    alone = [runtime.logits([image])[0] for image in images]
    np.testing.assert_array_equal(runtime.logits(images), alone)


def test_pixels_that_lie_apart_in_memory_are_read_as_any(tiny: Version) -> None:
    runtime = OpenVinoRuntime(tiny)
    (image,) = pictures(1, side=64)
    by_rows = np.ascontiguousarray(image.transpose(1, 2, 0)).transpose(2, 0, 1)
    np.testing.assert_array_equal(runtime.logits([by_rows]), runtime.logits([image]))


def test_a_batch_that_fails_leaves_the_streams_to_the_next_one(tiny: Version) -> None:
    runtime = OpenVinoRuntime(tiny, threads=2)
    images = pictures(5, side=64)
    whole = runtime.logits(images)
    with pytest.raises(RuntimeError, match="shape"):
        runtime.logits([*images, np.zeros((3, 8, 8), np.uint8)])
    np.testing.assert_array_equal(runtime.logits(images), whole)


def test_the_packaged_graph_is_the_one_that_its_weights_give() -> None:
    version = checkpoint.read(PACKAGED)
    assert version.graph == exported(version)


def test_a_graph_stores_no_tensor_of_the_weights(tiny: Version) -> None:
    constants = openvino_graph.constants_of(tiny.graph, weights=tiny.weights)
    stored = sum(array.nbytes for array in tiny.weights.values())
    assert 0 < len(constants) - stored < 64 * (len(tiny.weights) + 2)
    assert all(array.tobytes() in constants for array in tiny.weights.values())


def test_the_graph_runs_the_weights_that_stand_beside_it(tiny: Version) -> None:
    images = pictures(2, side=64)
    other = replace(tiny, weights={name: 2 * array for name, array in tiny.weights.items()})
    np.testing.assert_allclose(
        OpenVinoRuntime(other).logits(images), TorchRuntime(other, device="cpu").logits(images), atol=1e-4
    )
    assert not np.allclose(OpenVinoRuntime(other).logits(images), OpenVinoRuntime(tiny).logits(images))


def test_a_graph_of_another_network_is_refused(tiny: Version) -> None:
    larger = tiny.manifest.input.model_copy(update={"size": 96})
    other = replace(tiny, manifest=tiny.manifest.model_copy(update={"input": larger}))
    with pytest.raises(ConfigurationError, match=r"OpenVINO has the input .*64.* the manifest .*96"):
        OpenVinoRuntime(other)


def test_a_graph_that_is_none_of_ours_is_refused(tiny: Version) -> None:
    with pytest.raises(ConfigurationError, match="none that Tagstream has made"):
        runtime_for(replace(tiny, graph=b"<net></net>"), device="cpu", runtime="openvino")


def test_a_damaged_graph_is_refused_by_name(tiny: Version, tmp_path: Path) -> None:
    checkpoint.write(tmp_path / "tiny-v2", tiny)
    (tmp_path / "tiny-v2" / checkpoint.GRAPH).write_bytes(
        tiny.graph.replace(b"Convolution", b"Deconvolution")
    )
    with pytest.raises(ConfigurationError, match=r"openvino\.xml: damaged or replaced"):
        checkpoint.read(tmp_path / "tiny-v2")


def test_torch_serves_on_the_processor_what_openvino_cannot(tiny: Version) -> None:
    broken = replace(tiny, graph=tiny.graph.replace(b'type="Convolution"', b'type="Nonsense"'))
    with pytest.raises(ConfigurationError, match="OpenVINO cannot run the graph"):
        runtime_for(broken, device="cpu", runtime="openvino")
    assert runtime_for(broken, device="cpu").library.startswith("torch ")


def test_a_version_of_before_graphs_gets_one_that_is_kept(
    tiny: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    older = replace(tiny, graph=b"")
    assert with_graph(older).graph == tiny.graph
    (kept,) = (tmp_path / "tagstream" / "graphs").iterdir()
    kept.write_bytes(tiny.graph + b"<!-- kept -->")
    assert with_graph(older).graph == tiny.graph + b"<!-- kept -->"


def test_a_forward_takes_as_many_threads_as_it_is_given(tiny: Version) -> None:
    assert runtime_for(tiny, device="cpu", threads=1).threads == 1


def test_openvino_is_not_asked_to_run_on_a_gpu(tiny: Version) -> None:
    with pytest.raises(ConfigurationError, match="is run by torch, not by OpenVINO"):
        runtime_for(tiny, device="cuda", runtime="openvino")
