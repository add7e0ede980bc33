"""The settings, read from the environment in one place."""

import json
import os
import re
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from typer.testing import CliRunner

from agents.wiring import settings
from schemas.errors import ConfigurationError
from schemas.rendition_recipe import RenditionRecipe
from streams.inflight import WindowLimits
from tagstream.commands import config


@pytest.fixture(autouse=True)
def an_empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("TAGSTREAM_", "AWS_")):
            monkeypatch.delenv(name)


def refused() -> str:
    with pytest.raises(ConfigurationError) as raised:
        settings.load()
    said = str(raised.value)
    assert "\n" not in said
    return said


def test_without_any_variable_every_setting_has_its_default() -> None:
    given = settings.load()
    assert given.kafka.brokers == "127.0.0.1:9092"
    assert given.s3.buckets == ()
    assert given.metrics.port is None


def test_a_nested_name_sets_its_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGSTREAM_KAFKA__BROKERS", "a:1,b:2")
    monkeypatch.setenv("TAGSTREAM_BATCH__MAX_SIZE", "64")
    monkeypatch.setenv("TAGSTREAM_S3__BUCKETS", '["photos", "archive"]')
    given = settings.load()
    assert (given.kafka.brokers, given.batch.max_size) == ("a:1,b:2", 64)
    assert given.s3.buckets == ("photos", "archive")
    assert given.batch.intake == 4 * 64


def test_the_case_of_a_name_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("tagstream_batch__max_size", "5")
    assert settings.load().batch.max_size == 5


def test_settings_are_frozen() -> None:
    given = settings.load()
    with pytest.raises(ValidationError, match="frozen"):
        given.batch.max_size = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("misspelt", "nearest"),
    [
        ("TAGSTREAM_BATCH__MAXSIZE", "TAGSTREAM_BATCH__MAX_SIZE"),
        ("TAGSTREAM_KAFKA_BROKERS", "TAGSTREAM_KAFKA__BROKERS"),
        ("TAGSTREAM_S3__BUCKET", "TAGSTREAM_S3__BUCKETS"),
        ("tagstream_log__levle", "TAGSTREAM_LOG__LEVEL"),
    ],
)
def test_an_unknown_name_is_refused_and_the_nearest_is_named(
    monkeypatch: pytest.MonkeyPatch, misspelt: str, nearest: str
) -> None:
    monkeypatch.setenv(misspelt, "1")
    said = refused()
    assert said.startswith(f"{misspelt} is not a setting")
    assert said.endswith(f"did you mean {nearest}?")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TAGSTREAM_BATCH__MAX_SIZE", "many"),
        ("TAGSTREAM_BATCH__MAX_SIZE", "0"),
        ("TAGSTREAM_BATCH__MAX_SIZE", ""),
        ("TAGSTREAM_KAFKA__SESSION_TIMEOUT", "-1"),
        ("TAGSTREAM_MODEL__DEVICE", "tpu"),
        ("TAGSTREAM_LOG__LEVEL", "loud"),
        ("TAGSTREAM_METRICS__PORT", "65536"),
    ],
)
def test_a_wrong_value_names_its_variable_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert refused().startswith(f"{name}: ")


def test_the_standard_aws_names_are_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://storage:9000")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    given = settings.load()
    assert (given.aws_endpoint_url, given.aws_region) == ("http://storage:9000", "eu-west-3")


def test_the_more_specific_aws_names_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://general:9000")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://s3:9000")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    given = settings.load()
    assert (given.aws_endpoint_url, given.aws_region) == ("http://s3:9000", "eu-west-1")


def test_other_aws_names_are_none_of_our_business(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "default")
    settings.load()


@pytest.fixture
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGSTREAM_S3__ACCESS_KEY_ID", "key-in-the-clear")
    monkeypatch.setenv("TAGSTREAM_S3__SECRET_ACCESS_KEY", "secret-in-the-clear")


@pytest.mark.usefixtures("_secrets")
def test_secrets_are_masked_wherever_settings_are_printed() -> None:
    given = settings.load()
    for printed in (repr(given), str(given), given.model_dump_json(), str(given.model_dump())):
        assert "in-the-clear" not in printed
    assert given.s3.secret_access_key == SecretStr("secret-in-the-clear")


@pytest.mark.usefixtures("_secrets")
@pytest.mark.parametrize("arguments", [["show"], ["show", "--json"]])
def test_config_show_masks_secrets(arguments: list[str]) -> None:
    shown = CliRunner().invoke(config.app, arguments)
    assert shown.exit_code == 0
    assert "in-the-clear" not in shown.output


def test_a_wrong_value_is_not_repeated_for_it_may_be_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGSTREAM_KAFKA__DRAIN_LIMIT", "pasted-secret")
    assert "pasted-secret" not in refused()


def test_config_show_lists_every_setting_with_its_value_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGSTREAM_BATCH__MAX_SIZE", "64")
    shown: dict[str, Any] = json.loads(CliRunner().invoke(config.app, ["show", "--json"]).output)
    assert set(shown) == set(settings.names())
    assert shown["TAGSTREAM_BATCH__MAX_SIZE"]["value"] == 64


def test_every_setting_says_what_it_means() -> None:
    for each in settings.described():
        assert re.fullmatch(r"TAGSTREAM_[A-Z0-9]+__[A-Z0-9_]+", each.name)
        assert each.meaning, each.name


@pytest.mark.parametrize(
    "bucket",
    ["", "a", "photos/", "a@evil.example", "evil.example:80", "photos?", "photos#", "..", ".photos", "a b",
     "arn:aws:s3:us-east-1:123456789012:accesspoint/photos", "photos\n"],
)  # fmt: skip
def test_what_could_be_another_host_is_no_bucket(monkeypatch: pytest.MonkeyPatch, bucket: str) -> None:
    monkeypatch.setenv("TAGSTREAM_S3__BUCKETS", json.dumps(["photos", bucket]))
    assert "is not a bucket's name" in refused()


@pytest.mark.parametrize("bucket", ["photos", "my.photos-2026", "Old_Bucket", "photos--use1-az4--x-s3"])
def test_names_that_storages_have_are_buckets(monkeypatch: pytest.MonkeyPatch, bucket: str) -> None:
    monkeypatch.setenv("TAGSTREAM_S3__BUCKETS", json.dumps([bucket]))
    assert settings.load().s3.buckets == (bucket,)


def shown(*arguments: str) -> str:
    ran = CliRunner().invoke(config.app, ["show", *arguments], env={"COLUMNS": "200"})
    assert ran.exit_code == 0
    return ran.output


def test_config_show_shows_the_settings_that_people_turn_and_all_of_them_if_asked() -> None:
    everything = set(settings.names())
    turned = {each.name for each in settings.described() if not each.is_advanced}
    assert (len(turned), len(everything)) == (55, 95)
    assert set(re.findall(r"TAGSTREAM_\w+__\w+", shown())) - everything == set()
    assert {line.split()[0] for line in shown().splitlines() if line.startswith("TAGSTREAM_")} == turned
    of_all = {line.split()[0] for line in shown("--all").splitlines() if line.startswith("TAGSTREAM_")}
    assert of_all == everything


def test_config_show_shows_what_is_set_though_hardly_anybody_turns_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TAGSTREAM_BREAKER__CALLS", "7")
    assert "TAGSTREAM_BREAKER__CALLS" in shown()
    assert "TAGSTREAM_BREAKER__CALLS" in shown("--changed")


def test_config_show_tells_what_follows_another_setting() -> None:
    everything: dict[str, Any] = json.loads(shown("--json"))
    derived = {name: each["value"] for name, each in everything.items() if each["source"] == "derived"}
    assert derived == {
        "TAGSTREAM_S3__CONCURRENCY": 32,
        "TAGSTREAM_DECODE__LOADING": 32,
        "TAGSTREAM_BATCH__INTAKE": 128,
        "TAGSTREAM_WINDOW__BESIDE_UPLOADS": WindowLimits().beside_uploads,
    }
    assert json.loads(shown("--json", "--changed")) == {}


def test_renditions_are_kept_in_a_bucket_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGSTREAM_S3__BUCKETS", '["photos"]')
    monkeypatch.setenv("TAGSTREAM_RENDITIONS__URL", "s3://photos/small")
    with pytest.raises(ConfigurationError, match=r"TAGSTREAM_RENDITIONS: .* a bucket of their own"):
        settings.load()
    monkeypatch.setenv("TAGSTREAM_RENDITIONS__URL", "s3://photos-small/a")
    assert settings.load().renditions.recipe == RenditionRecipe(side=320, quality=90)


def test_renditions_are_kept_nowhere_unless_a_place_is_named() -> None:
    kept = settings.load().renditions
    assert (kept.place, kept.recipe) == (None, None)


def test_a_folder_is_no_place_for_renditions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGSTREAM_RENDITIONS__URL", "/var/lib/small")
    with pytest.raises(ConfigurationError, match=r"RENDITIONS__URL: renditions are kept at s3://"):
        settings.load()
