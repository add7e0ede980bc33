"""The registry's commands: `tagstream model list`, `show`, `fetch`, `publish`, `promote` and `rollback`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tagstream.commands import options
from tagstream.commands.environment import load_settings, meet_workers
from tagstream.commands.options import Json, Url
from tagstream.render.progress import waiting

if TYPE_CHECKING:
    from agents.wiring.settings import Settings
    from model.registry.refs import AliasRef


def listing(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One model's versions; all models' if absent.")
    ] = None,
    registry: Url = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List the versions in the registry: when published, how large, how good, and which aliases they have.

    Examples:
      tagstream model list

      tagstream model list restaurant --json | jq -r '.[] | select(.aliases == ["champion"]).version'
    """
    from operations import registry as versions
    from tagstream.render import registry as render

    found = asyncio.run(versions.versions(load_settings(), name, url=registry))
    if as_json:
        typer.echo(json.dumps([render.entry(each) for each in found]))
    else:
        render.show_entries(found, name=name)


def show(
    ref: Annotated[str, typer.Argument(metavar="NAME/VERSION|NAME@ALIAS", help="What to show.")],
    registry: Url = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Show a version's card, and every move of its model's aliases: when, who, why, and what the gate said.

    With --json the manifest too.

    Examples:
      tagstream model show restaurant@champion

      tagstream model show restaurant/v2 --json | jq .manifest.thresholds
    """
    from operations import registry as versions
    from tagstream.render import registry as render

    shown = asyncio.run(versions.look(load_settings(), ref, url=registry))
    if as_json:
        typer.echo(json.dumps(shown.document()))
    else:
        render.show_version(shown)


def fetch(
    ref: Annotated[str, typer.Argument(metavar="NAME/VERSION|NAME@ALIAS", help="What to fetch.")],
    output: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Copy it there; it must not exist yet.")
    ] = None,
    registry: Url = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Fetch a version out of the registry, verify every byte, and print its folder on this machine.

    It is kept in the cache that workers use (TAGSTREAM_REGISTRY__CACHE); do not change it there.

    Examples:
      tagstream model fetch restaurant@champion

      tagstream classify lunch.jpg --model "$(tagstream model fetch restaurant/v2)"

      tagstream model fetch restaurant/v2 --output restaurant-v2
    """
    from operations import registry as versions

    with waiting(f"Fetching {ref}", quiet=as_json):
        fetched = asyncio.run(versions.fetch(load_settings(), ref, output=output, url=registry))
    document = {"ref": str(fetched.ref), "digest": fetched.digest, "folder": str(fetched.folder)}
    typer.echo(json.dumps(document) if as_json else str(fetched.folder))


def publish(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="As `train` writes it.")],
    licence: Annotated[
        str, typer.Option(metavar="NAME", help="Of a version that states none, as in Apache-2.0.")
    ] = "",
    registry: Url = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Put a version into the registry, under the name and version that its manifest states.

    It is verified first: digests, weights as safetensors, its golden images' scores on this machine. It is
    there at once or not at all; broken off, publish it again. A version never changes: the same bytes again
    are fine, others are refused. Published is not promoted: see `tagstream model promote`. With --licence the
    version in the registry states it, in its manifest and on its card; the folder stays as it is.

    Examples:
      tagstream model publish runs/restaurant-v2 --registry s3://models/tagstream

      tagstream model publish runs/restaurant-v2 --registry /srv/models --licence Apache-2.0 --json
    """
    from operations import publish as publishing

    with waiting(f"Publishing {folder}", quiet=as_json):
        result = asyncio.run(publishing.publish(load_settings(), folder, url=registry, licence=licence))
    published, where = result.published, result.registry
    if as_json:
        document = {"ref": str(published.ref), "digest": published.digest, "registry": where}
        typer.echo(json.dumps({**document, "is_new": published.is_new, "left_out": list(result.left_out)}))
        return
    for file in result.left_out:
        typer.echo(f"left out {file}: no part of a version", err=True)
    typer.echo(f"{published.ref} {'is published' if published.is_new else 'was there already'} at {where}")
    typer.echo(f"promote it with: tagstream model promote {published.ref}")


def promote(  # noqa: PLR0913, PLR0917 - one parameter an option
    version: Annotated[str, typer.Argument(metavar="NAME/VERSION", help="A published version.")],
    alias: Annotated[
        str, typer.Option(help="What shall point at it: champion, challenger, ...")
    ] = "champion",
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DATA",
            help="Judge it and the champion by these photographs, here; by recorded figures if absent.",
        ),
    ] = None,
    negatives: Annotated[Path | None, typer.Option(help="With --data, as for `train`.")] = None,
    split: Annotated[options.SplitName, typer.Option(help="What to go by.")] = "test",
    least_recall: options.LeastRecall = None,
    least_precision: options.LeastPrecision = None,
    least_top: options.LeastTop = None,
    most_none_tagged: options.MostNoneTagged = None,
    force: Annotated[bool, typer.Option("--force", help="Move it though the gate refuses.")] = False,  # noqa: FBT002
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Kept in the alias' history.")] = "",
    registry: Url = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Point an alias at a version, if it is not worse than the champion.

    It is held against the champion, whichever alias moves: by the recall, precision and calibration of each
    tag, by all tags found of several, by what it tags of nothing, by main tag, source, brightness and size,
    by its golden images and by the time an image takes on this machine. The first champion has nobody beside
    it: its figures are shown, and it must reach floors that stand by the options. Exits 1 if it is refused,
    and the last line names what refused it. docs/registry.md says what is allowed, and what to do then.

    Examples:
      tagstream model promote restaurant/v2 --data photos.csv --negatives others.csv

      tagstream model promote restaurant/v1 --least-recall 0.95 --least-precision 0.7 --most-none-tagged 0.06

      tagstream model promote restaurant/v3 --force --reason "a label more; agreed with moderation"
    """
    from model.registry.floors import Floors
    from model.registry.promotion import PromotionRequest
    from operations import model_control
    from operations import promote as promoting
    from operations.current_user import current_user
    from tagstream.render import gate
    from tagstream.render.progress import phases

    ref = promoting.published_version(version)
    meet_workers()
    config = load_settings()
    floors = Floors(least_recall, least_precision, least_top, most_none_tagged)
    judged = promoting.criteria(config, data, negatives=negatives, split=split, floors=floors)
    request = PromotionRequest(ref, current_user(), alias, reason, force, criteria=judged)
    with phases() as tick:
        result = asyncio.run(promoting.promote(config, request, url=registry, tick=tick))
    moved = result.alias if result.is_new else None
    why = asyncio.run(model_control.tell(config, request.ref, moved)) if moved else None
    if moved:
        _end_rollout(config, request.ref, moved.version)
    if as_json:
        typer.echo(json.dumps(gate.document(result, ref=request.ref, are_told=bool(moved) and why is None)))
    else:
        gate.show(result, ref=request.ref, outlook=model_control.outlook(why, config))
    if result.alias is None:
        raise typer.Exit(1)


def status(
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Show which version each worker scores by, and which worker does not take what its alias points at.

    Workers say so in the store, every 15 seconds and at each change. Exits 1 where one refuses a version.

    Examples:
      tagstream model status

      tagstream model status --json | jq .served
    """
    from operations import model_status
    from tagstream.render import model_status as render

    meet_workers()
    found = asyncio.run(model_status.read(load_settings()))
    render.show(found, as_json=as_json)
    if found.complaints:
        raise typer.Exit(1)


def rollback(
    alias: Annotated[
        str, typer.Argument(metavar="NAME[@ALIAS]", help="Whose alias; the champion where none is named.")
    ],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Kept in the alias' history.")] = "",
    registry: Url = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Point an alias at the version that it pointed at before; again, and it goes further back.

    No gate: that version was the champion once. Workers that follow the alias take it within seconds.

    Examples:
      tagstream model rollback restaurant --reason "menus by candlelight are missed"

      tagstream model rollback restaurant@challenger
    """
    from operations import model_control, promote

    meet_workers()
    ref, config = promote.alias_of(alias), load_settings()
    moved = asyncio.run(promote.rollback(config, ref, reason=reason, url=registry))
    why = asyncio.run(model_control.tell(config, ref, moved))
    _end_rollout(config, ref, moved.version)
    if as_json:
        document = moved.last.model_dump(mode="json", by_alias=True)
        typer.echo(
            json.dumps(
                {"alias": str(ref), "version": moved.version, "move": document}
                | {"workers_told": why is None}
            )
        )
        return
    typer.echo(f"{ref} is {moved.version} again, and was {moved.last.came_from}")
    typer.echo(model_control.outlook(why, config))


def _end_rollout(config: Settings, ref: AliasRef, version: str) -> None:
    """What stood beside the version that the alias has left stands beside nothing."""
    from operations import rollouts
    from schemas.errors import TagstreamError

    try:
        ended = asyncio.run(rollouts.end_for(config, ref, version=version))
    except TagstreamError as error:
        typer.echo(f"whether a rollout has to end could not be seen: {error}", err=True)
    else:
        if ended is not None:
            typer.echo(f"{ended.id} has ended: {ended.why}", err=True)
