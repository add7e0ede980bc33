"""`tagstream erase`: images are erased, and a receipt says so (GDPR Art. 17)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from operations.erasure_targets import ErasureRequest


def erase(  # noqa: PLR0913 - one parameter an option
    images: Annotated[
        list[str] | None,
        typer.Argument(metavar="[IMAGE_ID|s3://BUCKET/KEY]...", help="Images, or --uploader."),
    ] = None,
    *,
    uploader: Annotated[
        str | None, typer.Option(metavar="ID", help="All images of which this uploader's claim stands.")
    ] = None,
    objects: Annotated[
        bool, typer.Option("--objects", help="Delete the objects in storage, with all their versions.")
    ] = False,
    data: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="Take them out of labels here, name snapshots; repeatable."),
    ] = None,
    unseen: Annotated[
        bool, typer.Option("--unseen", help="Also images that the store does not know (yet).")
    ] = False,
    receipt: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the receipt goes: JSON, and FILE.txt.")
    ] = None,
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who runs it; you if absent.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be erased.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object at the end.")] = False,
) -> None:
    """Erase images for ever: from the store, the topics and, where asked for, storage and data folders.

    The image's scores are deleted, what consumers were told is taken back, and a tombstone without
    anything of the image stays, so that no redelivery, replay, redrive or storage notification of
    the old upload brings it back. A photograph that is uploaded later is a new one, and is tagged.
    Works while workers run and while none does.

    Objects stay in storage unless you say --objects: then addresses are printed, for they are known
    nowhere else afterwards. What topics hold, and until when, is said topic by topic.

    Safe to run again: what is erased is said to be. Killed, run it again with the same receipt.
    Exits 1 if an image could not be erased, or is not known.

    For example:

    - `tagstream erase img_2v4k5w7x3m6n2p4q5r7s2t3u4v --dry-run`

    - `tagstream erase --uploader u-4711 --objects --receipt erasure-4711.json`

    - `tagstream erase s3://photos/r1/lunch.jpg --data snapshots --data batch --yes --json`
    """
    from operations import image_ids, object_address
    from operations.erasure_targets import ErasureRequest
    from tagstream.commands.environment import load_settings

    if bool(images) == bool(uploader):
        raise ConfigurationError("say which images: their ids, or --uploader ID; not both, and neither empty")
    config = load_settings()
    ids = {each: image_ids.image_id(each, buckets=config.s3.buckets) for each in images or ()}
    named = {ids[each]: object_address.parse(each) for each in ids if object_address.is_object(each)}
    request = ErasureRequest(
        image_ids=tuple(ids.values()),
        addresses=named,
        uploader_id=uploader,
        unseen=unseen,
        objects=objects,
        data=tuple(data or ()),
        by=by,
    )
    raise typer.Exit(_erase(request, file=receipt, is_dry=dry_run, is_allowed=yes, as_json=as_json))


def _erase(
    request: ErasureRequest, *, file: Path | None, is_dry: bool, is_allowed: bool, as_json: bool
) -> int:
    """Choose, ask, erase, and show what became of the images; the exit code."""
    import asyncio

    from model import atomic_folders
    from operations import erase as erasing
    from operations import erasure_receipt
    from tagstream.commands.environment import load_settings
    from tagstream.render import erase as render
    from tagstream.render import progress

    config = load_settings()
    before = erasure_receipt.earlier(file) if file else None
    targets = asyncio.run(erasing.choose(config, request))
    if is_dry:
        with progress.phases() as tick:
            found = asyncio.run(erasing.rehearse(config, request, targets, tick))
        render.show(found, file=None, is_dry=True, as_json=as_json)
        return 0
    if not targets and before is None:
        render.nothing(as_json=as_json)
        return 0
    if not (is_allowed or render.ask(targets, request, as_json=as_json)):
        render.kept(as_json=as_json)
        return 0
    with progress.phases() as tick:
        done = asyncio.run(erasing.erase(config, request, targets, file=file, tick=tick))
    if file:
        atomic_folders.keep(render.for_people(file), render.readable(done.receipt))
    render.show(done, file=file, is_dry=False, as_json=as_json)
    return 1 if done.refused else 0
