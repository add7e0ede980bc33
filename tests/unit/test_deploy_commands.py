"""The commands that docker-compose.yml runs in our image are commands of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
import yaml  # type: ignore[import-untyped]

from tagstream import cli

COMPOSE = Path(__file__).parents[2] / "docker-compose.yml"


def commands() -> dict[str, list[str]]:
    """What each service gives to the image's entry point, by service."""
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    return {
        name: service["command"]
        for name, service in services.items()
        if service["image"].startswith("tagstream:") and "entrypoint" not in service
    }


def test_set_up_jobs_workers_and_the_api_are_commands() -> None:
    assert set(commands()) == {"topics", "indexes", "worker", "worker-gpu", "serve"}


@pytest.mark.parametrize("words", commands().values(), ids=commands().keys())
def test_a_command_is_one_of_the_command_line(words: list[str]) -> None:
    command: Any = typer.main.get_command(cli.app)
    remaining = list(words)
    while hasattr(command, "get_command"):  # a group
        name = remaining.pop(0)
        command = command.get_command(None, name)
        assert command is not None, name
    assert command.name == name
    command.make_context(command.name, remaining)  # raises for an option or an argument that is not there
