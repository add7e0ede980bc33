"""What a client's TLS trusts and shows: certificate and host name of the server are always verified."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from schemas.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """What this client shows of itself, in PEM files."""

    file: Path
    key_file: Path | None = None
    """The certificate's own file where absent."""
    key_password: SecretStr | None = None


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """A context that trusts the authorities in `ca_file`, or this system's where it is None.

    Raises:
        ConfigurationError: the file cannot be read, or holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise ConfigurationError(f"{ca_file} holds no PEM certificate of an authority") from error
    except OSError as error:
        raise ConfigurationError(f"{ca_file} cannot be read: {error.strerror}") from error


def show(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    """Make `context` show the certificate.

    Raises:
        ConfigurationError: a file cannot be read, is none, or is not the other's; or a wrong password.
    """
    password = certificate.key_password
    # Always a function: without one OpenSSL would ask on the terminal, and a worker would wait for ever.
    secret = password.get_secret_value() if password else ""
    try:
        context.load_cert_chain(certificate.file, certificate.key_file, lambda: secret)
    except ssl.SSLError as error:
        raise ConfigurationError(_words(certificate, error)) from error
    except OSError as error:
        raise ConfigurationError(f"{_named(certificate)} cannot be read: {error.strerror}") from error


def _words(certificate: ClientCertificate, error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"{_named(certificate)} do not belong together"
    return f"{_named(certificate)} hold no PEM certificate and key, or key_password is not the key's"


def _named(certificate: ClientCertificate) -> str:
    return " and ".join(str(path) for path in (certificate.file, certificate.key_file) if path)
