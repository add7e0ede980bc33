"""Training checkpoints: killed at any moment, a training goes on from here to the same weights.

    .NAME-VERSION.partial/       beside the output, gone when the version is written
        checkpoint.json          step, trials, what it was made with, and the files below with their sha256
        state-120.safetensors    weights, their average, the optimizer
        best-3.safetensors       the weights of the best trial
        start-0.safetensors      the weights before fine-tuning
        lock                     held by the process that trains

No pickle. `checkpoint.json` is replaced at once, after the files that it names are on the disk: whatever
happens, it names a whole state. No generator's state is kept, since chance is a function of the step.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from pydantic import JsonValue
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from model.atomic_folders import kept_room, lock, write
from model.training.watch import Validation
from schemas.errors import ConfigurationError

FORMAT: Final = 1
"""Of the folder, and of the training that goes on from it: other code, other weights."""
INDEX: Final = "checkpoint.json"
LOCK: Final = "lock"

Tensors = Mapping[str, Tensor]
TrainingSettings = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class CheckpointPart:
    """Tensors of a checkpoint; of one name and tag they are always the same, and written once."""

    tag: int
    tensors: Tensors = field(repr=False)


@dataclass(frozen=True, slots=True)
class Saved:
    """Where a training stands after `step` steps."""

    step: int
    trials: tuple[Validation, ...]
    parts: Mapping[str, CheckpointPart]


class Checkpoints:
    """The checkpoint of one training, which this process alone may write. A context manager."""

    def __init__(self, folder: Path, *, settings: TrainingSettings, fresh: bool = False) -> None:
        self.folder = folder
        self.settings: TrainingSettings = {}
        with kept_room(folder, what="the checkpoint"):
            self._lock = lock(
                folder / LOCK, busy=f"{folder}: another training writes this version at this moment"
            )
        try:
            if fresh:
                self.forget()
            self.agree(settings)
        except BaseException:
            os.close(self._lock)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._has_index():
            shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)

    def agree(self, more: TrainingSettings) -> None:
        """Add to the settings. Raises `ConfigurationError` where a checkpoint was made with others."""
        self.settings = {**self.settings, **more}
        if self._has_index():
            refuse_other(self._index()["settings"], now=more, folder=self.folder)

    def last(self) -> Saved | None:
        """The last one kept, None where there is none.

        Raises `ConfigurationError` where it is damaged.
        """
        if not self._has_index():
            return None
        index = self._index()
        try:
            return Saved(
                step=int(index["step"]),
                trials=tuple(Validation(**trial) for trial in index["trials"]),
                parts={name: self._part(listed) for name, listed in index["parts"].items()},
            )
        except (KeyError, TypeError, ValueError, OSError, SafetensorError) as error:
            raise self._damaged(error) from error

    def keep(self, saved: Saved) -> None:
        """Write `saved` in the place of the last one, which stays good until this one is whole.

        Raises `ConfigurationError` where there is no room.
        """
        stays = f"; make room and give the same command: it goes on from step {self._step()}"
        with kept_room(self.folder, what=f"the checkpoint of step {saved.step}", then=stays):
            listed = {name: self._written(name, part) for name, part in saved.parts.items()}
            index = {
                "format": FORMAT,
                "step": saved.step,
                "trials": [asdict(trial) for trial in saved.trials],
                "settings": self.settings,
                "parts": listed,
            }
            write(self.folder / INDEX, json.dumps(index, indent=1).encode())
            self._sweep({str(each["file"]) for each in listed.values()})

    def forget(self) -> None:
        """Remove what was kept: the next training starts anew."""
        (self.folder / INDEX).unlink(missing_ok=True)
        self._sweep(set())

    def _has_index(self) -> bool:
        return (self.folder / INDEX).is_file()

    def _index(self) -> dict[str, Any]:
        try:
            index = json.loads((self.folder / INDEX).read_bytes())
            if index["format"] != FORMAT or not isinstance(index["settings"], dict):
                raise ConfigurationError(
                    f"{self.folder}: a checkpoint of another release of Tagstream; start with --fresh"
                )
        except (ValueError, KeyError, TypeError) as error:
            raise self._damaged(error) from error
        found: dict[str, Any] = index
        return found

    def _step(self) -> int:
        return int(self._index()["step"]) if self._has_index() else 0

    def _part(self, listed: Mapping[str, Any]) -> CheckpointPart:
        data = (self.folder / listed["file"]).read_bytes()
        if hashlib.sha256(data).hexdigest() != listed["sha256"]:
            raise ValueError(f"{listed['file']} is not as it was written")
        return CheckpointPart(int(listed["tag"]), load(data))

    def _written(self, name: str, part: CheckpointPart) -> dict[str, JsonValue]:
        """The line of the index on `part`, once it is on the disk."""
        file = f"{name}-{part.tag}.safetensors"
        earlier = self._index()["parts"].get(name) if self._has_index() else None
        if earlier is not None and earlier["tag"] == part.tag:
            return dict(earlier)
        data = save({key: tensor.detach().cpu().contiguous() for key, tensor in part.tensors.items()})
        write(self.folder / file, data)
        return {"file": file, "tag": part.tag, "sha256": hashlib.sha256(data).hexdigest()}

    def _sweep(self, kept: set[str]) -> None:
        """Remove the files of earlier checkpoints, and what a killed process left half-written."""
        for file in self.folder.iterdir():
            if file.name not in {*kept, INDEX, LOCK}:
                file.unlink(missing_ok=True)

    def _damaged(self, error: Exception) -> ConfigurationError:
        return ConfigurationError(f"{self.folder}: a damaged checkpoint ({error}); start with --fresh")


def beside(output: Path) -> Path:
    """Where the checkpoint of a training that writes `output` is."""
    return output.with_name(f".{output.name}.partial")


def refuse_other(found: TrainingSettings, *, now: TrainingSettings, folder: Path) -> None:
    """Raise `ConfigurationError`, saying what differs, where a checkpoint was made with other settings."""
    others = [
        f"{name} was {found.get(name)} and is {value}"
        for name, value in now.items()
        if found.get(name) != json.loads(json.dumps(value))
    ]
    if others:
        raise ConfigurationError(
            f"{folder}: the checkpoint is of another training: {'; '.join(others)}. Give the command "
            "that began it, or start anew with --fresh"
        )
