"""Kafka service: one node that is broker and controller, with a listener for each way to connect."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from deploy.stack.builds import JAVA, jars
from deploy.stack.credentials import Credentials, write_privately
from deploy.stack.layout import HOST, Layout, listens
from deploy.stack.service import Service, Start

NAME: Final = "kafka"
MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_HEAP: Final = "-Xmx256m"
_CLUSTER: Final = "dGFnc3RyZWFtLXN0YWNrMQ"
"""22 characters of base64, as Kafka wants its cluster's name."""
_STORE: Final = "kafka.p12"


def broker(layout: Layout, credentials: Callable[[], Credentials]) -> Service:
    """The broker; formatted, with its certificate and its users, at its first start."""
    port = layout.ports.kafka
    return Service(
        NAME, layout.of(NAME), lambda: _start(layout, credentials()), is_ready=lambda: listens(port)
    )


def _start(layout: Layout, credentials: Credentials) -> Start:
    libraries = f"{jars(NAME, layout.cache)}/*"
    folder = layout.of(NAME)
    _certify(folder, credentials.keystore_password)
    properties = folder / "server.properties"
    write_privately(properties, _properties(layout, credentials))
    if not (folder / "data" / "meta.properties").exists():
        _format(libraries, properties, credentials)
    # Its log4j is not among its libraries: what it says goes through slf4j's simplest, warnings alone.
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    return Start((*JAVA, _HEAP, quiet, "-cp", libraries, "kafka.Kafka", str(properties)))


def ca_file(layout: Layout) -> Path:
    """The certificate that the TLS listeners are to be believed by."""
    return layout.of(NAME) / "ca.pem"


def _certify(folder: Path, password: str) -> None:
    store, store_options = folder / _STORE, ["-storepass", password, "-alias", NAME]
    if store.exists():
        return
    _run(
        *["keytool", "-genkeypair", "-keystore", str(store), "-storetype", "PKCS12", *store_options],
        *["-keyalg", "RSA", "-validity", "3650", "-dname", "CN=localhost"],
        *["-ext", "SAN=dns:localhost,ip:127.0.0.1", "-ext", "BC=ca:true"],
        *["-ext", "KU=digitalSignature,keyCertSign"],
    )
    certificate = str(folder / "ca.pem")
    _run("keytool", "-exportcert", "-rfc", "-keystore", str(store), *store_options, "-file", certificate)


def _format(libraries: str, properties: Path, credentials: Credentials) -> None:
    user = f"[name={credentials.user},password={credentials.kafka_password}]"
    scram = [f"{mechanism}={user}" for mechanism in MECHANISMS if mechanism.startswith("SCRAM")]
    added = [word for each in scram for word in ("--add-scram", each)]
    tool = [*JAVA, _HEAP, "-cp", libraries, "kafka.tools.StorageTool", "format", "--standalone"]
    _run(*tool, "--cluster-id", _CLUSTER, "--config", str(properties), *added)


def _run(*command: str) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"{command[0]} failed: {ran.stdout[-500:]}{ran.stderr[-500:]}")


def _properties(layout: Layout, credentials: Credentials) -> str:
    ports, folder = layout.ports, layout.of(NAME)
    listeners = {"PLAINTEXT": ports.kafka, "SSL": ports.kafka_ssl, "SASL_SSL": ports.kafka_sasl}
    advertised = ",".join(f"{name}://{HOST}:{port}" for name, port in listeners.items())
    login = "org.apache.kafka.common.security"
    said = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "listeners": f"{advertised},CONTROLLER://{HOST}:{ports.kafka_controller}",
        "advertised.listeners": advertised,
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.bootstrap.servers": f"{HOST}:{ports.kafka_controller}",
        "listener.security.protocol.map": (
            "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL"
        ),
        "inter.broker.listener.name": "PLAINTEXT",
        "sasl.enabled.mechanisms": ",".join(MECHANISMS),
        "listener.name.sasl_ssl.plain.sasl.jaas.config": (
            f'{login}.plain.PlainLoginModule required user_{credentials.user}="{credentials.kafka_password}";'
        ),
        **{
            f"listener.name.sasl_ssl.{mechanism.lower()}.sasl.jaas.config": (
                f"{login}.scram.ScramLoginModule required;"
            )
            for mechanism in MECHANISMS
            if mechanism.startswith("SCRAM")
        },
        "ssl.keystore.location": folder / _STORE,
        "ssl.keystore.type": "PKCS12",
        "ssl.keystore.password": credentials.keystore_password,
        "log.dirs": folder / "data",
        # A topic is made on purpose, with its partitions: never by the first who misspells it.
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        # Faults are tried on it, and nobody wants to wait for three seconds each time.
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
        "log.cleaner.backoff.ms": 500,
        "log.retention.check.interval.ms": 1000,
    }
    return "".join(f"{name}={value}\n" for name, value in said.items())
