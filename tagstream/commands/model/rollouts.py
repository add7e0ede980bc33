"""`tagstream model shadow`, `canary`, `rollout`, `rollouts` and `end-rollout`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.rollouts import RolloutGuards, RolloutMode
from tagstream.commands.environment import load_settings, meet_system, meet_workers
from tagstream.commands.options import Json

if TYPE_CHECKING:
    from operations.rollouts import RolloutRequest

_GUARDS = RolloutGuards()

New = Annotated[str, typer.Argument(metavar="NAME/VERSION", help="A published version.")]
Errors = Annotated[
    float, typer.Option("--most-errors", min=0, max=1, metavar="SHARE", help="Images that it may fail on.")
]
Flips = Annotated[
    float,
    typer.Option("--most-flips", min=0, max=1, metavar="SHARE", help="Images on which a tag may be another."),
]
Slower = Annotated[
    float,
    typer.Option("--most-slower", min=1.01, metavar="TIMES", help="p95 of its time over the serving one's."),
]
Disagreement = Annotated[
    float,
    typer.Option(
        "--most-disagreement",
        min=0,
        max=1,
        metavar="SHARE",
        help="Of the corrected images that differ: those that people have as the serving version has them.",
    ),
]
Minimum = Annotated[
    int, typer.Option("--minimum", min=1, metavar="N", help="Images before flips and time say anything.")
]
Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for those who look later.")]
Which = Annotated[
    str | None, typer.Argument(metavar="[ROLLOUT]", help="The one that runs, or the newest, if absent.")
]


def shadow(  # noqa: PLR0913, PLR0917 - one parameter an option
    version: New,
    percent: Annotated[
        float, typer.Option(min=0.001, max=100, metavar="PERCENT", help="Of the uploads.")
    ] = 100,
    most_errors: Errors = _GUARDS.errors,
    most_flips: Flips = _GUARDS.flips,
    most_disagreement: Disagreement = _GUARDS.disagreement,
    minimum: Minimum = _GUARDS.minimum,
    reason: Why = "",
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Have a version score live uploads beside the one that serves, and tell nobody what it says.

    Each upload is tagged as always first; then the new version scores the same decoded pixels behind the
    live traffic. Its scores join the image's history and go to the topic photos.compared.v1. Where a guard
    trips the shadow ends by itself, and says why. The same command again changes the percent and the guards.

    Examples:
      tagstream model shadow restaurant/v2

      tagstream model shadow restaurant/v2 --percent 20 --most-flips 0.1 --reason "menus by candlelight"
    """
    guards = RolloutGuards(
        errors=most_errors, flips=most_flips, disagreement=most_disagreement, minimum=minimum
    )
    _start(_request(version, RolloutMode.SHADOW, percent, guards, reason), as_json=as_json)


def canary(  # noqa: PLR0913, PLR0917 - one parameter an option
    version: New,
    percent: Annotated[
        float,
        typer.Option(min=0.001, max=100, metavar="PERCENT", help="Of the uploads, by their ids."),
    ] = 5,
    most_errors: Errors = _GUARDS.errors,
    most_flips: Flips = _GUARDS.flips,
    most_slower: Slower = _GUARDS.slower,
    most_disagreement: Disagreement = _GUARDS.disagreement,
    minimum: Minimum = _GUARDS.minimum,
    reason: Why = "",
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Have a version tag a share of the live uploads, which the serving one scores beside it.

    The share is by a hash of the image's id: an image is always in it or never, and stays in a larger one.
    Where the version fails on an upload the serving one tags it. Where a guard trips the canary is rolled
    back by itself within seconds on every worker, and says why. The same command again changes the percent
    and the guards.

    Examples:
      tagstream model canary restaurant/v2 --percent 5

      tagstream model canary restaurant/v2 --percent 25 --most-slower 1.5
    """
    guards = RolloutGuards(
        errors=most_errors,
        flips=most_flips,
        slower=most_slower,
        disagreement=most_disagreement,
        minimum=minimum,
    )
    _start(_request(version, RolloutMode.CANARY, percent, guards, reason), as_json=as_json)


def rollout(
    rollout: Which = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also a page with the images that moved the most.")
    ] = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Show how a shadow or a canary stands: what the two versions differ on, and how near each guard is.

    Examples:
      tagstream model rollout

      tagstream model rollout canary-v2-20261128T221000Z --html rollout.html

      tagstream model rollout --json | jq '.labels[] | {label, flip_rate}'
    """
    from operations import rescore_pictures, rollout_report, rollouts
    from tagstream.render import rollout_standing as render

    meet_system()
    config = load_settings()
    report = rollout_report.of(asyncio.run(rollouts.look(config, rollout)))
    if html is not None:
        movers = report.rollout.counts.diff.movers
        render.write(report, asyncio.run(rescore_pictures.pictures(config, movers)), to=html)
        typer.echo(f"written to {html}", err=True)
    render.show(report, as_json=as_json)


def listing(
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List shadows and canaries, those that have ended too.

    Examples:
      tagstream model rollouts

      tagstream model rollouts --json | jq -r '.[] | select(.state == "rolled_back").why'
    """
    from operations import rollout_checks
    from tagstream.render import rollout_standing as render

    meet_workers()
    render.show_all(asyncio.run(rollout_checks.every(load_settings())), as_json=as_json)


def end(
    rollout: Which = None,
    reason: Why = "",
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """End a shadow or a canary; workers stop within seconds. Of one that was rolled back: it was seen.

    What a canary has tagged stays; the command that scores it again is printed.

    Examples:
      tagstream model end-rollout --reason "seen enough"
    """
    from operations import rollouts
    from tagstream.render import rollout_standing as render

    meet_workers()
    ended = asyncio.run(rollouts.end(load_settings(), rollout, reason=reason))
    render.show_ended(ended, as_json=as_json)


def _request(
    version: str, mode: RolloutMode, percent: float, guards: RolloutGuards, reason: str
) -> RolloutRequest:
    from operations import promote
    from operations.rollouts import RolloutRequest

    return RolloutRequest(promote.published_version(version), mode, percent, guards, reason)


def _start(request: RolloutRequest, *, as_json: bool) -> None:
    from operations import rollouts
    from tagstream.render import rollout_standing as render

    meet_workers()
    render.show_start(asyncio.run(rollouts.start(load_settings(), request)), as_json=as_json)
