"""`tagstream model promote`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from operations.registry import Json, Url, over

if TYPE_CHECKING:
    from agents.wiring.settings import Settings
    from model.data.photograph import Photograph
    from model.registry.promotion import PromotionResult
    from model.registry.registry import Registry


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
    split: Annotated[Literal["train", "val", "test"], typer.Option(help="What to go by.")] = "test",
    least_top: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="The least accuracy of the top label, for the first champion too."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Move it though the gate refuses.")] = False,  # noqa: FBT002
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Kept in the alias' history.")] = "",
    registry: Url = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Point an alias at a version, if it is not worse than the champion.

    It is held against the champion, whichever alias moves: overall, label by label, by source, brightness
    and size, by its golden images and by the time an image takes on this machine. Exits 1 if it is refused.
    docs/registry.md says what is allowed, and what to do then.

    Examples:
      tagstream model promote restaurant/v2 --data photos.csv --negatives others.csv

      tagstream model promote restaurant/v1 --least-top 0.9

      tagstream model promote restaurant/v3 --force --reason "a label more; agreed with moderation"
    """
    import json

    from agents.wiring.registry import cache
    from model.registry import promotion
    from model.registry.promotion_evaluation import PromotionCriteria
    from operations.current_user import current_user
    from tagstream.render import gate
    from tagstream.render.progress import phases

    ref = gate.version(version)
    photographs = _photographs(data, negatives, split)

    async def go(opened: Registry, config: Settings) -> PromotionResult:
        trial = PromotionCriteria(
            photographs, split, least_top, device=config.model.device, threads=config.model.threads
        )
        order = promotion.PromotionRequest(
            ref, current_user(), alias, reason=reason, force=force, trial=trial
        )
        with phases() as tick:
            return await promotion.promote(opened, cache(config), order, tick=tick)

    found = over(registry, go)
    if as_json:
        typer.echo(json.dumps(gate.document(found, ref=f"{ref.name}@{alias}")))
    else:
        gate.show(found, ref=f"{ref.name}@{alias}")
    if found.alias is None:
        raise typer.Exit(1)


def _photographs(data: Path | None, negatives: Path | None, split: str) -> tuple[Photograph, ...] | None:
    from model.data import dataset
    from schemas.errors import ConfigurationError

    if data is None:
        if negatives is not None:
            raise ConfigurationError("--negatives go with --data")
        return None
    return dataset.read(data, negatives=negatives).of(dataset.Split(split))
