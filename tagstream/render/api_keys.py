"""API keys in the terminal: a new one with its token, all of them, and what was revoked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import typer
from rich.text import Text

from operations.api_keys import AnyKey, CreatedKey
from schemas.api_keys import EXPIRED, REVOKED, ApiKey, SpoiledKey
from tagstream.render import tables
from tagstream.render.console import PrintableConsole

ACTIVE: Final = "active"
SPOILED: Final = "spoiled"

_STYLES: Final = {ACTIVE: "bold green", EXPIRED: "yellow", REVOKED: "dim", SPOILED: "bold red"}


def show_created(created: CreatedKey, *, as_json: bool) -> None:
    """The token alone on standard output, for scripts; what is said of it on standard error."""
    key = created.key
    if as_json:
        typer.echo(json.dumps({**document(key, now=key.created_at), "token": created.token.text}))
        return
    scopes = ", ".join(key.scopes)
    end = f"until {_moment(key.expires_at)} UTC" if key.expires_at else "until it is revoked"
    console = PrintableConsole(stderr=True)
    console.print_line(f"key {key.id} ({key.name}): {scopes}, {end}")
    console.print_line("its token is shown only this once, and kept nowhere:")
    typer.echo(created.token.text)


def show_all(found: Sequence[AnyKey], *, now: datetime, as_json: bool) -> None:
    """A line each."""
    if as_json:
        typer.echo(json.dumps([document(each, now=now) for each in found]))
        return
    console = PrintableConsole()
    if not found:
        console.print("there is no API key; `tagstream keys create NAME` makes one")
        return
    table = tables.plain("Id", "Name", "Scopes", "Created", "Expires", "Last used", "State", whole={"Id"})
    for each in found:
        table.add_row(*_row(each, now))
    console.print(table)


def show_revoked(key: ApiKey, *, now: datetime, as_json: bool) -> None:
    """What was revoked, now or before."""
    if as_json:
        typer.echo(json.dumps(document(key, now=now)))
        return
    when = f"{_moment(key.revoked_at)} UTC by {key.revoked_by}"
    was = "is revoked" if key.revoked_at == now else "was revoked before"
    PrintableConsole().print_line(f"key {key.id} ({key.name}) {was}: {when}")


def document(key: AnyKey, *, now: datetime) -> dict[str, object]:
    """What a script may read of a key: nothing of its secret."""
    if isinstance(key, SpoiledKey):
        return {"id": key.id, "state": SPOILED, "why": key.why}
    facts = key.model_dump(mode="json", exclude={"schema_version", "revision", "secret_sha256"})
    return {**facts, "state": _state(key, now)}


def _row(key: AnyKey, now: datetime) -> tuple[str | Text, ...]:
    if isinstance(key, SpoiledKey):
        return (key.id, "", "", "", "", "", Text(f"{SPOILED}: {key.why}", _STYLES[SPOILED]))
    end = _moment(key.expires_at) if key.expires_at else "never"
    used = _moment(key.last_used_at) if key.last_used_at else "never"
    state = _state(key, now)
    scopes = ", ".join(key.scopes)
    return (key.id, key.name, scopes, _moment(key.created_at), end, used, Text(state, _STYLES[state]))


def _state(key: ApiKey, now: datetime) -> str:
    return key.why_refused(now) or ACTIVE


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""
