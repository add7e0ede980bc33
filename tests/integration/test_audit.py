"""`make audit`, with pip-audit itself and servers that speak OSV's protocol."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploy import audit

VULNERABILITY = {
    "id": "GHSA-test-0001",
    "aliases": ["CVE-2026-0001"],
    "details": "a hole",
    "affected": [
        {
            "package": {"name": "jinja2", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.1.6"}]}],
        }
    ],
}

Knows = Callable[[str], bool]
"""Whether the service knows a vulnerability of `name==version`."""


@contextmanager
def osv(knows: Knows) -> Iterator[tuple[str, list[str]]]:
    """A service's address, and what it is asked about."""
    asked: list[str] = []

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            version = f"{query['package']['name']}=={query['version']}"
            asked.append(version)
            body = json.dumps({"vulns": [VULNERABILITY]} if knows(version) else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query", asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    file = tmp_path / "requirements.lock"
    digest = "0" * 64
    file.write_text(f"jinja2==3.1.5 --hash=sha256:{digest}\nrich==14.0.0 --hash=sha256:{digest}\n")
    return file


def ask_osv_alone(requirements: Path, service: str, seconds: float) -> audit.Report | None:
    """The other service is in the world."""
    return audit.ask_pip_audit(requirements, service, seconds) if service == "osv" else None


def audited(lock: Path, url: str, *, forgiven: frozenset[str] = frozenset(), required: bool = False) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OSV_URL", url)
        return audit.audit(lock, ask_osv_alone, forgiven, is_required=required)


def test_a_locked_version_that_is_known_to_be_vulnerable_fails_the_check(
    lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with osv(lambda version: version.startswith("jinja2")) as (url, asked):
        assert audited(lock, url) == 1
    assert "audit: jinja2 3.1.5: CVE-2026-0001, GHSA-test-0001, fixed in 3.1.6" in capsys.readouterr().err
    assert set(asked) == {"jinja2==2.4.1", "jinja2==3.1.5", "rich==14.0.0"}


def test_versions_of_which_nothing_is_known_pass(lock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with osv(lambda version: version == audit.KNOWN_BAD) as (url, _):
        assert audited(lock, url) == 0
    assert "audit: osv: 2 locked versions, 0 findings" in capsys.readouterr().out


def test_an_accepted_finding_passes_and_is_counted(lock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with osv(lambda version: version.startswith("jinja2")) as (url, _):
        assert audited(lock, url, forgiven=frozenset({"CVE-2026-0001"})) == 0
    assert "0 findings, 1 accepted" in capsys.readouterr().out


def test_a_service_that_knows_nothing_is_not_believed(lock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with osv(lambda _: False) as (url, asked):
        assert audited(lock, url) == 0
    assert "NOT AUDITED" in capsys.readouterr().err
    assert asked == [audit.KNOWN_BAD]


def test_where_no_service_can_be_asked_it_is_said_aloud(
    lock: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = "http://127.0.0.1:1/v1/query"
    assert audited(lock, nobody) == 0
    assert "NOT AUDITED" in capsys.readouterr().err
    assert audited(lock, nobody, required=True) == 1


def test_an_acceptance_ends_with_its_date_and_needs_a_reason(tmp_path: Path) -> None:
    file = tmp_path / "accepted.toml"
    assert audit.accepted(file, date(2026, 1, 1)) == frozenset()
    file.write_text(
        '[[accepted]]\nid = "CVE-1"\nreason = "only of its templates, which nobody else writes"\n'
        'until = 2026-06-30\n[[accepted]]\nid = "CVE-2"\nreason = ""\nuntil = 2026-06-30\n'
    )
    assert audit.accepted(file, date(2026, 6, 30)) == {"CVE-1"}
    assert audit.accepted(file, date(2026, 7, 1)) == frozenset()


def test_every_locked_version_can_be_asked_about() -> None:
    with osv(lambda version: version == audit.KNOWN_BAD) as (url, asked):
        assert audited(audit.LOCK, url, required=True) == 0
    assert len(asked) > 100
    assert any(each.startswith("aiokafka==") for each in asked)
