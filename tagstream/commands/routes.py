"""`tagstream routes`: which label goes where, and what other rules would change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from agents.wiring.settings import Settings
    from model.manifest import Manifest
    from operations.routes_check import Outlook, Tick
    from schemas.tags import RouteRule

app = typer.Typer(help="Which label goes where; try other rules.", no_args_is_help=True)

Model = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="A model version's folder; by default the one that workers load."),
]


@app.callback()
def routes() -> None:
    """Which label goes where: rules that the model brings, or those of a routes file."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A routes file (TOML).")],
    *,
    model: Model = None,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Look at the first N images by their ids only.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Check a routes file, and say what it would change.

    Holds the file against the model's labels. Then every image of the store is decided anew by its kept
    scores, with what people decided, and compared with what holds. Nothing is written or sent. The
    scores of other model versions are counted and left alone. Of a large archive --limit takes a sample:
    derived ids are digests, so the first ones are as good as any.

    Exits 2 if the file is wrong, and 0 if it is right, whatever it would change.

    For example:

    - `tagstream routes show > routes.toml`, edit it, and `tagstream routes check routes.toml`

    - `tagstream routes check routes.toml --limit 100000 --json | jq .routes`
    """
    import asyncio
    import json

    from rich.console import Console

    from agents.wiring import settings
    from model import routes as rules_of
    from model.policy import Policy
    from operations import store as stores
    from operations.routes_check import Outlook
    from tagstream.render.routes import Checked, watching

    config = settings.load()
    manifest = _manifest(config, model)
    rules = rules_of.load(file, labels=manifest.labels)
    checked = Checked(file, rules, manifest, None)
    if stores.is_here(config.store):
        outlook = Outlook(replace(Policy.of(manifest), rules=rules), manifest.ref)
        with watching(limit) as tick:
            is_whole = asyncio.run(_scan(config, outlook, limit, tick))
        checked = Checked(file, rules, manifest, outlook, is_whole)
    typer.echo(json.dumps(checked.document())) if as_json else Console(highlight=False).print(checked.shown())


@app.command()
def show(
    *,
    model: Model = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    r"""Print the rules in force, as a routes file to edit.

    They are those of TAGSTREAM_ROUTES__FILE where it is set, else the model's own.

    For example:

    - `tagstream routes show > routes.toml`

    - `tagstream routes show --json | jq -r '.routes[] | "\(.label) \(.topic)"'`
    """
    import json

    from agents.wiring import settings
    from model import routes as rules_of

    config = settings.load()
    manifest = _manifest(config, model)
    rules = _in_force(config, manifest)
    if as_json:
        typer.echo(json.dumps(_document(config, manifest, rules)))
    else:
        typer.echo(f"{_heading(config, manifest)}\n\n{rules_of.dump(rules)}", nl=False)


def _manifest(config: Settings, model: Path | None) -> Manifest:
    from agents.wiring import model_source
    from agents.wiring.settings import blame
    from model import checkpoint

    if model is None:
        return model_source.manifest_here(config)
    with blame("--model"):
        return checkpoint.read_manifest(model)


def _in_force(config: Settings, manifest: Manifest) -> tuple[RouteRule, ...]:
    from agents.wiring.settings import blame
    from model import routes as rules_of

    if config.routes.file is None:
        return manifest.routes
    with blame("TAGSTREAM_ROUTES__FILE"):
        return rules_of.load(config.routes.file, labels=manifest.labels)


async def _scan(config: Settings, outlook: Outlook, limit: int | None, tick: Tick) -> bool:
    from operations import routes_check
    from operations import store as stores
    from streams.scanning import every_head

    async with stores.open_store(config.store) as store:
        return await routes_check.scan(every_head(store), outlook, limit=limit, tick=tick)


def _document(config: Settings, manifest: Manifest, rules: tuple[RouteRule, ...]) -> dict[str, Any]:
    return {
        "file": str(config.routes.file) if config.routes.file else None,
        "model": manifest.ref.model_dump(),
        "thresholds": dict(manifest.thresholds),
        "refusal": manifest.refusal,
        "routes": [rule.model_dump() for rule in rules],
    }


def _heading(config: Settings, manifest: Manifest) -> str:
    """Comments of the file: whose rules they are, and what a rule may say."""
    file = config.routes.file
    whose = f"as {file} has them for" if file else "that come with"
    labels = ", ".join(f"{label} ({manifest.thresholds[label]:g})" for label in manifest.labels)
    refused = f" (no label reaches {manifest.refusal:g})" if manifest.refusal else ""
    return "\n".join(
        (
            f"# The routes {whose} {manifest.name} {manifest.version}.",
            f"# Labels and their thresholds: {labels};",
            f"# and uncertain, for what is none of them{refused}. A topic is called photos.NAME.v1.",
            "# threshold: the label's own where absent. hysteresis: what was announced is taken back",
            "# only below threshold - hysteresis.",
            "# Try it with `tagstream routes check FILE`; workers take it by TAGSTREAM_ROUTES__FILE=FILE.",
        )
    )
