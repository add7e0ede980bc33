"""What TLS trusts and shows, and how a wrong file is told."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from pydantic import SecretStr

from schemas.errors import ConfigurationError
from streams.adapters.kafka import connection
from streams.adapters.kafka.connection import ClientCertificate
from tests.certificates import Authority

SECRET = SecretStr("canary-of-the-key")


def refused(certificate: ClientCertificate) -> str:
    with pytest.raises(ConfigurationError) as raised:
        connection.show(connection.trusting(None), certificate)
    said = str(raised.value)
    assert SECRET.get_secret_value() not in said
    return said


def test_certificate_and_host_name_are_verified_whoever_is_trusted(tmp_path: Path) -> None:
    for ca_file in (None, Authority(tmp_path).file):
        context = connection.trusting(ca_file)
        assert context.check_hostname
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_an_authority_of_ones_own_is_trusted_alone(tmp_path: Path) -> None:
    assert len(connection.trusting(Authority(tmp_path).file).get_ca_certs()) == 1


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.pem cannot be read: No such file"):
        connection.trusting(tmp_path / "nowhere.pem")
    with pytest.raises(ConfigurationError, match=r"cannot be read: Is a directory|holds no PEM"):
        connection.trusting(tmp_path)


def test_a_file_without_a_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    key = Authority(tmp_path).certificate("client").key_file
    for file in (tmp_path / "empty.pem", key):
        with pytest.raises(ConfigurationError, match=f"{file.name} holds no PEM certificate"):
            connection.trusting(file)


def test_a_client_shows_its_certificate_with_its_key(tmp_path: Path) -> None:
    made = Authority(tmp_path).certificate("client")
    connection.show(connection.trusting(None), ClientCertificate(made.file, made.key_file))


def test_certificate_and_key_may_be_one_file(tmp_path: Path) -> None:
    made = Authority(tmp_path).certificate("client")
    both = tmp_path / "both.pem"
    both.write_bytes(made.file.read_bytes() + made.key_file.read_bytes())
    connection.show(connection.trusting(None), ClientCertificate(both))


def test_an_encrypted_key_is_opened_with_its_password(tmp_path: Path) -> None:
    made = Authority(tmp_path).certificate("client", password=SECRET.get_secret_value())
    connection.show(connection.trusting(None), ClientCertificate(made.file, made.key_file, SECRET))


@pytest.mark.parametrize("password", [None, SecretStr("another one")])
def test_a_wrong_password_is_a_line_and_no_question_on_the_terminal(
    tmp_path: Path, password: SecretStr | None
) -> None:
    made = Authority(tmp_path).certificate("client", password=SECRET.get_secret_value())
    assert "key_password is not the key's" in refused(ClientCertificate(made.file, made.key_file, password))


def test_a_key_of_another_certificate_is_told(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one, other = authority.certificate("one"), authority.certificate("other")
    assert "do not belong together" in refused(ClientCertificate(one.file, other.key_file))


def test_a_key_that_is_not_there_is_told(tmp_path: Path) -> None:
    made = Authority(tmp_path).certificate("client")
    assert "cannot be read: No such file" in refused(ClientCertificate(made.file, tmp_path / "none.key"))
