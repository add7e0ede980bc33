"""`tagstream data import`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from schemas.errors import ConfigurationError
from tagstream.commands import options


def import_(  # noqa: PLR0913 - one parameter an option
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="SOURCE...", help="Folders, CSVs (also s3://), JSON, shards, snapshots."),
    ] = None,
    *,
    output: Annotated[Path, typer.Option(metavar="DIR", help="Where the snapshot's folder goes.")],
    name: Annotated[str, typer.Option(help="What the snapshot's folder begins with.")] = "photos",
    negatives: options.NegativeSources = None,
    decisions: Annotated[bool, typer.Option(help="Take what moderators decided, too.")] = False,
    shares: options.Shares = "0.7,0.15,0.15",
    seed: Annotated[int, typer.Option(help="Of the division, where photographs are equals.")] = 0,
    resplit: Annotated[bool, typer.Option(help="Forget the splits that the sources bring.")] = False,
    ignore_sources: Annotated[bool, typer.Option(help="Let one source stand on several sides.")] = False,
    smallest: Annotated[int, typer.Option(min=1, help="Pixels of the shorter side, at least.")] = 64,
    nearness: Annotated[
        str, typer.Option(metavar="PHASH,DHASH", help="Bits of 64 by which near duplicates may differ.")
    ] = "8,12",
    merge_conflicts: Annotated[
        bool, typer.Option(help="A picture that stands under two labels has both; else it is left out.")
    ] = False,
    leave_out: Annotated[
        list[str] | None, typer.Option(metavar="LABEL", help="Forget this label; repeatable.")
    ] = None,
    accept_unreviewed: Annotated[
        bool, typer.Option(help="Of a review batch, take also the rows that nobody looked at.")
    ] = False,
    processes: options.Processes = None,
    as_json: options.Json = False,
) -> None:
    """Check photographs and keep them as a snapshot: shards, labels, splits and a digest that never change.

    A SOURCE is a folder a label, below train/, val/ and test/ or not; ImageSets/*.jpg beside
    Annotations/*.txt, a label a line (?label for a maybe); a CSV with the columns path, label, labels, yes,
    maybe, split, source, or as other programs name them; the JSON of Label Studio, COCO or Hugging Face;
    WebDataset shards; a review batch; or another snapshot.

    Every picture is decoded by what serves. What cannot be read, is too small, stands there twice or under
    two labels is left out, and said. Near duplicates are always on one side of the split, and so is every
    source as far as the labels allow. The same photographs give the same snapshot, whose folder is
    DIR/NAME-DIGEST.

    For example:

    - `tagstream data import photos/ --negatives other/ --output snapshots --name restaurant`

    - `tagstream data import s3://photos/labels.csv batch/review.csv --output snapshots --json`

    - `tagstream data import --decisions --output snapshots --shares 0.8,0.2,0`
    """
    from model.data.near_duplicates import Nearness
    from model.data.plan import SnapshotPlan
    from operations import import_data
    from tagstream.commands.environment import load_settings
    from tagstream.render import data, progress
    from tagstream.render.console import PrintableConsole

    wanted = SnapshotPlan(
        name=_plain(name),
        how=options.division(shares, seed=seed, by_source=not ignore_sources),
        nearness=Nearness(*_whole_numbers(nearness)),
        smallest=smallest,
        resplit=resplit,
        merge_conflicts=merge_conflicts,
        leave_out=tuple(sorted(set(leave_out or ()))),
    )
    request = import_data.ImportRequest(
        tuple(sources or ()),
        output,
        negatives=tuple(negatives or ()),
        decisions=decisions,
        accept_unreviewed=accept_unreviewed,
        processes=processes,
        wanted=wanted,
    )
    config = load_settings()
    with progress.phases(time="both") as tick:
        made = import_data.run(request, config, tick=tick)
    if as_json:
        typer.echo(json.dumps(made.as_json()))
        return
    PrintableConsole().print(data.account(made.about))
    typer.echo(f"{'the same snapshot is there already' if made.existed else 'snapshot'}: {made.folder}")


def _whole_numbers(given: str) -> tuple[int, int]:
    try:
        phash, dhash = (int(each) for each in given.split(","))
    except ValueError as error:
        raise ConfigurationError(f"--nearness: {given!r} is not two whole numbers, as in 8,12") from error
    return phash, dhash


def _plain(name: str) -> str:
    if not name or name.startswith(".") or not all(sign.isalnum() or sign in "-_." for sign in name):
        raise ConfigurationError(f"--name: {name!r} is to be of letters, digits, '-', '_' and '.' alone")
    return name
