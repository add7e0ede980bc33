"""OpenVINO as a runtime: the processor in fp32, without torch.

fp32 is asked for: left to itself, OpenVINO multiplies in bf16 where a processor can, and that moves tags. The
graph is compiled for one image: that is as cheap as any batch, holds the least memory, and an image's logits
are the same whatever comes beside it. Each thread runs images of its own: threads that share one wait for
each other at each layer, and spin where a decoder has the core of one of them. They are not pinned to cores:
workers that share a machine would all pin theirs to the same ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, Literal

import numpy as np
import openvino

from model.checkpoint import Version
from model.preprocess import Pixels
from model.runtimes import openvino_graph
from model.runtimes.port import Logits
from schemas import processors
from schemas.errors import ConfigurationError

OPTIONS: Final = {
    "INFERENCE_PRECISION_HINT": "f32",
    "ENABLE_CPU_PINNING": "NO",
}
"""Of the CPU plugin."""

MOST_STREAMS: Final = 8
"""Each holds the layers between of an image. A machine of more cores is filled by more workers."""

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
        self.threads = threads or min(processors.usable(), MOST_STREAMS)
        compiled = _compiled(core, version, streams=self.threads)
        self.hardware: str = core.get_property("CPU", "FULL_DEVICE_NAME")
        self._streams = [_Stream(compiled.create_infer_request()) for _ in range(self.threads)]

    def logits(self, images: Sequence[Pixels]) -> Logits:
        """One row an image."""
        waiting, running = deque(self._streams), deque[_Stream]()
        rows: list[Logits] = []
        try:
            for pixels in images:
                if not waiting:
                    waiting.append(running.popleft())
                    rows.append(waiting[-1].finished())
                running.append(waiting.popleft())
                running[-1].begin(pixels)
            rows += [running.popleft().finished() for _ in range(len(running))]
        finally:
            # Where one failed the others still read their pixels.
            for stream in running:
                stream.settle()
        return np.concatenate(rows)

    def is_out_of_memory(self, error: BaseException) -> bool:
        """It has no error of its own for it: the allocator's words."""
        said = str(error)
        return isinstance(error, MemoryError) or (
            isinstance(error, RuntimeError) and any(each in said for each in _FULL)
        )


class _Stream:
    """One thread of OpenVINO's."""

    def __init__(self, request: Any) -> None:  # noqa: ANN401 - openvino has no types
        self._request = request
        self._input = np.empty(0, np.uint8)

    def begin(self, pixels: Pixels) -> None:
        """And return; the pixels are read, where they are, until it is finished or settled."""
        self._input = np.ascontiguousarray(pixels)[np.newaxis]
        self._request.start_async({0: self._input}, share_inputs=True)

    def finished(self) -> Logits:
        """The logits of what was begun. Blocks."""
        self._request.wait()
        logits: Logits = self._request.get_output_tensor(0).data.copy()
        return logits

    def settle(self) -> None:
        """Until it works on nothing, whatever becomes of it."""
        with suppress(RuntimeError):
            self._request.wait()


def _compiled(core: Any, version: Version, *, streams: int) -> Any:  # noqa: ANN401 - it has no types
    constants = openvino_graph.constants_of(version.graph, weights=version.weights)
    chosen = OPTIONS | {"NUM_STREAMS": str(streams), "INFERENCE_NUM_THREADS": str(streams)}
    try:
        graph = core.read_model(version.graph, constants)
        side = version.manifest.input.size
        graph.reshape([1, 3, side, side])
        return core.compile_model(graph, "CPU", chosen)
    except RuntimeError as error:
        raise ConfigurationError(f"OpenVINO cannot run the graph: {_line(error)}") from error


def _line(error: RuntimeError) -> str:
    """The last of its lines; those before it are places in its source."""
    return ([line.strip() for line in str(error).splitlines() if line.strip()] or ["no reason given"])[-1]
