"""How the environment says how storage's notifications are read."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.wiring import settings
from schemas import wire
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


def record(key: str, content_type: str | None, name: str = "ObjectCreated:Put") -> dict[str, object]:
    """What MinIO says, which says a content type."""
    said = {"key": key, "size": 7} | ({"contentType": content_type} if content_type else {})
    return {
        "eventVersion": "2.0",
        "eventSource": "minio:s3",
        "eventTime": "2026-03-14T12:00:00Z",
        "eventName": name,
        "s3": {"bucket": {"name": "photos"}, "object": said},
    }


def own(key: str, **more: str) -> dict[str, object]:
    return {"location": {"bucket": "photos", "key": key}, "uploaded_at": "2026-03-14T12:00:00Z", **more}


def asked(body: object, naming: Naming) -> wire.Record:
    (answer,) = wire.decode(json.dumps(body).encode(), {}, naming)
    return answer


PHOTOGRAPHS = Naming(only_keys=("*.jpg", "raw/*.HEIC"), only_content_types=("image/*",))


@pytest.mark.parametrize(
    "body",
    [
        record("r1/a.jpg", "image/jpeg"),
        record("r1/A.JPG", "IMAGE/JPEG; q=1"),
        record("raw/b.heic", None),
        record("r1/a.jpg", "application/octet-stream"),
        own("a.jpg"),
        own("a.jpg", content_type="image/png"),
    ],
)
def test_an_upload_of_a_photograph_passes_the_filter(body: object) -> None:
    assert asked(body, PHOTOGRAPHS) == asked(body, Naming())
    assert isinstance(asked(body, PHOTOGRAPHS), wire.Uploaded)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (record("r1/a.jpg.json", None), "its key is none of TAGSTREAM_UPLOADS__ONLY_KEYS"),
        (record("r1/a.xmp", "image/jpeg"), "its key is none of TAGSTREAM_UPLOADS__ONLY_KEYS"),
        (own("a.xmp"), "its key is none of TAGSTREAM_UPLOADS__ONLY_KEYS"),
        (record("a.jpg", "text/html"), "its content type is none of TAGSTREAM_UPLOADS__ONLY_CONTENT_TYPES"),
        (
            own("a.jpg", contentType="video/mp4"),
            "its content type is none of TAGSTREAM_UPLOADS__ONLY_CONTENT_TYPES",
        ),
    ],
)
def test_an_upload_of_anything_else_is_ignored_with_the_reason(body: object, why: str) -> None:
    assert asked(body, PHOTOGRAPHS) == wire.Ignored(why, is_filtered=True)


def test_what_is_gone_is_withdrawn_whatever_its_key_for_it_may_have_been_tagged_before() -> None:
    assert isinstance(asked(record("a.xmp", None, "ObjectRemoved:Delete"), PHOTOGRAPHS), wire.Removed)


@pytest.mark.parametrize("event", ["ObjectCreated:Put", "ObjectRemoved:Delete"])
def test_what_storage_tells_of_the_renditions_own_bucket_is_passed_over(
    event: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some storages notify of all their buckets: each rendition would be an upload off the allow-list."""
    body = record("small/1f/1f.jpg", "image/jpeg", event)
    assert not isinstance(asked(body, settings.load().naming), wire.Ignored)
    monkeypatch.setenv("TAGSTREAM_RENDITIONS__URL", "s3://photos/small")
    monkeypatch.setenv("TAGSTREAM_S3__BUCKETS", '["uploads"]')
    ignored = wire.Ignored("it is in the bucket of renditions", is_filtered=True)
    assert asked(body, settings.load().naming) == ignored


@pytest.mark.parametrize("event", ["ObjectCreated:Put", "ObjectRemoved:Delete"])
@pytest.mark.parametrize(
    "key",
    [
        "part-000001.csv",
        "results/2026/part-123456.jsonl",
        "results/part-1234567.csv",
        "results\n/manifest.json",
        "manifest.json",
        "batch-input.csv",
        "results/batch-input.jsonl",
    ],
)
def test_what_storage_tells_of_what_a_batch_job_has_put_is_passed_over(event: str, key: str) -> None:
    ignored = wire.Ignored("a batch job has put it", is_filtered=True)
    assert asked(record(key, "text/csv", event), Naming()) == ignored


@pytest.mark.parametrize(
    "key",
    [
        "party-000001.jpg",
        "r1/part-000001.jpg",
        "r1/part-000001.csv.jpg",
        "part-1.csv",
        "part-00000\uff11.csv",
        "r1/a-part-000001.csv",
        "manifest.json.jpg",
        "r1/a manifest.json",
        "manifest.json/a.jpg",
        "batch-input.csv/a.jpg",
        "batch-input.jpg",
    ],
)
def test_a_photograph_that_is_called_nearly_as_what_a_batch_job_puts_is_not_passed_over(key: str) -> None:
    assert isinstance(asked(record(key, "image/jpeg"), Naming()), wire.Uploaded)
    assert isinstance(asked(record(key, None, "ObjectRemoved:Delete"), Naming()), wire.Removed)


def test_the_filter_is_said_as_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGSTREAM_UPLOADS__ONLY_KEYS", '["*.jpg"]')
    monkeypatch.setenv("TAGSTREAM_UPLOADS__ONLY_CONTENT_TYPES", '["image/*"]')
    naming = settings.load().uploads
    assert naming.unwanted("a.jpg", "image/jpeg") is None
    assert naming.unwanted("a.json", None)
    assert naming.unwanted("a.jpg", "text/html")


@given(key=st.text(max_size=40), patterns=st.lists(st.text(max_size=9), max_size=3))
def test_no_key_and_no_pattern_is_an_error(key: str, patterns: list[str]) -> None:
    Naming(only_keys=tuple(patterns), only_content_types=tuple(patterns)).unwanted(key, key)
