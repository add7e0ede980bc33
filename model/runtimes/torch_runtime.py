"""torch as a runtime: CUDA in fp16 by autocast, and the processor in fp32 where OpenVINO cannot.

Channels last, batch norms folded into the convolutions, one pinned staging buffer, copies that do not block,
and on CUDA a graph for each size of a batch.
Images travel as bytes and are normalised on the device. fp16 and not bf16: three bits of mantissa more keep a
probability that is near its threshold on its own side.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from model import devices
from model.checkpoint import Version
from model.loading import load
from model.manifest import Manifest
from model.networks.architectures import build
from model.preprocess import Pixels
from model.runtimes.batchnorm_folding import fold
from model.runtimes.cuda_graphs import Forward, RecordedBySize, recorded
from model.runtimes.port import Logits
from model.runtimes.staging import Shape, Staging
from schemas.errors import ConfigurationError


class TorchRuntime:
    """A version's network on `device`: auto, cpu, cuda or cuda:N. `threads` are of the whole process."""

    library = f"torch {torch.__version__}"

    def __init__(self, version: Version, *, device: str, threads: int | None = None) -> None:
        """Raises `ConfigurationError` for weights of another network or a device that is not there."""
        if threads is not None:
            torch.set_num_threads(threads)
        self._device = devices.device(device)
        folded = fold(unfolded(version)).requires_grad_(requires_grad=False)
        self._network = folded.to(self._device).to(memory_format=torch.channels_last)
        self._scale, self._shift = normalisation(version.manifest, device=self._device)
        self._staging = Staging(version.manifest.input.size, allocate=self._allocated)
        self._run: Forward = RecordedBySize(self._forward, record=recorded) if self._is_gpu else self._forward

    @property
    def device(self) -> str:
        """As torch names it."""
        return str(self._device)

    @property
    def hardware(self) -> str:
        """As its driver names it; the processor's by its instructions."""
        if self._is_gpu:
            return torch.cuda.get_device_name(self._device)
        return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"

    @property
    def precision(self) -> Literal["f32", "f16"]:
        """f16 on a GPU."""
        return "f16" if self._is_gpu else "f32"

    @property
    def threads(self) -> int:
        """Those of the process."""
        return torch.get_num_threads()

    def logits(self, images: Sequence[Pixels]) -> Logits:
        """One row an image; a processor, to which a batch is dearer, has them one by one."""
        if self._is_gpu:
            return self._logits(images)
        return np.concatenate([self._logits([pixels]) for pixels in images])

    @torch.inference_mode()
    def _logits(self, images: Sequence[Pixels]) -> Logits:
        # The buffer may be used again: the logits are read back before the next batch, so its copy is over.
        staged = torch.from_numpy(self._staging.gather(images))
        inputs = staged.to(self._device, non_blocking=True, memory_format=torch.channels_last)
        read: Logits = self._run(inputs).cpu().numpy()
        return read

    def is_out_of_memory(self, error: BaseException) -> bool:
        """Torch has an error of its own for it."""
        return isinstance(error, torch.OutOfMemoryError)

    @property
    def _is_gpu(self) -> bool:
        return self._device.type == "cuda"

    def _forward(self, inputs: Tensor) -> Tensor:
        """Logits in fp32 of staged bytes."""
        with self._autocast():
            logits: Tensor = self._network((inputs * self._scale).add_(self._shift))
        return logits.float()

    def _autocast(self) -> AbstractContextManager[object]:
        # A cache of converted weights would be filled within a recording, and be gone when it is replayed.
        return torch.autocast(self._device.type, torch.float16, enabled=self._is_gpu, cache_enabled=False)

    def _allocated(self, shape: Shape) -> npt.NDArray[np.uint8]:
        buffer: npt.NDArray[np.uint8] = torch.empty(shape, dtype=torch.uint8, pin_memory=self._is_gpu).numpy()
        return buffer


def unfolded(version: Version) -> nn.Module:
    """The network of `version` with its weights, for inference, its batch norms as they are.

    Raises `ConfigurationError` for weights of another network.
    """
    manifest = version.manifest
    made = build(manifest.architecture, len(manifest.labels), manifest.input.size).eval()
    weights = {name: torch.from_numpy(array) for name, array in version.weights.items()}
    source = f"the weights are not of {manifest.architecture}"
    if mismatch := load(made, weights, source=source):
        raise ConfigurationError(f"{source}: {mismatch}")
    return made


def normalisation(manifest: Manifest, *, device: torch.device) -> tuple[Tensor, Tensor]:
    """Scale and shift (1, 3, 1, 1) that make bytes the network's inputs."""
    mean = torch.tensor(manifest.input.mean).view(1, 3, 1, 1)
    std = torch.tensor(manifest.input.std).view(1, 3, 1, 1)
    return (1 / (255 * std)).to(device), (-mean / std).to(device)
