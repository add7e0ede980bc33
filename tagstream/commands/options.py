"""Arguments and options that several commands have, and what is made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from model.data.division import SplitOptions
    from model.evaluation.threshold_targets import Target
    from model.training.recipe import Recipe

Image = Annotated[
    str, typer.Argument(metavar="IMAGE_ID|s3://BUCKET/KEY|PATH", help="An uploaded file by its name.")
]
Version = Annotated[
    str, typer.Argument(metavar="VERSION", help="A version's folder, NAME@ALIAS, or `packaged`.")
]
Data = Annotated[Path, typer.Argument(metavar="DATA", help="Snapshot, folder or CSV, as for `train`.")]
Negatives = Annotated[Path | None, typer.Option(help="As for `train`.")]
NegativeSources = Annotated[
    list[str] | None, typer.Option(metavar="SOURCE", help="Pictures of none of the labels; repeatable.")
]
Shares = Annotated[str, typer.Option(metavar="TRAIN,VAL,TEST", help="For what no source has divided.")]
Processes = Annotated[
    int | None, typer.Option(min=1, help="Photographs decoded at once; one a core if absent.")
]
Url = Annotated[
    str | None,
    typer.Option(
        "--registry",
        metavar="URL",
        help="s3://BUCKET/PREFIX, or a folder; TAGSTREAM_REGISTRY__URL if absent.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one document instead of tables.")]
SplitName = Literal["train", "val", "test"]
Output = Annotated[Path, typer.Option(help="The new version's folder, NAME-VERSION; versions never change.")]
Recalls = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[LABEL=]SHARE",
        help="Of true tags found, for all labels (0.98) or one (menu=0.97); may be repeated.",
    ),
]
Precisions = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[LABEL=]SHARE", help="Of tags that are true, for all labels (0.9) or one (menu=0.95)."
    ),
]
HighestF1s = Annotated[
    list[str] | None,
    typer.Option(
        "--f1", metavar="LABEL", help="The threshold of the highest F1, as in --f1 food; may be repeated."
    ),
]
FixedThresholds = Annotated[
    list[str] | None,
    typer.Option(
        "--threshold",
        metavar="[LABEL=]P",
        help="This threshold, whatever it reaches, for all labels (0.4) or one (menu=0.4); may be repeated.",
    ),
]
Weights = Annotated[
    str, typer.Option(help="Of the backbone: hub (public ones), a file, or none (from nothing).")
]
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
Licence = Annotated[
    str, typer.Option(metavar="NAME", help="Of the version, as in Apache-2.0; none is stated if absent.")
]
LeastRecall = Annotated[
    float | None,
    typer.Option(
        min=0, max=1, help="Of every tag, as in 0.95. [default: 0.8 for the first champion, else none]"
    ),
]
LeastPrecision = Annotated[
    float | None, typer.Option(min=0, max=1, help="Of every tag, as in 0.9. [default: as for recall]")
]
LeastTop = Annotated[
    float | None,
    typer.Option(
        min=0, max=1, help="Of main tags right, as in 0.98. [default: 0.9 for the first champion, else none]"
    ),
]
MostNoneTagged = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        help="Of pictures of none of the labels that get a tag, as in 0.06. "
        "[default: 0.2 for the first champion, else none]",
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Of the CPU; 1 where other work shares it.")]
CpuThreads = Annotated[int | None, typer.Option(min=1, help="Of the CPU.")]


def resolve(version: str) -> Path:
    """The folder of the version that is named, fetched if need be. Raises `ConfigurationError`."""
    import asyncio

    from operations import version_folders

    if folder := version_folders.local_folder(version):
        return folder
    from operations import registry
    from tagstream.commands.environment import load_settings

    return asyncio.run(registry.fetch(load_settings(), version)).folder


def weights(given: str) -> Literal["hub"] | Path | None:
    """Of --weights: public ones, a file or folder, none."""
    if given == "none":
        return None
    return "hub" if given == "hub" else Path(given)


def recipe(
    given: Recipe, *, weights: str, rate: float | None = None, layer_decay: float | None = None
) -> Recipe:
    """`given` as --weights wants it: from nothing or not; what --rate and --layer-decay say outranks that."""
    meant = given.from_nothing() if weights == "none" else given
    if rate is not None:
        meant = replace(meant, body_rate=rate)
    return meant if layer_decay is None else replace(meant, layer_decay=layer_decay)


def division(shares: str, *, seed: int, by_source: bool = True) -> SplitOptions:
    """Of --shares. Raises `ConfigurationError`."""
    from model.data.division import SplitOptions, SplitShares

    try:
        train, val, test = (float(each) for each in shares.split(","))
    except ValueError as error:
        raise ConfigurationError(f"--shares: {shares!r} is not three numbers, as in 0.7,0.15,0.15") from error
    return SplitOptions(SplitShares(train, val, test), seed=seed, by_source=by_source)


def targets(
    recalls: Sequence[str],
    precisions: Sequence[str],
    fixed: Sequence[str] = (),
    f1: Sequence[str] = (),
    *,
    labels: Sequence[str],
) -> Mapping[str, Target]:
    """A target for each label that was named, or for all; a named one outranks that for all.

    Raises `ConfigurationError` for what is no number, a label twice, or nothing at all.
    """
    from model.evaluation.threshold_targets import Fixed, HighestF1, Precision, Recall

    pairs = [
        *(_said(each, Recall) for each in recalls),
        *(_said(each, Precision) for each in precisions),
        *(_said(each, Fixed) for each in fixed),
        *((label, HighestF1()) for label in f1),
    ]
    if not pairs:
        raise ConfigurationError(
            "say what to choose thresholds for: --recall 0.98, --precision menu=0.95, or --f1 food; or set "
            "one: --threshold menu=0.4"
        )
    names = [label for label, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigurationError(
            f"two targets for {twice or 'all labels'}; a threshold can be chosen for one"
        )
    wanted = dict(pairs)
    whole = wanted.pop("", None)
    return {**(dict.fromkeys(labels, whole) if whole else {}), **wanted}


def _said(text: str, kind: Callable[[float], Target]) -> tuple[str, Target]:
    """The label, empty for all of them, and the target."""
    label, _, number = text.rpartition("=")
    try:
        return label, kind(float(number))
    except ValueError as error:
        raise ConfigurationError(f"{text!r}: a share is wanted, as in 0.98 or menu=0.98") from error
