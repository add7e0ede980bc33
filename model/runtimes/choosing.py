"""Choice of the runtime: torch on a GPU, OpenVINO on the processor, torch again where OpenVINO cannot.

A version of before graphs has none: it is made by torch once and kept in the user's cache.
"""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import structlog

from model import devices
from model.atomic_folders import write_file
from model.cache_home import cache_file
from model.checkpoint import Version
from model.runtimes.port import ModelRuntime, RuntimeName
from schemas.errors import ConfigurationError

log = structlog.get_logger(__name__)


def runtime_for(
    version: Version, *, device: str = "auto", threads: int | None = None, runtime: RuntimeName = "auto"
) -> ModelRuntime:
    """The network of `version`, resident. `device`: auto, cpu, cuda or cuda:N; `threads` are the processor's.

    Raises `ConfigurationError` for a version that is damaged, a device that is not there, a runtime that is
    not installed, and OpenVINO on a GPU.
    """
    on_gpu = _is_gpu(device)
    if runtime == "torch" or (on_gpu and runtime == "auto"):
        return _torch(version, device=device, threads=threads)
    if on_gpu and device != "auto":
        raise ConfigurationError(f"device {device!r} is run by torch, not by OpenVINO: runtime auto takes it")
    from model.runtimes.openvino_runtime import OpenVinoRuntime  # noqa: PLC0415 - OpenVINO: where a network runs

    try:
        return OpenVinoRuntime(with_graph(version), threads=threads)
    except ConfigurationError as error:
        if runtime == "openvino" or not has_torch():
            raise
        made = _torch(version, device="cpu", threads=threads)
        log.warning("model.openvino_cannot", model=version.manifest.name, error=str(error))
        return made


def with_graph(version: Version) -> Version:
    """`version` with a graph: its own, the one kept on this machine, or one that torch makes now.

    Raises `ConfigurationError` where it must be made and torch is not installed, or it cannot be made.
    """
    if version.graph:
        return version
    kept = _kept(version)
    if kept.exists():
        return replace(version, graph=kept.read_bytes())
    if not has_torch():
        raise ConfigurationError(
            f"{version.manifest.name} {version.manifest.version} has no graph for OpenVINO, and without "
            "torch none can be made: pip install 'tagstream[gpu]' for the first start of it"
        )
    from model.runtimes.openvino_export import exported  # noqa: PLC0415 - torch: where it must be

    made = replace(version, graph=exported(version))
    write_file(kept, made.graph)
    return made


def has_torch() -> bool:
    """Whether torch is installed; it is not imported for that."""
    return importlib.util.find_spec("torch") is not None


def _torch(version: Version, *, device: str, threads: int | None) -> ModelRuntime:
    if not has_torch():
        raise ConfigurationError(
            f"device {device!r} wants torch, which is not installed here: pip install 'tagstream[gpu]'"
        )
    from model.runtimes.torch_runtime import TorchRuntime  # noqa: PLC0415 - seconds, and gigabytes

    return TorchRuntime(version, device=device, threads=threads)


def _is_gpu(device: str) -> bool:
    """Whether torch would run it on a GPU; torch is asked only where there may be one."""
    if device not in {"auto", "cpu"} and not device.startswith("cuda"):
        raise ConfigurationError(f"device {device!r} is not one of auto, cpu, cuda, cuda:N")
    if device.startswith("cuda"):
        return True
    if not devices.may_be_gpu(device):
        return False
    if not has_torch():
        log.warning("model.gpu_unused", hint="pip install 'tagstream[gpu]'")
        return False
    return devices.device(device).type == "cuda"


def _kept(version: Version) -> Path:
    """By all that the graph depends on, the library that makes it too."""
    from model.runtimes.openvino_runtime import OpenVinoRuntime  # noqa: PLC0415 - as above

    of = version.manifest
    return cache_file(
        "graphs",
        of.sha256,
        of.architecture,
        of.input.model_dump_json(),
        len(of.labels),
        OpenVinoRuntime.library,
        suffix=".xml",
    )
