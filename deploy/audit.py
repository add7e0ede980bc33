"""Is a locked version known to be vulnerable? `make audit`, which is `python -m deploy.audit`.

A service that is out of reach, or that knows nothing, must not look like one that has found nothing:
pip-audit calls a package that an index does not know "skipped", and exits with 0. So each service is first
asked about a version that is known to be vulnerable, and one that does not know it is not believed.

Exit codes: 1 for a finding that nobody has accepted; 0 where there is none, and where no service can be
asked, which is said aloud (1 with `REQUIRE_AUDIT=1`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
LOCK: Final = HERE.parent / "requirements.lock"
ACCEPTED: Final = HERE / "accepted_findings.toml"
"""Findings that do not concern us: `[[accepted]]` with `id`, `reason` and `until`, a date."""

SERVICES: Final = ("osv", "pypi")
KNOWN_BAD: Final = "jinja2==2.4.1"
CANARY_SECONDS: Final = 10.0
SECONDS: Final = 40.0
"""For all packages; with a canary for each service that makes no more than a minute."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One vulnerability of one locked version."""

    package: str
    ids: frozenset[str]
    fixed_in: tuple[str, ...] = ()

    def __str__(self) -> str:
        mend = f"fixed in {', '.join(self.fixed_in)}" if self.fixed_in else "not fixed yet"
        return f"{self.package}: {', '.join(sorted(self.ids))}, {mend}"


@dataclass(frozen=True, slots=True)
class Report:
    """What a service knows of some requirements."""

    audited: int
    findings: tuple[Finding, ...]
    unknown: tuple[str, ...]
    """Packages that the service has never heard of."""


Ask = Callable[[Path, str, float], Report | None]
"""Asks a service about a file of requirements, for so many seconds; None where it does not answer."""


def main() -> int:
    """Audit the lock file and say what was found."""
    today = datetime.now(UTC).date()
    return audit(LOCK, ask_pip_audit, accepted(ACCEPTED, today), is_required="REQUIRE_AUDIT" in os.environ)


def audit(lock: Path, ask: Ask, forgiven: frozenset[str], *, is_required: bool) -> int:
    """The exit code; what it is about goes to standard output and error."""
    for service in SERVICES:
        if _knows_anything(service, ask) and (report := ask(lock, service, SECONDS)):
            return _tell(report, service, forgiven)
    sys.stderr.write(
        f"audit: NOT AUDITED: no service of known vulnerabilities ({', '.join(SERVICES)}) can be asked from "
        "here. The locked versions may be vulnerable: audit them where there is a network.\n"
    )
    return 1 if is_required else 0


def accepted(file: Path, today: date) -> frozenset[str]:
    """The ids that are accepted today; one whose date has passed is a finding again."""
    if not file.exists():
        return frozenset()
    entries = tomllib.loads(file.read_text())["accepted"]
    return frozenset(each["id"] for each in entries if each["reason"] and today <= each["until"])


def ask_pip_audit(requirements: Path, service: str, seconds: float) -> Report | None:
    """What pip-audit learns from the service. `OSV_URL` names another OSV than the public one."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(requirements), "--format", "json"]
    command += ["--vulnerability-service", service, "--disable-pip", "--no-deps", "--progress-spinner", "off"]
    if service == "osv" and "OSV_URL" in os.environ:
        command += ["--osv-url", os.environ["OSV_URL"]]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)
        return _read(json.loads(ran.stdout)["dependencies"])
    except (subprocess.TimeoutExpired, ValueError):  # it writes no JSON where it could not ask
        return None


def _knows_anything(service: str, ask: Ask) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        canary = Path(folder) / "canary.txt"
        canary.write_text(KNOWN_BAD + "\n")
        report = ask(canary, service, CANARY_SECONDS)
    return report is not None and bool(report.findings)


def _read(dependencies: Sequence[Mapping[str, Any]]) -> Report:
    asked = [each for each in dependencies if "skip_reason" not in each]
    unknown = tuple(each["name"] for each in dependencies if "skip_reason" in each)
    return Report(len(asked), tuple(_findings(asked)), unknown)


def _findings(asked: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    for each in asked:
        for found in each["vulns"]:
            ids = frozenset((found["id"], *found.get("aliases", ())))
            yield Finding(f"{each['name']} {each['version']}", ids, tuple(found["fix_versions"]))


def _tell(report: Report, service: str, forgiven: frozenset[str]) -> int:
    findings = [each for each in report.findings if not each.ids & forgiven]
    for each in findings:
        sys.stderr.write(f"audit: {each}\n")
    if report.unknown:
        sys.stderr.write(f"audit: unknown to {service}, so not audited: {', '.join(report.unknown)}\n")
    said = f"{report.audited} locked versions, {len(findings)} findings"
    pardoned = len(report.findings) - len(findings)
    sys.stdout.write(f"audit: {service}: {said}" + (f", {pardoned} accepted" if pardoned else "") + "\n")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
