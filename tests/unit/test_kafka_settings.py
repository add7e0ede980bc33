"""How Kafka is spoken to: which settings go together, and what becomes of them."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest
from faust.auth import SASLCredentials, SSLCredentials
from faust.types.auth import AuthProtocol, SASLMechanism

from agents.wiring import settings
from agents.wiring.backends import kafka_connection
from schemas.errors import ConfigurationError
from streams.adapters.kafka.connection import KafkaConnection
from streams.app import _credentials
from tests.certificates import Authority

LOGIN = {"USERNAME": "tagger", "PASSWORD": "canary-of-kafka"}


@pytest.fixture(autouse=True)
def an_empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("TAGSTREAM_"):
            monkeypatch.delenv(name)


def load(monkeypatch: pytest.MonkeyPatch, **given: str) -> settings.Settings:
    for name, value in given.items():
        monkeypatch.setenv(f"TAGSTREAM_KAFKA__{name}", value)
    return settings.load()


def connection(monkeypatch: pytest.MonkeyPatch, **given: str) -> KafkaConnection:
    return kafka_connection(load(monkeypatch, **given))


def test_nothing_set_is_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    found = connection(monkeypatch)
    assert (found.protocol, found.tls, found.login) == ("PLAINTEXT", None, None)
    assert found.options == {
        "bootstrap_servers": "127.0.0.1:9092",
        "security_protocol": "PLAINTEXT",
        "ssl_context": None,
    }
    assert _credentials(found) is None


def test_a_bare_address_is_in_the_clear() -> None:
    assert KafkaConnection.to("a:1") == KafkaConnection("a:1")
    assert KafkaConnection.to(KafkaConnection("a:1")) == KafkaConnection("a:1")


def test_tls_reaches_every_client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = connection(monkeypatch, SECURITY="ssl", CA_FILE=str(Authority(tmp_path).file))
    assert found.options["security_protocol"] == "SSL"
    assert isinstance(found.options["ssl_context"], ssl.SSLContext)
    given = _credentials(found)
    assert isinstance(given, SSLCredentials)
    assert given.context is found.tls


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("security", ["sasl_plaintext", "sasl_ssl"])
def test_a_login_reaches_every_client(monkeypatch: pytest.MonkeyPatch, mechanism: str, security: str) -> None:
    found = connection(monkeypatch, SECURITY=security, SASL_MECHANISM=mechanism, **LOGIN)
    assert found.options["security_protocol"] == security.upper()
    assert found.options["sasl_mechanism"] == mechanism
    assert found.options["sasl_plain_username"] == "tagger"
    assert found.options["sasl_plain_password"] == LOGIN["PASSWORD"]
    given = _credentials(found)
    assert isinstance(given, SASLCredentials)
    assert given.protocol is AuthProtocol(security.upper())
    assert given.mechanism is SASLMechanism(mechanism)
    assert (given.username, given.password) == tuple(LOGIN.values())
    assert given.ssl_context is found.tls


def test_a_password_is_never_sent_as_such_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    found = connection(monkeypatch, SECURITY="sasl_ssl", **LOGIN)
    assert found.options["sasl_mechanism"] == "SCRAM-SHA-512"


def test_a_connection_shows_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    found = connection(monkeypatch, SECURITY="sasl_ssl", **LOGIN)
    assert "tagger" in repr(found)
    assert "canary" not in repr(found) + str(found)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"SECURITY": "tls"}, "TAGSTREAM_KAFKA__SECURITY: Input should be 'plaintext', 'ssl'"),
        ({"CA_FILE": "/ca.pem"}, "ca_file is of no use with security plaintext; set it to ssl or sasl_ssl"),
        ({"CERTIFICATE_FILE": "/c.pem", "SECURITY": "sasl_plaintext", **LOGIN}, "certificate_file is of no"),
        ({"KEY_FILE": "/c.key", "SECURITY": "ssl"}, "a key without certificate_file; set it, or neither"),
        ({"KEY_PASSWORD": "canary", "SECURITY": "ssl"}, "a key without certificate_file"),
        (LOGIN, "username is of no use with security plaintext; set it to sasl_ssl"),
        ({"SECURITY": "ssl", **LOGIN}, "username is of no use with security ssl; set it to sasl_ssl"),
        ({"SECURITY": "sasl_ssl"}, "security sasl_ssl wants both username and password"),
        ({"SECURITY": "sasl_ssl", "USERNAME": "tagger"}, "wants both username and password"),
        ({"SECURITY": "sasl_ssl", "PASSWORD": "canary"}, "wants both username and password"),
        ({"SECURITY": "sasl_ssl", "SASL_MECHANISM": "GSSAPI"}, "TAGSTREAM_KAFKA__SASL_MECHANISM: Input"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(monkeypatch, **given)
    line = str(raised.value)
    assert line.startswith("TAGSTREAM_KAFKA")
    assert said in line
    assert "\n" not in line
    assert "canary" not in line


def test_a_wrong_file_names_its_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^TAGSTREAM_KAFKA__CA_FILE: .*none\.pem cannot be read"):
        connection(monkeypatch, SECURITY="ssl", CA_FILE=str(tmp_path / "none.pem"))
    authority = Authority(tmp_path)
    one, other = authority.certificate("one"), authority.certificate("other")
    monkeypatch.setenv("TAGSTREAM_KAFKA__CA_FILE", str(authority.file))
    with pytest.raises(ConfigurationError, match=r"^TAGSTREAM_KAFKA__CERTIFICATE_FILE: .*belong together"):
        connection(monkeypatch, CERTIFICATE_FILE=str(one.file), KEY_FILE=str(other.key_file))


def test_at_a_rebalance_work_has_half_a_session_and_no_longer_than_at_a_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert load(monkeypatch, SESSION_TIMEOUT="8", DRAIN_LIMIT="20").kafka.revocation_limit == 4
    assert load(monkeypatch, SESSION_TIMEOUT="8", DRAIN_LIMIT="1").kafka.revocation_limit == 1
