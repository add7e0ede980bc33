"""Retry in place: repeats a call until its dependency is available again; logs the outage once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from schemas.errors import Unavailable
from streams.clock import Clock, SystemClock
from streams.resilience.breaker import Backoff, Breaker, BreakerLimits, BreakerState, Caller
from streams.resilience.probe_gate import Hooks

__all__ = ["Backoff", "BreakerLimits", "BreakerState", "Dependencies", "Dependency", "Hooks"]

T = TypeVar("T")


class Dependencies:
    """The dependencies of a worker, by name, each with a circuit breaker of its own.

    An absence is logged when it begins and when it ends; the thousand tries between them are not.
    """

    def __init__(
        self,
        patience: Backoff,
        limits: BreakerLimits | None = None,
        *,
        hooks: Hooks | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._patience = patience
        self._limits = limits or BreakerLimits()
        self._hooks = hooks or Hooks()
        self._clock = clock or SystemClock()
        self._dependencies: dict[str, Dependency] = {}

    def of(self, name: str) -> Dependency:
        """The dependency of that name: the one that its `Unavailable` says. Always the same object."""
        if name not in self._dependencies:
            breaker = Breaker(name, self._limits, self._patience, clock=self._clock, hooks=self._hooks)
            self._dependencies[name] = Dependency(breaker)
        return self._dependencies[name]

    def states(self) -> Mapping[str, BreakerState]:
        """How every dependency is that was ever asked for, by name."""
        return {name: dependency.breaker.state() for name, dependency in self._dependencies.items()}

    async def retry_until_available(self, call: Callable[[], Awaitable[T]]) -> T:
        """What a call that runs alone returns, as at the start of a worker, however long that takes.

        Its first refusal says that the dependency is away. Use `of(name).retry_until_available` where many
        calls run: only there is one object that alone keeps failing told from a dependency that is away.
        """
        try:
            return await call()
        except Unavailable as error:
            breaker, caller = self.of(error.dependency).breaker, Caller(is_alone=True)
            breaker.refused(caller, error)
        return await _wait_out(breaker, call, caller)


class Dependency:
    """What many calls depend on together."""

    def __init__(self, breaker: Breaker) -> None:
        self.breaker = breaker

    async def retry_until_available(
        self, call: Callable[[], Awaitable[T]], *, attempts: int | None = None
    ) -> T:
        """What `call` returns once the dependency answers it; any other error is raised as it is.

        It may take as long as an absence takes: hold nothing meanwhile that others need. `call` is run
        in the task that waits, and cancelled with it.

        Raises:
            KeepsFailing: `call` was refused `attempts` times while the dependency, not being away,
                answered other calls. The refusals of an absence do not count.
        """
        breaker, caller = self.breaker, None
        if not breaker.is_open:
            try:
                # Nearly always this is all.
                return await breaker.ask(call)
            except Unavailable as error:
                caller = Caller(attempts)
                breaker.refused(caller, error)
        # Outside the handler: the error's traceback would be held for as long as this takes.
        return await _wait_out(breaker, call, caller or Caller(attempts))


async def _wait_out(breaker: Breaker, call: Callable[[], Awaitable[T]], caller: Caller) -> T:
    """What `call` returns after the caller was refused or held up; raises as `retry_until_available` does."""
    with breaker.held_up(caller):
        while True:
            async with breaker.turn(caller):
                try:
                    return await breaker.ask(call)
                except Unavailable as error:
                    breaker.refused(caller, error)
