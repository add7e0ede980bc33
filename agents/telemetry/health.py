"""Health checks: liveness and readiness for probes, each check with its name and its reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from agents.telemetry.heartbeat import Pulse

Check = Callable[[], str | None]
"""None while all is well, else why not. Called on the event loop, once a beat; must not block."""

_UNKNOWN: Final = "not looked at yet"


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What the checks of one probe said last."""

    checks: Mapping[str, str | None]

    @property
    def is_ok(self) -> bool:
        """Whether none has a reason to complain."""
        return not any(self.checks.values())

    def as_json(self) -> str:
        """`{"ok": ..., "checks": {name: {"ok": ..., "why": ...}}}`."""
        checks = {
            name: {"ok": False, "why": why} if why else {"ok": True} for name, why in self.checks.items()
        }
        return json.dumps({"ok": self.is_ok, "checks": checks})


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
        self._seen: Mapping[str, str | None] = {}
        pulse.each(self._look)

    def live(self, name: str, check: Check) -> None:
        """The worker must be killed while `check` complains."""
        self._live[name] = check

    def ready(self, name: str, check: Check) -> None:
        """The worker does not work while `check` complains; the same name again replaces the check."""
        self._ready[name] = check

    def livez(self) -> ProbeReport:
        """Whether the process is worth keeping; a check that was never looked at is no reason to kill it."""
        return ProbeReport(
            {"loop": self._blocked(), **{name: self._seen.get(name) for name in tuple(self._live)}}
        )

    def readyz(self) -> ProbeReport:
        """Whether it works now."""
        waiting = {name: self._seen.get(name, _UNKNOWN) for name in tuple(self._ready)}
        return ProbeReport({**self.livez().checks, **waiting})

    def _blocked(self) -> str | None:
        silence = self._pulse.silence
        return f"the event loop has been blocked for {silence:.0f} s" if silence > self._silence else None

    def _look(self) -> None:
        # One assignment: whoever reads in another thread sees the old beat or the new one.
        self._seen = {name: _reason(check) for name, check in {**self._live, **self._ready}.items()}


def _reason(check: Check) -> str | None:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - what cannot be checked is not well, and the pulse goes on
        return f"the check failed: {error!r}"
