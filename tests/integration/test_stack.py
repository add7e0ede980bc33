"""The stack's own rules, with small programs in place of its servers: what it starts, stops and refuses."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path

import pytest

from deploy.stack import builds
from deploy.stack.builds import Missing
from deploy.stack.credentials import Credentials
from deploy.stack.layout import HOST, Misplaced, Ports, from_environment
from deploy.stack.service import NotReady, Service, Start

ROOT = Path(__file__).parents[2]
LISTENER = """
import socket, sys, time
with socket.create_server(("127.0.0.1", 0)):
    open("ready", "w").close()
    time.sleep(600)
"""
RESERVES = """
from deploy.stack.layout import Ports
with Ports.reserved() as ports:
    print(ports.kafka, flush=True)
    input()
"""


def listener(folder: Path, program: str = LISTENER) -> Service:
    start = Start((sys.executable, "-c", program))
    return Service("listener", folder, lambda: start, is_ready=(folder / "ready").exists)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = listener(tmp_path / "service")
    yield made
    made.stop()


def test_a_service_runs_until_it_is_stopped(service: Service) -> None:
    service.start()
    pid = service.pid()
    assert pid is not None
    assert service.stop()
    assert service.pid() is None
    assert not service.stop()


def test_what_runs_is_not_started_again(service: Service) -> None:
    service.start()
    pid = service.pid()
    service.start()
    assert service.pid() == pid


def test_another_process_finds_it_by_its_folder(service: Service) -> None:
    service.start()
    program = "import sys; from pathlib import Path; from deploy.stack.service import Service;"
    program += "print(Service('x', Path(sys.argv[1]), tuple, is_ready=bool).stop())"
    command = [sys.executable, "-c", program, str(service.folder)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "True\n"
    assert service.pid() is None


def test_a_foreign_process_of_the_same_program_lives_on(service: Service) -> None:
    folder = service.folder.parent
    with subprocess.Popen(service.prepare().command, cwd=folder) as foreign:
        service.start()
        service.stop()
        assert foreign.poll() is None
        foreign.kill()


def test_a_foreign_process_that_has_come_by_the_number_lives_on(service: Service) -> None:
    with subprocess.Popen(service.prepare().command, cwd=service.folder.parent) as foreign:
        service.folder.mkdir()
        # As after a reboot: the number is somebody else's, who began at another time.
        (service.folder / "pid").write_text(f'{{"pid": {foreign.pid}, "born": "1"}}')
        assert service.pid() is None
        assert not service.stop()
        assert foreign.poll() is None
        foreign.kill()


def test_a_server_that_ends_at_its_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="no such topic"):
        listener(tmp_path / "service", "raise SystemExit('no such topic')").start()


def test_a_server_that_does_not_answer_is_stopped_again(tmp_path: Path) -> None:
    silent = listener(tmp_path / "service", "import time; time.sleep(600)")
    with pytest.raises(NotReady, match="does not answer"):
        silent.start(within=0.3)
    assert silent.pid() is None


def test_one_that_ignores_the_polite_way_is_stopped_all_the_same(tmp_path: Path) -> None:
    stubborn = listener(tmp_path / "service", f"import signal; signal.signal(15, signal.SIG_IGN)\n{LISTENER}")
    stubborn.start()
    assert stubborn.stop(within=0.2)
    assert stubborn.pid() is None


def test_what_the_machine_lacks_is_said_in_one_line(tmp_path: Path) -> None:
    environment = os.environ | {"PATH": str(tmp_path), "STACK_FOLDER": str(tmp_path / "stack")}
    command = [sys.executable, "-m", "deploy.stack", "up"]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    said = "stack: the stack needs a JDK of 17 or later, and there is no `java` on the PATH: install it\n"
    assert ran.stderr == said


def test_what_was_never_up_is_brought_down_without_building_it(tmp_path: Path) -> None:
    environment = os.environ | {"PATH": str(tmp_path), "STACK_FOLDER": str(tmp_path / "stack")}
    command = [sys.executable, "-m", "deploy.stack", "down"]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout == "Nothing of it was running\n"
    assert not (tmp_path / "stack").exists()


def test_a_jdk_that_is_too_old_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("java", "javac", "keytool"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(Missing, match=r"11\.0\.2"):
        builds.require_java()


def test_passwords_are_made_up_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    first, other = Credentials.kept_in(tmp_path / "a"), Credentials.kept_in(tmp_path / "b")
    assert first == Credentials.kept_in(tmp_path / "a")
    assert first.kafka_password != other.kafka_password
    assert first.kafka_password not in repr(first)
    assert (tmp_path / "a" / "credentials.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"STACK_KAFKA_PORT": "kafka"}, "STACK_KAFKA_PORT: a port is a number"),
        ({"STACK_S3_PORT": "70700"}, "STACK_S3_PORT: a port is a number"),
        ({"STACK_S3_PORT": "9092"}, "two services on port 9092"),
    ],
)
def test_a_port_that_cannot_be_is_refused(
    settings: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Misplaced, match=said):
        from_environment()


def test_a_port_that_somebody_listens_on_is_known() -> None:
    with Ports.reserved() as ports:
        assert ports.taken() == {}
        with socket.create_server((HOST, ports.s3)):
            assert ports.taken() == {"s3": ports.s3}


def test_ports_that_are_reserved_are_nobody_elses() -> None:
    with Ports.reserved() as ports, Ports.reserved() as others:
        assert not set(astuple(ports)) & set(astuple(others))


def test_ports_that_another_process_reserves_are_nobody_elses() -> None:
    command = [sys.executable, "-c", RESERVES]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as other:
        assert other.stdout
        theirs = int(other.stdout.readline())
        with Ports.reserved() as ports:
            assert theirs not in astuple(ports)
        other.kill()


def test_a_port_that_somebody_listens_on_is_not_reserved() -> None:
    with Ports.reserved() as ports:
        taken = ports.mongo
    with socket.create_server((HOST, taken)), Ports.reserved() as ports:
        assert taken not in astuple(ports)
