"""Authorities and certificates of a test's own making, good for a day."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)
LOOPBACK = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, in PEM files."""

    file: Path
    key_file: Path


class Authority:
    """Who signs certificates; `file` is what a client trusts it by."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._name = _named(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        own = _builder(self._name, self._key.public_key(), DAY).issuer_name(self._name)
        signed = own.add_extension(constraints, critical=True).sign(self._key, hashes.SHA256())
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(signed.public_bytes(Encoding.PEM))

    def certificate(
        self,
        name: str,
        *,
        names: x509.SubjectAlternativeName = LOOPBACK,
        until: timedelta = DAY,
        password: str | None = None,
    ) -> Certificate:
        """A certificate for `names`, valid `until` so long from now (in the past, below nothing)."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_named(name), key.public_key(), until).issuer_name(self._name)
        signed = builder.add_extension(names, critical=False).sign(self._key, hashes.SHA256())
        made = Certificate(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        made.file.write_bytes(signed.public_bytes(Encoding.PEM))
        made.key_file.write_bytes(_private(key, password))
        return made


def server_context(certificate: Certificate, *, clients_of: Authority | None = None) -> ssl.SSLContext:
    """What a server shows; `clients_of` is whose clients it takes, and nobody without their certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.file, certificate.key_file)
    if clients_of:
        context.load_verify_locations(clients_of.file)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(name: x509.Name, key: ec.EllipticCurvePublicKey, until: timedelta) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    numbered = x509.CertificateBuilder().serial_number(x509.random_serial_number())
    named = numbered.subject_name(name).public_key(key)
    return named.not_valid_before(now - 2 * DAY).not_valid_after(now + until)


def _private(key: ec.EllipticCurvePrivateKey, password: str | None) -> bytes:
    locked: KeySerializationEncryption = (
        BestAvailableEncryption(password.encode()) if password else NoEncryption()
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
