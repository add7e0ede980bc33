"""A pytest plugin: a failing property is not shrunk; that it fails is all that is asked here."""

from __future__ import annotations

from hypothesis import Phase, settings


def pytest_sessionstart() -> None:
    # After the conftest has chosen its profile, before the first test module is read.
    settings.register_profile("sabotage", deadline=None, phases=(Phase.explicit, Phase.generate))
    settings.load_profile("sabotage")
