"""Stack layout: its folder, its cache and its ports on this machine."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final, Self

from deploy.stack.reservation import reserved
from model.cache_home import cache_home

HOST: Final = "127.0.0.1"
PREFIX: Final = "STACK_"


class Misplaced(Exception):
    """A setting of the stack that cannot be."""


@dataclass(frozen=True, slots=True)
class Ports:
    """One for everything that listens; `STACK_KAFKA_PORT` and so on set them."""

    kafka: int = 9092
    kafka_ssl: int = 9093
    kafka_sasl: int = 9094
    kafka_controller: int = 9095
    mongo: int = 27017
    s3: int = 7070

    @classmethod
    @contextmanager
    def reserved(cls) -> Iterator[Self]:
        """Ports that nobody else takes while this holds; raises `NoneLeft`."""
        with reserved(len(fields(cls)), host=HOST) as ports:
            yield cls(*ports)

    def taken(self) -> dict[str, int]:
        """Those that somebody listens on, by name."""
        return {each.name: port for each in fields(self) if listens(port := getattr(self, each.name))}


@dataclass(frozen=True, slots=True)
class Layout:
    """The folder that the stack's data, logs and process ids are in, and the ports it listens on."""

    folder: Path
    ports: Ports
    cache: Path
    """What is fetched and built once, for every checkout."""

    def of(self, service: str) -> Path:
        """A service's own folder."""
        return self.folder / service


def from_environment() -> Layout:
    """The layout that `STACK_*` variables ask for.

    Raises:
        Misplaced: one of them is no port, or two are the same.
    """
    ports = Ports()
    for each in fields(ports):
        name = f"{PREFIX}{each.name.upper()}_PORT"
        if name in os.environ:
            ports = replace(ports, **{each.name: _port(name, os.environ[name])})
    numbers = [getattr(ports, each.name) for each in fields(ports)]
    if twice := {number for number in numbers if numbers.count(number) > 1}:
        raise Misplaced(f"two services on port {min(twice)}: set {PREFIX}*_PORT to different numbers")
    folder = Path(os.environ.get(f"{PREFIX}FOLDER") or ".stack").absolute()
    return Layout(folder, ports, default_cache())


def default_cache() -> Path:
    """Outside the repository, so that every checkout shares it."""
    return cache_home()


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def _port(name: str, given: str) -> int:
    if not given.isdecimal() or not 0 < int(given) < 2**16:
        raise Misplaced(f"{name}: a port is a number from 1 to 65535, not {given!r}")
    return int(given)
