"""`tagstream keys`: API keys are made, listed and revoked."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

app = typer.Typer(help="API keys: make, list and revoke them.", no_args_is_help=True)

By = Annotated[str | None, typer.Option(metavar="NAME", help="Who does it; you if absent.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]


@app.callback()
def keys() -> None:
    """Make the API keys with which programs call the HTTP interface, list and revoke them."""


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    *,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCOPE",
            help="predict, batch, images:read, review, operate or admin; may be repeated. [default: predict]",
        ),
    ] = None,
    expires: Annotated[
        str, typer.Option(metavar="TIME", help="As 12h, 90d, 4w or 1y, from now; or `never`.")
    ] = "365d",
    by: By = None,
    as_json: Json = False,
) -> None:
    """Make a key, and print its token: this once, since the store keeps nothing that it could be made from.

    Standard output has the token alone (with --json the key, too); what is said of it goes to standard error.
    Give each program a key of its own, with the scopes that it needs. To renew one: make another of the same
    name, give that to the program, revoke the old one by its id.

    For example:

    - `tagstream keys create "nightly import" --scope batch --scope images:read --expires 90d`

    - `TOKEN=$(tagstream keys create web)`

    - `tagstream keys create web --json | jq -r .token`
    """
    from datetime import UTC, datetime

    from operations import api_keys, store
    from operations.current_user import current_user
    from schemas.api_keys import Scope
    from tagstream.commands.environment import load_settings
    from tagstream.render import api_keys as render

    scopes = api_keys.scopes_of(scope or [Scope.PREDICT], option="--scope")
    expires_in = api_keys.lifetime(expires, option="--expires")
    config, now = load_settings(), datetime.now(UTC)

    async def made() -> api_keys.CreatedKey:
        async with store.open_store(config.store) as kept:
            return await api_keys.create(kept, name, scopes, expires_in, by=by or current_user(), now=now)

    render.show_created(asyncio.run(made()), as_json=as_json)


@app.command("list")
def listing(*, as_json: Json = False) -> None:
    """List the keys, those that are revoked or expired too; their tokens are kept nowhere.

    The last use is up to a minute behind.

    For example:

    - `tagstream keys list`

    - `tagstream keys list --json | jq -r '.[] | select(.state == "active" and .last_used_at == null).id'`
    """
    from datetime import UTC, datetime

    from operations import api_keys, store
    from tagstream.commands.environment import load_settings
    from tagstream.render import api_keys as render

    config = load_settings()

    async def found() -> tuple[api_keys.AnyKey, ...]:
        async with store.open_store(config.store) as kept:
            return await api_keys.listed(kept)

    render.show_all(asyncio.run(found()), now=datetime.now(UTC), as_json=as_json)


@app.command()
def revoke(
    key: Annotated[
        str, typer.Argument(metavar="ID|NAME", help="A key; its id stands in its token, behind `tsk_`.")
    ],
    *,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Revoke a key for ever: whoever shows its token is refused. Of one that is revoked already it says so.

    For example:

    - `tagstream keys revoke "nightly import"`

    - `tagstream keys revoke 4fT0kQ2b --by ann`
    """
    from datetime import UTC, datetime

    from operations import api_keys, store
    from operations.current_user import current_user
    from schemas.api_keys import ApiKey
    from tagstream.commands.environment import load_settings
    from tagstream.render import api_keys as render

    config, now = load_settings(), datetime.now(UTC)

    async def revoked() -> ApiKey:
        async with store.open_store(config.store) as kept:
            return await api_keys.revoke(kept, key, by=by or current_user(), now=now)

    render.show_revoked(asyncio.run(revoked()), now=now, as_json=as_json)
