"""Workers and commands over Apache Kafka's TLS and its logins, and what becomes of those it refuses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from deploy.stack.stack import Stack
from tagstream import samples
from tests.certificates import Authority
from tests.real.premises import Premises, fresh

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

WITHIN = 240.0
WATCHED = 15.0
"""Seconds that a refused worker is looked at."""
SPINNING = 0.5
"""Share of a core: whoever tries again without a pause takes one whole."""
PHOTOGRAPH = Path(samples.__file__).parent / "menu-trattoria.jpg"


@pytest.fixture
async def premises(stack: Stack) -> Premises:
    return await fresh(stack)


def over_tls(premises: Premises) -> dict[str, str]:
    secure = premises.stack.secure_settings
    return {
        **premises.settings,
        "TAGSTREAM_KAFKA__BROKERS": secure["KAFKA_SSL"],
        "TAGSTREAM_KAFKA__SECURITY": "ssl",
        "TAGSTREAM_KAFKA__CA_FILE": secure["KAFKA_CA_FILE"],
    }


def with_login(premises: Premises, mechanism: str) -> dict[str, str]:
    secure = premises.stack.secure_settings
    return over_tls(premises) | {
        "TAGSTREAM_KAFKA__BROKERS": secure["KAFKA_SASL"],
        "TAGSTREAM_KAFKA__SECURITY": "sasl_ssl",
        "TAGSTREAM_KAFKA__SASL_MECHANISM": mechanism,
        "TAGSTREAM_KAFKA__USERNAME": secure["KAFKA_USERNAME"],
        "TAGSTREAM_KAFKA__PASSWORD": secure["KAFKA_PASSWORD"],
    }


def tagstream(*arguments: str, settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tagstream", *arguments]
    return subprocess.run(
        command, env=environment(settings), capture_output=True, text=True, check=False, timeout=WITHIN
    )


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TAGSTREAM_", "AWS_"))}
    return {**kept, **settings}


class Worker:
    """A worker process, and what it says."""

    def __init__(self, settings: Mapping[str, str], log: Path) -> None:
        self._log = log
        with log.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tagstream", "worker"], env=environment(settings), stderr=out
            )

    @property
    def said(self) -> str:
        return self._log.read_text()

    @property
    def cpu(self) -> float:
        """Seconds so far, of all its threads."""
        user, system = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def until_says(self, words: str) -> None:
        deadline = time.monotonic() + WITHIN
        while words not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, f"{words!r} was never said: {self.said}"
            time.sleep(0.2)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WITHIN)


@contextmanager
def working(settings: Mapping[str, str], log: Path) -> Iterator[Worker]:
    worker = Worker(settings, log)
    try:
        yield worker
    finally:
        worker.process.kill()
        worker.process.wait()


@pytest.mark.parametrize("way", ["TLS", "SCRAM-SHA-512", "PLAIN"])
async def test_a_photograph_is_tagged_over_every_way_to_the_broker(
    premises: Premises, way: str, tmp_path: Path
) -> None:
    settings = over_tls(premises) if way == "TLS" else with_login(premises, way)
    photograph = tmp_path / f"{way.lower()}.jpg"
    photograph.write_bytes(PHOTOGRAPH.read_bytes())
    with working(settings, tmp_path / "log") as worker:
        uploaded = tagstream("upload", str(photograph), "--wait", "--timeout", "200", settings=settings)
        assert uploaded.returncode == 0, uploaded.stderr + worker.said
        assert "moderation" in uploaded.stdout

        tailed = tagstream("tail", "tagged", "--from", "earliest", "--limit", "1", settings=settings)
        assert photograph.name in tailed.stdout, tailed.stderr

        topics = tagstream("topics", "list", settings=settings)
        assert "photos.uploaded.v1" in topics.stdout, topics.stderr
        assert "missing" not in topics.stdout

        assert worker.stop() == 0, worker.said
    if "TAGSTREAM_KAFKA__PASSWORD" in settings:
        assert settings["TAGSTREAM_KAFKA__PASSWORD"] not in worker.said + uploaded.stderr + tailed.stderr


def test_the_doctor_says_how_the_broker_is_spoken_to(premises: Premises) -> None:
    assert (
        "answers over SASL_SSL" in tagstream("doctor", settings=with_login(premises, "SCRAM-SHA-256")).stdout
    )


def wrong(premises: Premises, folder: Path) -> dict[str, tuple[dict[str, str], str]]:
    """Each way to be refused: its settings, and what is to be said of it."""
    clear = {"TAGSTREAM_KAFKA__BROKERS": premises.stack.secure_settings["KAFKA_SSL"]}
    other = {"TAGSTREAM_KAFKA__CA_FILE": str(Authority(folder, "other").file)}
    login = with_login(premises, "SCRAM-SHA-512")
    password = {"TAGSTREAM_KAFKA__PASSWORD": "canary-of-kafka"}
    no_login = {"TAGSTREAM_KAFKA__BROKERS": premises.stack.secure_settings["KAFKA_SASL"]}
    at_tls = {"TAGSTREAM_KAFKA__BROKERS": premises.stack.secure_settings["KAFKA_SSL"]}
    at_clear = {"TAGSTREAM_KAFKA__BROKERS": premises.bootstrap}
    return {
        "authority": (over_tls(premises) | other, "its certificate is not accepted (ca_file): "),
        "password": (login | password, "it refuses the login of "),
        "clear at TLS": ({**premises.settings, **clear}, "it hangs up on PLAINTEXT"),
        "TLS at clear": (over_tls(premises) | at_clear, ": "),
        "no login": (over_tls(premises) | no_login, "it hangs up on SSL"),
        "login at none": (login | at_tls, "this port takes no login (security)"),
    }


WRONG = ("authority", "password", "clear at TLS", "TLS at clear", "no login", "login at none")


@pytest.mark.parametrize("what", WRONG)
def test_a_command_that_is_refused_says_why_in_its_last_line(
    premises: Premises, what: str, tmp_path: Path
) -> None:
    settings, said = wrong(premises, tmp_path)[what]
    refused = tagstream("topics", "list", settings=settings)
    assert refused.returncode == 1
    line = refused.stderr.splitlines()[-1]
    address = settings["TAGSTREAM_KAFKA__BROKERS"]
    assert line.startswith(f"tagstream: {address}: ")
    assert said in line
    assert "canary" not in refused.stderr + refused.stdout


def test_workers_that_are_refused_wait_say_why_and_do_not_spin(premises: Premises, tmp_path: Path) -> None:
    drills = {what: wrong(premises, tmp_path)[what] for what in ("authority", "password", "clear at TLS")}
    with ExitStack() as stack:
        workers = {
            what: stack.enter_context(working(settings, tmp_path / what))
            for what, (settings, _) in drills.items()
        }
        for worker in workers.values():
            worker.until_says("dependency.away")
        shares = shares_of_a_core(workers)
        for what, worker in workers.items():
            print(f"{what}: {shares[what]:.1%} of a core while it is refused")
            assert drills[what][1] in worker.said
            assert "canary" not in worker.said
            assert shares[what] < SPINNING
            assert worker.stop() == 0, worker.said


def shares_of_a_core(workers: Mapping[str, Worker]) -> dict[str, float]:
    """Of CPU time and of time alike, from now on for a while."""
    before, began = {name: worker.cpu for name, worker in workers.items()}, time.monotonic()
    time.sleep(WATCHED)
    passed = time.monotonic() - began
    return {name: (worker.cpu - before[name]) / passed for name, worker in workers.items()}
