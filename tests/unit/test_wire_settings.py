"""How the environment says how storage's notifications are read."""

import pytest

from agents.wiring import settings
from schemas.errors import ConfigurationError
from schemas.naming import Keys, Naming

PATTERN = "TAGSTREAM_UPLOADS__KEY_PATTERN"


@pytest.fixture(autouse=True)
def an_environment_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TAGSTREAM_UPLOADS__KEYS", PATTERN):
        monkeypatch.delenv(name, raising=False)


def test_without_settings_keys_are_read_as_their_emitter_spells_them() -> None:
    assert settings.load().uploads == Naming(keys=Keys.AUTO, key_pattern=None)


def test_the_settings_say_how_keys_are_spelt_and_whose_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGSTREAM_UPLOADS__KEYS", "raw")
    monkeypatch.setenv(PATTERN, "^(?P<restaurant>[^/]+)/(?P<uploader>[^/]+)/")
    naming = settings.load().uploads
    assert naming.keys is Keys.RAW
    assert naming.facts("r1/u1/a.jpg") == {"restaurant_id": "r1", "uploader_id": "u1"}


@pytest.mark.parametrize("pattern", ["(", "^([^/]+)/"])
def test_a_pattern_that_could_say_nothing_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    monkeypatch.setenv(PATTERN, pattern)
    with pytest.raises(ConfigurationError, match=PATTERN):
        settings.load()
