"""The options of every command that trains."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Task = Annotated[
    Literal["multi_label", "single_label", "binary"],
    typer.Option(help="A sigmoid a label; softmax over the labels; one label or not."),
]
Positive = Annotated[str, typer.Option(help="The label that a binary task asks for.")]
Epochs = Annotated[int, typer.Option(min=1)]
MaxSteps = Annotated[int | None, typer.Option(min=1, help="End after so many, with a version.")]
BatchSize = Annotated[int, typer.Option(min=1)]
Size = Annotated[
    int | None, typer.Option(min=32, max=1024, help="Side of the input; the backbone's own if absent.")
]
Augment = Annotated[
    Literal["photographs", "none", "light", "standard", "strong"],
    typer.Option(help="How strongly pictures are changed; `docs/training.md`."),
]
FreezeEpochs = Annotated[int, typer.Option(min=0, help="The head learns alone in the first so many.")]
Notes = Annotated[Path | None, typer.Option(help="Markdown for the model card.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Of the CPU; 1 where other work shares it.")]
