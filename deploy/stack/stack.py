"""Service orchestration: up in the order in which they need each other, and down again."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from deploy.stack import broker as kafka
from deploy.stack.broker import broker
from deploy.stack.builds import classes, gateway, jars
from deploy.stack.credentials import Credentials, write_privately
from deploy.stack.documents import documents
from deploy.stack.layout import HOST, Layout
from deploy.stack.service import NotReady, Service
from deploy.stack.storage import storage
from schemas import topics

BUCKET: Final = "photos"
DATABASE: Final = "tagstream"


@dataclass(frozen=True)
class Stack:
    """The servers of one layout, whether they run or not."""

    layout: Layout
    documents_url: str | None = field(default=None, repr=False)
    """A server of MongoDB's protocol that is somebody else's: it is neither started nor stopped."""
    database: str = DATABASE

    @cached_property
    def credentials(self) -> Credentials:
        """Made up when they are first asked for."""
        return Credentials.kept_in(self.layout.folder)

    @cached_property
    def broker(self) -> Service:
        """Apache Kafka."""
        return broker(self.layout, lambda: self.credentials)

    @cached_property
    def documents(self) -> Service:
        """MongoDB's protocol."""
        return documents(self.layout)

    @cached_property
    def storage(self) -> Service:
        """S3."""
        return storage(self.layout, lambda: self.credentials, topic=topics.UPLOADED)

    @property
    def services(self) -> tuple[Service, ...]:
        """In the order of their starts."""
        documents = () if self.documents_url else (self.documents,)
        return self.broker, *documents, self.storage

    def up(self) -> None:
        """Start what does not run; topics, indexes and bucket are there when it returns. Safe to run again.

        Raises:
            Missing: this machine lacks what they are made of.
            NotReady: a port is somebody else's, or a server does not answer.
        """
        self.fetch()
        self._refuse_taken_ports()
        self.broker.start()
        self._tagstream("topics", "apply", "--partitions", "4")
        if not self.documents_url:
            self.documents.start()
        self._tagstream("store", "apply")
        self.storage.start()
        self._make_bucket()
        write_privately(self.layout.folder / "stack.env", self.environment_file())

    def fetch(self) -> None:
        """Fetch and build all that the servers are made of, each unless it is there; raises `Missing`."""
        jars(self.broker.name, self.layout.cache)
        if not self.documents_url:
            classes(self.documents.name, self.layout.cache)
        gateway(self.layout.cache)

    def down(self) -> tuple[str, ...]:
        """Stop what runs of it, and nothing else; the names of what was stopped."""
        return tuple(service.name for service in reversed(self.services) if service.stop())

    @property
    def settings(self) -> Mapping[str, str]:
        """What Tagstream's commands need in their environment to work with the stack."""
        ports = self.layout.ports
        return {
            "TAGSTREAM_KAFKA__BROKERS": f"{HOST}:{ports.kafka}",
            "TAGSTREAM_STORE__URL": self.documents_url or f"mongodb://{HOST}:{ports.mongo}",
            "TAGSTREAM_STORE__DATABASE": self.database,
            "TAGSTREAM_S3__ENDPOINT_URL": f"http://{HOST}:{ports.s3}",
            "TAGSTREAM_S3__REGION": "us-east-1",
            "TAGSTREAM_S3__ACCESS_KEY_ID": self.credentials.user,
            "TAGSTREAM_S3__SECRET_ACCESS_KEY": self.credentials.s3_secret,
            "TAGSTREAM_S3__BUCKETS": f'["{BUCKET}"]',
            "TAGSTREAM_UPLOADS__KEYS": "raw",  # as versitygw spells them
        }

    def environment_file(self) -> str:
        """The settings as a shell reads them."""
        return "".join(f"{name}={shlex.quote(value)}\n" for name, value in self.settings.items())

    @property
    def secure_settings(self) -> Mapping[str, str]:
        """Beyond those: where Kafka is to be reached through TLS and with a password."""
        return {
            "KAFKA_SSL": f"{HOST}:{self.layout.ports.kafka_ssl}",
            "KAFKA_SASL": f"{HOST}:{self.layout.ports.kafka_sasl}",
            "KAFKA_CA_FILE": str(kafka.ca_file(self.layout)),
            "KAFKA_USERNAME": self.credentials.user,
            "KAFKA_PASSWORD": self.credentials.kafka_password,
        }

    def _refuse_taken_ports(self) -> None:
        ours = {service.name for service in self.services if service.pid() is not None}
        for name, port in self.layout.ports.taken().items():
            if name.partition("_")[0] not in ours:
                variable = f"STACK_{name.upper()}_PORT"
                raise NotReady(f"port {port} is taken by another program: choose one with {variable}=...")

    def _make_bucket(self) -> None:
        import boto3  # noqa: PLC0415 - half a second, which `down` and `status` need not wait

        client = boto3.client(
            "s3",
            endpoint_url=self.settings["TAGSTREAM_S3__ENDPOINT_URL"],
            region_name=self.settings["TAGSTREAM_S3__REGION"],
            aws_access_key_id=self.credentials.user,
            aws_secret_access_key=self.credentials.s3_secret,
        )
        if BUCKET not in [each["Name"] for each in client.list_buckets()["Buckets"]]:
            client.create_bucket(Bucket=BUCKET)

    def _tagstream(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "tagstream", *arguments]
        environment = os.environ | self.settings
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if ran.returncode:
            said = f"{ran.stdout}{ran.stderr}".strip()
            raise NotReady(f"`tagstream {' '.join(arguments)}` failed:\n{said[-1000:]}")
