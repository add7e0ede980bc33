"""Settings that are lists, and names like no other."""

import pytest

from agents.wiring import settings
from schemas.errors import ConfigurationError


@pytest.mark.parametrize("value", ["photos", "photos,archive", "[photos]", "", "[1]", '{"a": 1}', '"photos"'])
def test_a_list_that_is_no_list_names_its_variable(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TAGSTREAM_S3__BUCKETS", value)
    with pytest.raises(ConfigurationError) as raised:
        settings.load()
    assert str(raised.value).startswith("TAGSTREAM_S3__BUCKETS: ")


def test_an_unknown_name_like_no_other_says_where_all_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGSTREAM_QUITE_SOMETHING_ELSE", "1")
    with pytest.raises(ConfigurationError, match="tagstream config show"):
        settings.load()
