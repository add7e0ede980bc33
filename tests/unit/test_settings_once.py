"""A setting is declared once: its section is the class that its owner takes, and only there is a default."""

import ast
from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Any, Final, get_args, get_type_hints

import pytest

from agents.dead_letters import ErrorRouter
from agents.pipeline import Pipeline
from agents.telemetry import logs, observation, tracing
from agents.transitions import Transitions
from agents.uploads import Uploads
from agents.wiring import settings
from agents.wiring.settings import Settings
from console.body_guard import BodyGuard
from console.identity import Identity
from model.decoding.pool import DecoderPool
from model.serving.batcher import MicroBatcher
from operations.predict import Predictor
from schemas.errors import ConfigurationError
from schemas.settings import Section
from streams.adapters.kafka.producer import ProducerSettings
from streams.adapters.kafka.publisher import KafkaPublisher
from streams.adapters.kafka.settings import EventSettings
from streams.adapters.mongo.store import MongoScores
from streams.adapters.s3.images import S3Images
from streams.app import StreamSettings
from streams.inflight import InFlight
from streams.resilience.rejection_alarm import RejectionAlarms
from streams.resilience.retry import Dependencies
from tests.names import ROOT, product_files

OWNERS: Final[dict[str, list[tuple[Any, str]]]] = {
    "kafka": [(StreamSettings, "consumer")],
    "window": [(InFlight.__init__, "limits"), (StreamSettings, "window")],
    "s3": [(S3Images.__init__, "settings")],
    "uploads": [(Uploads.__init__, "naming")],
    "store": [(MongoScores.__init__, "settings")],
    "decode": [(DecoderPool.__init__, "limits")],
    "batch": [(MicroBatcher.__init__, "limits")],
    "clock": [(Pipeline, "clock"), (Transitions, "clock")],
    "retry": [(Dependencies.__init__, "patience")],
    "breaker": [(Dependencies.__init__, "limits")],
    "rejections": [(RejectionAlarms.__init__, "limits")],
    "deferral": [(ErrorRouter.__init__, "deferrals")],
    "log": [(logs.configure, "settings")],
    "metrics": [(observation.observing, "settings")],
    "api": [(Predictor.__init__, "limits"), (Identity.__init__, "limits"), (BodyGuard.__init__, "limits")],
    "tracing": [(tracing.open_tracer, "settings")],
}
READ_BY_FIELD: Final = {
    "model": "what loads a version takes a folder and a device; which they are is the wiring's",
    "registry": "an address or a folder becomes an adapter of its own kind",
    "routes": "one path",
    "renditions": "an address becomes an adapter, and what they are made by a recipe that decoders are told",
    "statements": "one path",
}

OTHERS: Final = {
    "Tag.source": "who has said the tag",
    "DeadLetter.attempts": "how often it was put off",
    "Removed.if_gone": "of a removal of one version",
    "S3Record.event_source": "the storage, in its own words",
    "ProducerSettings.linger_ms": "of a batch of messages",
    "EvaluationJob.device": "where somebody evaluates; no worker",
    "TrainingJob.device": "where somebody trains; no worker",
    "PromotionCriteria.device": "where two versions are compared; no worker",
    "Recipe.cache_size": "photographs kept decoded while training",
    "DecodingJob.threads": "of a training's decoding",
    "Imbalance.most": "a label",
    "HighestF1.share": "of an F1, all of it",
    "SplitOptions.by_source": "of a division of a data set",
    "Photograph.source": "where a data set has it from",
    "Document.format": "the version of a file's form",
    "Receipt.format": "the version of a receipt's form",
    "DeviceTally.out_of_memory": "a count",
    "LabelChange.after": "a label's count",
    "FromUploads.accepts_gone": "of records that retention has deleted",
    "Agreement.with_after": "a count of images",
    "VersionDiff.first": "a count of images",
    "RolloutGuards.minimum": "images before a guard says anything",
    "RescoreRequest.accept_gone": "of records that retention has deleted",
    "RescoreCheckpoint.after": "the last image that is settled",
}
"""Fields that share a word with a setting and mean something else."""

SETTINGS: Final = {each.field for each in settings.described()}


def sections() -> dict[str, type[Section]]:
    held = {name: field.annotation for name, field in Settings.model_fields.items()}
    return {name: kind for name, kind in held.items() if isinstance(kind, type) and issubclass(kind, Section)}


def declaring() -> set[str]:
    """The classes that sections are made of."""
    return {f"{kind.__module__}.{kind.__name__}" for one in sections().values() for kind in one.__mro__}


def duplicates(text: str, module: str = "anywhere") -> Iterator[str]:
    """Attributes of classes with a default of their own and the words of a setting, the sections' apart."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef) and f"{module}.{node.name}" not in declaring():
            yield from (
                f"{node.name}.{name}" for name, given in attributes(node) if given and is_a_setting(name)
            )


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts)


def attributes(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr | None]]:
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            yield statement.target.id, default(statement.value)


def default(value: ast.expr | None) -> ast.expr | None:
    """The default that is written there; nothing where there is none, it is None, or a function's."""
    if isinstance(value, ast.Call) and ast.unparse(value.func) in {"Field", "field"}:
        named = (given.value for given in value.keywords if given.arg == "default")
        return default(next(iter(value.args), None) or next(named, None))
    return None if isinstance(value, ast.Constant) and value.value in {None, ...} else value


def is_a_setting(name: str) -> bool:
    """Whether all the words of some setting are in the name: `deadline_seconds`, `fetch_concurrency`."""
    return any(set(setting.split("_")) <= set(name.split("_")) for setting in SETTINGS)


@pytest.mark.parametrize("section", OWNERS)
def test_a_section_is_the_class_that_its_owner_takes(section: str) -> None:
    for owner, parameter in OWNERS[section]:
        wanted = get_type_hints(owner)[parameter]
        (taken,) = {each for each in get_args(wanted) if each is not NoneType} or {wanted}
        assert issubclass(sections()[section], taken)
        assert issubclass(taken, Section)


def test_every_section_has_an_owner() -> None:
    assert sections().keys() == OWNERS.keys() | READ_BY_FIELD.keys()


def test_what_events_say_of_their_sender_is_the_publishers_own_declaration() -> None:
    assert issubclass(sections()["kafka"], EventSettings)
    assert issubclass(ProducerSettings, EventSettings)
    assert get_type_hints(KafkaPublisher.__init__)["settings"] is ProducerSettings


def test_no_default_of_a_setting_is_written_twice() -> None:
    found = [twice for file in product_files() for twice in duplicates(file.read_text(), module_of(file))]
    assert sorted(found) == sorted(OTHERS)


def test_no_field_is_declared_again_by_a_section_that_inherits_it() -> None:
    every: list[type[Section]] = [*sections().values(), ProducerSettings]
    for section in every:
        declared = [name for kind in section.__mro__ for name in vars(kind).get("__annotations__", {})]
        fields = [name for name in declared if name in section.model_fields]
        assert len(fields) == len(set(fields)), section.__name__


@pytest.mark.parametrize(
    "field",
    [
        "max_object_bytes: int = Field(default=32 * MEBIBYTE, ge=1)",
        "fetch_concurrency: int = Field(default=32, ge=1)",
        "deadline_seconds: float = 30.0",
        "intake: int = 64",
        "share: float = Field(0.5, gt=0)",
        "commit_interval: float = 0.5",
    ],
)
def test_a_second_declaration_would_be_found(field: str) -> None:
    assert [*duplicates(f"class Once:\n    {field}\n")] == [f"Once.{field.partition(':')[0]}"]


def test_sections_stand_where_their_owners_do() -> None:
    wired = Path(settings.__file__).relative_to(ROOT)
    text = (ROOT / wired).read_text()
    kinds = {node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef)}
    # The two that are put together there: what opens a store or loads photographs takes a part of each.
    assert kinds & {kind.__name__ for kind in sections().values()} == {"StoreSettings", "DecodeSettings"}


def test_what_follows_another_setting_follows_it_until_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    today = settings.load()
    assert (today.s3.concurrency, today.decode.loading, today.batch.intake) == (32, 32, 128)
    monkeypatch.setenv("TAGSTREAM_WINDOW__CONCURRENCY", "20")
    monkeypatch.setenv("TAGSTREAM_DECODE__LOADING", "7")
    monkeypatch.setenv("TAGSTREAM_BATCH__MAX_SIZE", "8")
    given = settings.load()
    assert (given.s3.concurrency, given.decode.loading, given.batch.intake) == (10, 7, 32)


def test_the_least_window_still_reads_one_photograph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGSTREAM_WINDOW__CONCURRENCY", "1")
    given = settings.load()
    assert (given.s3.concurrency, given.decode.loading) == (1, 1)


def test_a_bound_without_a_name_in_the_environment_cannot_be_set_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TAGSTREAM_BATCH__GROW_AFTER", "1")
    with pytest.raises(ConfigurationError, match="TAGSTREAM_BATCH__GROW_AFTER is not a setting"):
        settings.load()
