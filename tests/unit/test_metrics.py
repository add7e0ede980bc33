"""What a worker counts, as Prometheus reads it."""

import re
from typing import Any

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from agents.telemetry.metrics import Metrics, Stopwatch
from schemas import topics
from schemas.events import Action, Announcement, CollectionChanged, ModerationRequested
from schemas.tags import ModelRef, Route
from schemas.uploads import Location, Position

MODEL = ModelRef(name="restaurant", version="3", digest="d" * 64)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def read(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def event(kind: type[Any], topic: str, *, label: str, action: Action) -> Announcement:
    said = kind(
        event_id="e",
        image_id="i",
        position=Position(uploaded_at="2026-01-01T00:00:00Z", partition=0, offset=0, event_id="e"),
        location=Location(bucket="photos", key="a.jpg"),
        action=action,
        label=label,
        why=Route(label=label, topic=topic, probability=0.9, threshold=0.5, rule="above"),
    )
    return Announcement(topic=topic, key="k", event=said)


def test_an_outcome_is_counted_by_its_name(metrics: Metrics) -> None:
    for outcome in ("tagged", "tagged", "stale"):
        metrics.count(outcome)
    assert read(metrics, "tagstream_outcomes_total", outcome="tagged") == 2
    assert read(metrics, "tagstream_outcomes_total", outcome="stale") == 1


def test_requests_to_look_are_counted_by_label_made_and_taken_back(metrics: Metrics) -> None:
    said = [
        event(ModerationRequested, topics.MODERATION, label="menu", action=Action.ADDED),
        event(ModerationRequested, topics.MODERATION, label="menu", action=Action.REMOVED),
        event(ModerationRequested, topics.MODERATION, label="human", action=Action.ADDED),
    ]
    metrics.announced([*said, said[0]])
    flags = "tagstream_moderation_flags_total"
    assert read(metrics, flags, action="added", label="menu") == 2
    assert read(metrics, flags, action="removed", label="menu") == 1
    assert read(metrics, flags, action="added", label="human") == 1


def test_changes_of_collections_are_counted_by_label(metrics: Metrics) -> None:
    joined = event(CollectionChanged, topics.AMBIANCE, label="ambiance", action=Action.ADDED)
    metrics.announced([joined])
    assert read(metrics, "tagstream_collection_changes_total", action="added", label="ambiance") == 1
    assert read(metrics, "tagstream_moderation_flags_total", action="added", label="ambiance") is None


def test_a_tombstone_is_neither_a_request_nor_a_change(metrics: Metrics) -> None:
    before = generate_latest(metrics.registry).count(b"tagstream_moderation_flags_total{")
    metrics.announced([Announcement(topic=topics.LATEST, key="i", event=None)])
    assert generate_latest(metrics.registry).count(b"tagstream_moderation_flags_total{") == before


def test_a_decision_after_two_hours_is_in_the_bucket_of_two_hours_and_not_in_that_of_one(
    metrics: Metrics,
) -> None:
    metrics.turnaround.observe(7_200)
    bucket = "tagstream_moderation_turnaround_seconds_bucket"
    assert read(metrics, bucket, le="3600.0") == 0
    assert read(metrics, bucket, le="7200.0") == 1


def test_turnaround_is_told_apart_from_a_minute_to_a_week(metrics: Metrics) -> None:
    bounds = [
        float(sample.labels["le"])
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "tagstream_moderation_turnaround_seconds_bucket"
    ]
    assert (bounds[0], bounds[-2]) == (60, 7 * 86_400)


def test_a_new_resident_model_takes_the_place_of_the_old_one(metrics: Metrics) -> None:
    metrics.versions.resident(MODEL, device="cpu", library="openvino 1", precision="f32")
    metrics.versions.resident(
        MODEL.model_copy(update={"version": "4"}), device="cuda", library="torch 2", precision="f16"
    )
    (line,) = [
        line for line in generate_latest(metrics.registry).decode().splitlines() if "model_info{" in line
    ]
    assert 'version="4"' in line
    assert 'device="cuda"' in line


def test_the_build_says_its_version(metrics: Metrics) -> None:
    assert b"tagstream_build_info{" in generate_latest(metrics.registry)


def test_a_stage_is_observed_also_when_it_raises(metrics: Metrics) -> None:
    watch = Stopwatch(metrics)
    with pytest.raises(KeyError), watch.stage("fetch"):
        raise KeyError
    assert read(metrics, "tagstream_stage_seconds_count", stage="fetch") == 1
    assert set(watch.seconds) == {"fetch"}


def test_the_same_stage_twice_adds_up_for_the_image_and_is_observed_twice(metrics: Metrics) -> None:
    watch = Stopwatch(metrics)
    watch.note("queued", 0.5)
    watch.note("queued", 0.25)
    assert watch.seconds == {"queued": 0.75}
    assert read(metrics, "tagstream_stage_seconds_count", stage="queued") == 2
    assert read(metrics, "tagstream_stage_seconds_sum", stage="queued") == 0.75


def test_every_metric_of_ours_is_described_as_it_is_shown(metrics: Metrics) -> None:
    shown = {
        (family.name, family.type, family.documentation)
        for family in text_string_to_metric_families(generate_latest(metrics.registry).decode())
        if family.name.startswith("tagstream_") and not family.name.endswith("_created")
    }
    described = {(each.name.removesuffix("_total"), each.type, each.help) for each in metrics.describe()}
    assert shown == described


def test_the_description_names_the_labels(metrics: Metrics) -> None:
    labels = {each.name: each.labels for each in metrics.describe()}
    assert labels["tagstream_dead_letters_total"] == ("cause",)
    assert labels["tagstream_window_span"] == ("topic", "partition")
    assert labels["tagstream_batch_size"] == ()


def test_names_follow_the_conventions_of_prometheus(metrics: Metrics) -> None:
    for each in metrics.describe():
        assert re.fullmatch(r"tagstream(_[a-z]+)+", each.name), each.name
        assert each.name.endswith("_total") == (each.type == "counter"), each.name
        assert not re.search(r"_(ms|millis|minutes|kb|mb|percent)(_|$)", each.name), each.name
        assert each.help, each.name


def test_the_process_s_own_memory_is_shown(metrics: Metrics) -> None:
    memory = read(metrics, "process_resident_memory_bytes")
    assert memory is not None
    assert memory > 0


def test_two_workers_in_one_process_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.count("tagged")
    assert read(other, "tagstream_outcomes_total", outcome="tagged") is None


def test_rows_of_batch_jobs_are_counted_by_their_error(metrics: Metrics) -> None:
    metrics.api.counted(1_000, {"gone": 3, "undecodable": 1})
    metrics.api.counted(10, {})

    assert read(metrics, "tagstream_batch_rows_total", outcome="ok") == 1_006
    assert read(metrics, "tagstream_batch_rows_total", outcome="gone") == 3
