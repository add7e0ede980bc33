"""docker-compose.yml: what can be known of it without a Docker engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml  # type: ignore[import-untyped]
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from agents.wiring import settings
from schemas import topics

ROOT = Path(__file__).parents[2]
MARGIN = 5.0
"""Seconds between a worker's own limit and Docker's kill -9."""


def _seconds(given: str) -> float:
    units = {"s": 1.0, "m": 60.0}
    return float(given[:-1]) * units[given[-1]]


Seconds = Annotated[float, BeforeValidator(_seconds)]


class Part(BaseModel):
    """What we ask of a part of the file. Which keys there are, and of what kind, `make check` holds."""

    model_config = ConfigDict(frozen=True)


class Build(Part):
    context: str
    dockerfile: str


class HealthCheck(Part):
    test: list[str] = []
    interval: Seconds = 0
    timeout: Seconds = 0
    retries: int = 0
    start_period: Seconds = 0
    disable: bool = False


class Dependency(Part):
    condition: Literal["service_healthy", "service_completed_successfully"]


class Limits(Part):
    cpus: str
    memory: str = Field(pattern=r"^\d+[mg]$")


class Device(Part):
    driver: Literal["nvidia"]


class Reservations(Part):
    devices: list[Device]


class Resources(Part):
    limits: Limits
    reservations: Reservations | None = None


class Deploy(Part):
    resources: Resources


class Logging(Part):
    driver: Literal["local"]


class Service(Part):
    image: str
    deploy: Deploy
    healthcheck: HealthCheck
    logging: Logging
    restart: Literal["no", "unless-stopped"]
    build: Build | None = None
    cap_drop: list[str] = []
    command: list[str] = []
    depends_on: dict[str, Dependency] = {}
    environment: dict[str, str | int] = {}
    init: bool = False
    ports: list[str] = []
    profiles: list[str] = []
    read_only: bool = False
    security_opt: list[str] = []
    stop_grace_period: Seconds = 10
    tmpfs: list[str] = []
    volumes: list[str] = []

    @property
    def is_job(self) -> bool:
        """Whether it ends by itself."""
        return self.restart == "no"

    @property
    def is_ours(self) -> bool:
        """Whether it runs our image."""
        return self.image.startswith("tagstream:")


def written() -> str:
    return (ROOT / "docker-compose.yml").read_text()


def parsed() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(written())
    return document


HARMLESS = {*Service.model_fields, "entrypoint", "stdin_open", "tty"}
"""The keys of a service that ask nothing of the host: no privileges, devices or namespaces of its."""

SERVICES = {name: Service.model_validate(given) for name, given in parsed()["services"].items()}
LASTING = {name: service for name, service in SERVICES.items() if not service.is_job}
OURS = {name: service for name, service in SERVICES.items() if service.is_ours}
WORKERS = {name: service for name, service in OURS.items() if service.command == ["worker"]}
SERVERS = {name: service for name, service in OURS.items() if service.command == ["serve"]}


def test_it_says_at_its_top_that_it_was_not_run() -> None:
    head = " ".join(written().split("name:")[0].replace("#", " ").split())
    assert "Schema-checked; not run on the machine it was written on" in head


def test_it_holds_what_the_stack_is_made_of() -> None:
    assert {"kafka", "mongo", "minio", "topics", "indexes", "bucket", "worker", "serve"} <= set(SERVICES)
    assert set(WORKERS) == {"worker", "worker-gpu"}
    assert set(SERVERS) == {"serve"}


def test_no_service_asks_for_anything_of_the_host() -> None:
    asked = {name: set(given) - HARMLESS for name, given in parsed()["services"].items()}
    assert {name: keys for name, keys in asked.items() if keys} == {}


def test_what_starts_without_a_profile_depends_on_nothing_in_one() -> None:
    plain = {name for name, service in SERVICES.items() if not service.profiles}
    servers, jobs = {"kafka", "mongo", "minio"}, {"replica-set", "topics", "indexes", "bucket"}
    assert plain == {*servers, *jobs, "worker", "serve"}
    for name in plain:
        assert set(SERVICES[name].depends_on) <= plain


def test_profiles_are_the_documented_ones() -> None:
    profiles = {profile for service in SERVICES.values() for profile in service.profiles}
    assert profiles == {"gpu", "tools", "metrics"}
    page = (ROOT / "docs" / "deploy.md").read_text()
    for profile in profiles:
        assert f"--profile {profile}" in page


def test_every_setting_it_names_is_one(subtests: pytest.Subtests) -> None:
    for name, service in OURS.items():
        with subtests.test(name):
            known = set(settings.names())
            assert {name for name in service.environment if name.startswith(settings.PREFIX)} <= known


def test_worker_and_api_start_with_these_settings(
    subtests: pytest.Subtests, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, service in (WORKERS | SERVERS).items():
        with subtests.test(name), monkeypatch.context() as patch:
            for variable, value in service.environment.items():
                patch.setenv(variable, re.sub(r"\$\{\w+:\?[^}]*\}", "example", str(value)))
            given = settings.load()
            assert given.kafka.brokers == "kafka:9092"
            assert given.s3.buckets == ("photos",)


def test_every_topic_it_names_is_one() -> None:
    named = set(re.findall(r"photos\.[a-z.]+\.v\d+[a-z.]*", written()))
    assert named == {topics.UPLOADED}


def test_storage_announces_uploads_to_the_topic_that_workers_read() -> None:
    assert SERVICES["minio"].environment["MINIO_NOTIFY_KAFKA_TOPIC_TAGSTREAM"] == topics.UPLOADED
    assert SERVICES["minio"].environment["MINIO_NOTIFY_KAFKA_BROKERS_TAGSTREAM"] == "kafka:9092"
    assert SERVICES["bucket"].command == ["arn:minio:sqs::TAGSTREAM:kafka"]


def test_storage_keeps_what_the_broker_did_not_take_on_a_volume() -> None:
    kept = SERVICES["minio"].environment["MINIO_NOTIFY_KAFKA_QUEUE_DIR_TAGSTREAM"]
    assert kept in {volume.split(":")[1] for volume in SERVICES["minio"].volumes}


def test_the_replica_set_has_one_name() -> None:
    name = "tagstream"
    assert f"--replSet {name} " in SERVICES["mongo"].command[-1]
    assert f"_id: '{name}'" in SERVICES["replica-set"].command[-1]
    for service in OURS.values():
        assert str(service.environment["TAGSTREAM_STORE__URL"]).endswith(f"&replicaSet={name}")


def test_the_broker_keeps_its_log_on_a_volume_and_makes_no_topic_by_itself() -> None:
    kafka = SERVICES["kafka"]
    assert f"kafka:{kafka.environment['KAFKA_LOG_DIRS']}" in kafka.volumes
    assert kafka.environment["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_a_dependency_is_there_and_can_come_true(subtests: pytest.Subtests) -> None:
    for name, service in SERVICES.items():
        with subtests.test(name):
            for needed, dependency in service.depends_on.items():
                target = SERVICES[needed]
                if dependency.condition == "service_healthy":
                    assert target.healthcheck.test
                else:
                    assert target.is_job


def test_what_lasts_has_a_health_check_within_bounds(subtests: pytest.Subtests) -> None:
    for name, service in LASTING.items():
        with subtests.test(name):
            check = service.healthcheck
            assert not check.disable
            assert check.test[0] == "CMD"  # exec form: no shell has to be in the image
            assert 0 < check.timeout <= check.interval + MARGIN
            assert check.retries > 0


def test_what_lasts_restarts_and_is_bounded(subtests: pytest.Subtests) -> None:
    for name, service in LASTING.items():
        with subtests.test(name):
            assert service.restart == "unless-stopped"
            assert float(service.deploy.resources.limits.cpus) > 0


def test_ports_are_published_on_the_loopback_alone(subtests: pytest.Subtests) -> None:
    for name, service in SERVICES.items():
        with subtests.test(name):
            for port in service.ports:
                assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


def test_an_image_is_pinned_to_a_release_or_built_here(subtests: pytest.Subtests) -> None:
    for name, service in SERVICES.items():
        with subtests.test(name):
            _, _, tag = service.image.rpartition(":")
            if service.build is None:
                assert re.fullmatch(r"v?\d+\.\d+\.\d+", tag)
            else:
                assert tag in {"local", "local-gpu"}
                assert (ROOT / service.build.context / service.build.dockerfile).exists() or (
                    ROOT / service.build.dockerfile
                ).exists()


def test_a_named_volume_is_declared(subtests: pytest.Subtests) -> None:
    for name, service in SERVICES.items():
        with subtests.test(name):
            named = {volume.split(":")[0] for volume in service.volumes}
            declared = set(parsed()["volumes"])
            assert {name for name in named if not name.startswith("./")} <= declared
            assert all((ROOT / name).exists() for name in named if name.startswith("./"))


def test_no_declared_volume_is_left_over() -> None:
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.volumes}
    assert set(parsed()["volumes"]) <= used


def test_docker_waits_longer_than_a_worker_takes_to_end(
    subtests: pytest.Subtests, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, service in WORKERS.items():
        with subtests.test(name), monkeypatch.context() as patch:
            for variable, value in service.environment.items():
                if variable.startswith("TAGSTREAM_KAFKA__"):
                    patch.setenv(variable, str(value))
            kafka = settings.load().kafka
            assert service.stop_grace_period >= kafka.drain_limit + kafka.session_timeout + 10 + MARGIN


def test_docker_waits_longer_than_the_api_takes_to_answer_what_is_in_hand(
    subtests: pytest.Subtests, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, service in SERVERS.items():
        with subtests.test(name), monkeypatch.context() as patch:
            for variable, value in service.environment.items():
                if variable.startswith("TAGSTREAM_API__"):
                    patch.setenv(variable, str(value))
            assert service.stop_grace_period >= settings.load().api.stop_limit + MARGIN


def test_the_api_listens_where_its_port_is_published_and_is_healthy_once_it_is_ready() -> None:
    service = SERVERS["serve"]
    assert service.environment["TAGSTREAM_API__HOST"] == "0.0.0.0"  # noqa: S104 - within its container
    assert service.ports == [f"127.0.0.1:8000:{service.environment['TAGSTREAM_API__PORT']}"]
    assert service.healthcheck == WORKERS["worker"].healthcheck
    assert service.healthcheck.test[-1] == "/readyz"
    for variable in ("TAGSTREAM_STORE__URL", "TAGSTREAM_S3__ENDPOINT_URL", "TAGSTREAM_S3__BUCKETS"):
        assert service.environment[variable] == WORKERS["worker"].environment[variable]


def test_only_the_api_listens_beyond_loopback() -> None:
    hosts = {name for name, service in OURS.items() if "TAGSTREAM_API__HOST" in service.environment}
    assert hosts == set(SERVERS)


def test_our_image_runs_with_nothing_it_does_not_need(subtests: pytest.Subtests) -> None:
    for name, service in OURS.items():
        with subtests.test(name):
            assert service.read_only
            assert service.tmpfs
            assert service.cap_drop == ["ALL"]
            assert service.security_opt == ["no-new-privileges:true"]
            assert service.init


def test_passwords_come_from_the_example_and_are_marked_as_no_secrets() -> None:
    example = (ROOT / "deploy" / "example.env").read_text()
    assert example.startswith("# DEVELOPMENT ONLY")
    given = dict(line.split("=", 1) for line in example.splitlines() if line and not line.startswith("#"))
    wanted = set(re.findall(r"\$\{(\w+)", written()))
    assert set(given) == wanted
    for name, value in given.items():
        if name.endswith("PASSWORD"):
            assert "not-a-secret" in value
            assert value not in written()


def test_prometheus_reads_the_port_that_workers_and_api_listen_on() -> None:
    config = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text())
    found = config["scrape_configs"][0]["dns_sd_configs"][0]
    assert set(found["names"]) == set(WORKERS | SERVERS)
    for service in (WORKERS | SERVERS).values():
        assert str(found["port"]) == service.environment["TAGSTREAM_METRICS__PORT"]
