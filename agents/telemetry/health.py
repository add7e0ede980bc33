"""Health checks: liveness and readiness for probes, each check with its name and its reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from agents.telemetry.heartbeat import Pulse

Check = Callable[[], str | None]
"""None while all is well, else why not. Called on the event loop, once a beat; must not block."""

_UNKNOWN: Final = "not looked at yet"


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What the checks of one probe said last."""

    checks: Mapping[str, str | None]
    notes: Mapping[str, str] = field(default_factory=dict)
    """What somebody should know though all is well."""

    @property
    def is_ok(self) -> bool:
        """Whether none has a reason to complain."""
        return not any(self.checks.values())

    def as_json(self) -> str:
        """`{"ok": ..., "checks": {name: {"ok": ..., "why": ...}}}`; `notes` by name, where there are any."""
        checks = {
            name: {"ok": False, "why": why} if why else {"ok": True} for name, why in self.checks.items()
        }
        notes = {"notes": dict(self.notes)} if self.notes else {}
        return json.dumps({"ok": self.is_ok, "checks": checks, **notes})


class Health:
    """Two lists of checks: a worker that is not live must be killed, one that is not ready waits.

    Register on the event loop, at any time. `livez` and `readyz` may be asked from any thread: they
    say what the last beat saw, and that the loop is blocked when it has not beaten for `silence` seconds.
    """

    def __init__(self, pulse: Pulse, *, silence: float) -> None:
        self._pulse = pulse
        self._silence = silence
        self._live: dict[str, Check] = {}
        self._ready: dict[str, Check] = {}
        self._noted: dict[str, Check] = {}
        self._seen: Mapping[str, str | None] = {}
        pulse.each(self._look)

    def live(self, name: str, check: Check) -> None:
        """The worker must be killed while `check` complains."""
        self._live[name] = check

    def ready(self, name: str, check: Check) -> None:
        """The worker does not work while `check` complains; the same name again replaces the check."""
        self._ready[name] = check

    def note(self, name: str, check: Check) -> None:
        """Whoever asks for readiness is told what `check` says; it is no reason to wait."""
        self._noted[name] = check

    def livez(self) -> ProbeReport:
        """Whether the process is worth keeping; a check that was never looked at is no reason to kill it."""
        return ProbeReport(
            {"loop": self._blocked(), **{name: self._seen.get(name) for name in tuple(self._live)}}
        )

    def readyz(self) -> ProbeReport:
        """Whether it works now."""
        waiting = {name: self._seen.get(name, _UNKNOWN) for name in tuple(self._ready)}
        notes = {name: said for name in tuple(self._noted) if (said := self._seen.get(name))}
        return ProbeReport({**self.livez().checks, **waiting}, notes)

    def _blocked(self) -> str | None:
        silence = self._pulse.silence
        return f"the event loop has been blocked for {silence:.0f} s" if silence > self._silence else None

    def _look(self) -> None:
        # One assignment: whoever reads in another thread sees the old beat or the new one.
        checks = {**self._live, **self._ready, **self._noted}
        self._seen = {name: _reason(check) for name, check in checks.items()}


def _reason(check: Check) -> str | None:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - what cannot be checked is not well, and the pulse goes on
        return f"the check failed: {error!r}"
