"""Versions and photographs for the tests of the registry: a network that sees colours, set by hand."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from model import checkpoint
from model.checkpoint import Version
from model.manifest import Input, Manifest
from model.networks.architectures import build
from model.registry import contents
from model.registry.contents import Contents
from model.serving import self_check
from model.serving.finishing import finished

LABELS = ("blue", "green", "red")
SIDE = 32
SHARP = 20.0
COLOURS = {"red": (230, 20, 20), "green": (20, 230, 20), "blue": (20, 20, 230)}
PLANE = {"red": 0, "green": 1, "blue": 2}


def head(labels: Sequence[str] = LABELS) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights (labels, 16) and biases (labels,) of a last layer that says a colour's own label."""
    weight = torch.zeros(len(labels), 16)
    for place, label in enumerate(labels):
        weight[place, PLANE.get(label, 3)] = SHARP
    return weight, torch.full((len(labels),), -0.3 * SHARP)


def version(
    number: str = "v1",
    *,
    last: tuple[torch.Tensor, torch.Tensor] | None = None,
    labels: Sequence[str] = LABELS,
    thresholds: Mapping[str, float] | None = None,
    metrics: Mapping[str, object] | None = None,
) -> Version:
    """A version of the model `colours`; with `last`, one that learned something else."""
    weight, bias = last or head(labels)
    manifest = Manifest.model_validate(
        {
            "name": "colours",
            "version": number,
            "labels": labels,
            "architecture": "tiny",
            "input": Input(size=SIDE),
            "thresholds": thresholds or dict.fromkeys(labels, 0.5),
            "metrics": metrics or {},
        }
    )
    pictures = {"menu.png": self_check.draw()["menu.png"], "plate.png": self_check.draw()["plate.png"]}
    state = {**_eyes(), "classifier.1.weight": weight, "classifier.1.bias": bias}
    weights = {name: tensor.numpy() for name, tensor in state.items() if tensor.is_floating_point()}
    return finished(
        Version(manifest, weights, card=f"# colours {number}\n\nFor tests.\n", golden=pictures),
        borderline=False,
    )


def written(folder: Path, made: Version) -> Path:
    """`made` as a folder."""
    checkpoint.write(folder, made)
    return folder


def in_memory(folder: Path, made: Version) -> Contents:
    """`made` as it is published; `folder` is used on the way."""
    try:
        return contents.of_folder(written(folder, made))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def edited(made: Version, **changes: object) -> Version:
    """`made` with another manifest, as somebody writes it who has an editor and nothing else."""
    return replace(made, manifest=made.manifest.model_copy(update=changes))


def photographs(folder: Path, *, of_each: int = 24) -> Path:
    """A CSV of drawn pictures, all of the split test: colours, some with two, and some of none."""
    folder.mkdir(parents=True)
    rows = list(_rows(folder, of_each))
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label", "labels", "split", "source"))
        writer.writerows(rows)
    return folder / "labels.csv"


def negatives(folder: Path, *, count: int = 12) -> Path:
    """A CSV of grey pictures."""
    folder.mkdir(parents=True)
    with (folder / "others.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label", "split"))
        for number in range(count):
            _draw(folder / f"grey{number}.png", (60 + number, 60 + number, 60 + number))
            writer.writerow((f"grey{number}.png", "", "test"))
    return folder / "others.csv"


def taught(csv_file: Path, *, shuffled: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """A last layer fitted to what the CSV says, by least squares; `shuffled` deals its labels anew."""
    with csv_file.open() as file:
        rows = list(csv.DictReader(file))
    planes = torch.stack([_planes(csv_file.parent / row["path"]) for row in rows])
    targets = torch.tensor([[float(label in row["labels"].split(";")) for label in LABELS] for row in rows])
    if shuffled:
        targets = targets[torch.randperm(len(rows), generator=torch.Generator().manual_seed(3))]
    inputs = torch.cat([planes, torch.ones(len(rows), 1)], dim=1)
    solution = torch.linalg.lstsq(inputs, (targets - 0.5) * SHARP).solution
    return solution[:-1].T.contiguous(), solution[-1].contiguous()


def _eyes() -> dict[str, torch.Tensor]:
    """Two convolutions that hand each colour on as it is; light alone, since what is dark is cut off."""
    state = build("tiny", len(LABELS)).state_dict()
    made = {name: torch.zeros_like(tensor) for name, tensor in state.items()}
    for plane in range(3):
        made["features.0.weight"][plane, plane, 1, 1] = 1
        made["features.3.weight"][plane, plane, 1, 1] = 1
    made["features.1.weight"].fill_(1)
    made["features.1.running_var"].fill_(1)
    return made


def _planes(path: Path) -> torch.Tensor:
    """(16,): what the network hands to its last layer."""
    with Image.open(path) as picture:
        values = torch.from_numpy(np.asarray(picture.convert("RGB"), dtype=np.float32) / 127.5 - 1)
    found = torch.zeros(16)
    found[:3] = values.clamp(min=0).mean((0, 1))
    return found


def _rows(folder: Path, of_each: int) -> Iterator[tuple[str, ...]]:
    for label, colour in COLOURS.items():
        for number in range(of_each):
            name = f"{label}{number}.png"
            _draw(folder / name, (*(max(0, value - number) for value in colour),))
            yield name, label, label, "test", f"house {number % 2}"
    for number in range(of_each // 2):
        name = f"mixed{number}.png"
        _draw(folder / name, COLOURS["red"], beside=(20, 230 - number, 20))
        yield name, "red", "red;green", "test", f"house {number % 2}"


def _draw(path: Path, colour: tuple[int, ...], *, beside: tuple[int, ...] | None = None) -> None:
    picture = Image.new("RGB", (SIDE, SIDE), colour)
    if beside:
        picture.paste(beside, (SIDE // 2, 0, SIDE, SIDE))
    picture.save(path)
