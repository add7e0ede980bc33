"""OpenVINO as a runtime: the processor in fp32, without torch.

fp32 is asked for: left to itself, OpenVINO multiplies in bf16 where a processor can, and that moves tags. Its
threads are not pinned to cores: workers that share a machine would all pin theirs to the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import numpy as np
import openvino

from model.checkpoint import Version
from model.preprocess import Pixels
from model.runtimes import openvino_graph
from model.runtimes.port import Logits
from model.runtimes.staging import Staging
from schemas.errors import ConfigurationError

OPTIONS: Final = {
    "INFERENCE_PRECISION_HINT": "f32",
    "PERFORMANCE_HINT": "LATENCY",
    "NUM_STREAMS": "1",
    "ENABLE_CPU_PINNING": "NO",
}
"""Of the CPU plugin."""

_FULL: Final = ("bad_alloc", "bad allocation", "out of memory", "Can't allocate", "Can not allocate")


class OpenVinoRuntime:
    """The network of a version whose `graph` is there. `threads`: of a forward; all cores where absent."""

    library = f"openvino {openvino.__version__.partition('-')[0]}"
    device = "cpu"
    precision: Literal["f32", "f16"] = "f32"

    def __init__(self, version: Version, *, threads: int | None = None) -> None:
        """Raises `ConfigurationError` where OpenVINO cannot read or compile the graph."""
        openvino_graph.refuse_foreign(version.graph, manifest=version.manifest)
        core = openvino.Core()
        compiled = _compiled(core, version, threads=threads)
        self.hardware: str = core.get_property("CPU", "FULL_DEVICE_NAME")
        self.threads: int = compiled.get_property("INFERENCE_NUM_THREADS")
        self._request = compiled.create_infer_request()
        self._staging = Staging(version.manifest.input.size, allocate=lambda shape: np.empty(shape, np.uint8))

    def logits(self, images: Sequence[Pixels]) -> Logits:
        """One row an image."""
        answer = self._request.infer({0: self._staging.gather(images)}, share_inputs=True)
        logits: Logits = answer[0].copy()
        return logits

    def is_out_of_memory(self, error: BaseException) -> bool:
        """It has no error of its own for it: the allocator's words."""
        said = str(error)
        return isinstance(error, MemoryError) or (
            isinstance(error, RuntimeError) and any(each in said for each in _FULL)
        )


def _compiled(core: Any, version: Version, *, threads: int | None) -> Any:  # noqa: ANN401 - it has no types
    constants = openvino_graph.constants_of(version.graph, weights=version.weights)
    chosen = OPTIONS | ({} if threads is None else {"INFERENCE_NUM_THREADS": str(threads)})
    try:
        graph = core.read_model(version.graph, constants)
        return core.compile_model(graph, "CPU", chosen)
    except RuntimeError as error:
        raise ConfigurationError(f"OpenVINO cannot run the graph: {_line(error)}") from error


def _line(error: RuntimeError) -> str:
    """The last of its lines; those before it are places in its source."""
    return ([line.strip() for line in str(error).splitlines() if line.strip()] or ["no reason given"])[-1]
