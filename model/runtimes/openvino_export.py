"""OpenVINO export: a version's network, traced by torch, as the graph that stands beside its weights.

The network takes bytes (N, 3, S, S), which the graph normalises, and gives logits. Batch norms stay as they
are: OpenVINO folds them when it compiles, and the constants stay the version's own tensors. The front end is
used by itself: `openvino.convert_model` would change constants, and reports its use to its makers.
"""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import openvino
import torch
from openvino import opset13 as operations
from openvino.frontend import FrontEndManager
from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder
from openvino.passes import ConstantFolding, Manager
from openvino.preprocess import PrePostProcessor

from model.checkpoint import Version, Weights
from model.manifest import Input
from model.runtimes import openvino_graph
from model.runtimes.torch_runtime import unfolded
from schemas.errors import ConfigurationError

LAYOUT: Final = "NCHW"
NAME: Final = "tagstream"

_NOTES: Final = re.compile(rb"\s*<rt_info>.*?</rt_info>", re.DOTALL)
"""What OpenVINO notes of a layer's origin, with names that count what a process has made before."""


def exported(version: Version) -> bytes:
    """The graph of `version`. Raises `ConfigurationError` for a network that OpenVINO cannot express."""
    size = version.manifest.input.size
    try:
        graph = _converted(unfolded(version), example=torch.zeros(1, 3, size, size))
        graph.reshape([-1, 3, size, size])
        graph = _taking_bytes(graph, version.manifest.input)
        _fold_constants(graph)
    except RuntimeError as error:
        said = str(error).strip().splitlines()[-1]
        raise ConfigurationError(
            f"{version.manifest.architecture} cannot be a graph for OpenVINO: {said}"
        ) from error
    _keep_halves(graph, version.weights)
    _name_by_place(graph)
    xml, constants = _serialized(graph)
    return openvino_graph.linked(xml, constants, weights=version.weights, manifest=version.manifest)


def _converted(network: torch.nn.Module, *, example: torch.Tensor) -> Any:  # noqa: ANN401 - openvino has no types
    with torch.no_grad(), warnings.catch_warnings():
        # That it is deprecated for torch.export, which takes ten times as long, and that sizes are fixed.
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(network, (example,), check_trace=False)  # type: ignore[no-untyped-call]
        decoder = TorchScriptPythonDecoder(traced, example_input=(example,))
        front_end = FrontEndManager().load_by_framework("pytorch")
        return front_end.convert(front_end.load(decoder))


def _taking_bytes(graph: Any, wanted: Input) -> Any:  # noqa: ANN401
    steps = PrePostProcessor(graph)
    pixels = steps.input()
    pixels.tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout(LAYOUT))
    pixels.model().set_layout(openvino.Layout(LAYOUT))
    mean, std = ([255 * channel for channel in each] for each in (wanted.mean, wanted.std))
    pixels.preprocess().convert_element_type(openvino.Type.f32).mean(mean).scale(std)
    return steps.build()


def _fold_constants(graph: Any) -> None:  # noqa: ANN401
    """What follows from the input's size is computed now: paddings, above all."""
    passes = Manager()
    passes.register_pass(ConstantFolding())
    passes.run_passes(graph)


def _keep_halves(graph: Any, weights: Weights) -> None:  # noqa: ANN401
    """Tensors that are stored in fp16 are constants of fp16, widened in the graph."""
    halves = _halves(weights)
    for constant in graph.get_ordered_ops():
        if constant.get_type_name() != "Constant" or constant.get_element_type() != openvino.Type.f32:
            continue
        half = halves.get(constant.get_data().tobytes())
        if half is not None:
            stored = operations.constant(half.reshape(constant.get_output_shape(0)))
            widened = operations.convert(stored, "f32")
            for user in constant.output(0).get_target_inputs():
                user.replace_source_output(widened.output(0))


def _halves(weights: Weights) -> Mapping[bytes, npt.NDArray[Any]]:
    """The tensors of fp16 by their bytes once widened."""
    return {each.astype(np.float32).tobytes(): each for each in weights.values() if each.dtype == np.float16}


def _name_by_place(graph: Any) -> None:  # noqa: ANN401
    """Names count what a process has made before; the same version shall have the same graph."""
    graph.set_friendly_name(NAME)
    for place, layer in enumerate(graph.get_ordered_ops()):
        layer.set_friendly_name(f"{layer.get_type_name()}_{place}")


def _serialized(graph: Any) -> tuple[bytes, bytes]:  # noqa: ANN401
    with tempfile.TemporaryDirectory(prefix="tagstream-graph-") as folder:
        xml, constants = Path(folder) / "graph.xml", Path(folder) / "graph.bin"
        openvino.serialize(graph, str(xml), str(constants))
        return _NOTES.sub(b"", xml.read_bytes()), constants.read_bytes()
