"""What we use of Faust and aiokafka that they never promised: an upgrade must look here first."""

import inspect
from importlib.metadata import version

from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import Fetcher, FetchError, FetchResult, PartitionRecords
from aiokafka.consumer.group_coordinator import GroupCoordinator
from faust.app.base import App
from faust.transport.consumer import Consumer, ConsumerThread
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.transport.drivers.aiokafka import Consumer as KafkaConsumer
from faust.transport.drivers.aiokafka import Producer as KafkaProducer


def test_faust_and_aiokafka_are_the_versions_that_were_measured() -> None:
    assert version("faust-streaming") == "0.15.3"
    assert version("aiokafka") == "0.14.0"


def test_the_consumer_commits_the_offsets_it_is_given() -> None:
    parameters = list(inspect.signature(Consumer._commit_offsets).parameters)
    assert parameters[:2] == ["self", "offsets"]
    assert inspect.iscoroutinefunction(Consumer._commit_offsets)


def test_the_consumers_thread_runs_what_it_is_handed() -> None:
    assert inspect.iscoroutinefunction(ConsumerThread.call_thread)
    assert callable(AIOKafkaConsumerThread._ensure_consumer)


def test_the_coordinator_still_waits_until_its_error_is_taken() -> None:
    source = inspect.getsource(GroupCoordinator)
    assert "self._coordination_task" in source
    assert "self._pending_exception = exc" in source
    assert "self._error_consumed_fut.set_result(None)" in inspect.getsource(GroupCoordinator.check_errors)


def test_a_commit_names_the_generation_that_the_coordinator_has_at_its_start() -> None:
    source = inspect.getsource(GroupCoordinator._do_commit_offsets)
    assert "self.generation," in source.partition("await ")[0]
    assert "self._do_commit_offsets(assignment, offsets)" in inspect.getsource(
        GroupCoordinator.commit_offsets
    )
    assert "DEFAULT_GENERATION_ID" in inspect.getsource(GroupCoordinator.reset_generation)


def test_revocation_is_awaited_while_the_partitions_are_still_owned() -> None:
    source = inspect.getsource(App._on_partitions_revoked)
    assert "await T(self.on_partitions_revoked.send)(revoked)" in source


def test_a_message_carries_the_generation_it_was_fetched_in() -> None:
    assert "generation_id=self.app.consumer_generation_id" in inspect.getsource(KafkaConsumer._to_message)


def test_a_bare_connection_says_why_it_is_refused() -> None:
    source = inspect.getsource(AIOKafkaClient.bootstrap)
    assert "create_conn(" in source
    assert "collect_hosts" in inspect.getsource(AIOKafkaClient.hosts.fget)  # type: ignore[attr-defined]


def test_faust_hands_its_credentials_to_its_consumer_and_its_producer() -> None:
    consumer = inspect.getsource(AIOKafkaConsumerThread._create_worker_consumer)
    assert "credentials_to_aiokafka_auth(" in consumer
    assert "credentials_to_aiokafka_auth(" in inspect.getsource(KafkaProducer._settings_auth)


def test_the_fetcher_unpacks_what_it_holds_only_when_it_is_asked_for_it() -> None:
    fetch = inspect.getsource(Fetcher._proc_fetch_request)
    assert "self._records[tp] = FetchResult(" in fetch
    assert (
        "await "
        not in fetch.partition("await self._client.send(")[2].partition("if not assignment.active")[2]
    )
    assert "self._records_iterator = self._unpack_records()" in inspect.getsource(PartitionRecords.__init__)
    assert "_partition_records" in inspect.getsource(FetchResult)
    assert "_error" in inspect.getsource(FetchError)


def test_the_fetcher_places_a_partition_where_the_group_left_off_or_by_its_strategy() -> None:
    place = inspect.getsource(Fetcher._update_fetch_positions)
    assert "tp_state.has_valid_position or tp_state.awaiting_reset" in place
    assert "tp_state.reset_to(committed.offset)" in place
    assert "tp_state.await_reset(self._default_reset_strategy)" in place


def test_faust_compares_an_offset_right_after_it_made_a_message_of_it() -> None:
    assert "yield tp, to_message(tp, record)" in inspect.getsource(Consumer.getmany)
    assert "r_offset = get_read_offset(tp)" in inspect.getsource(Consumer._drain_messages)
    assert "self.verify_event_path(now, tp)" in inspect.getsource(Consumer.verify_all_partitions_active)


def test_the_coordinator_joins_again_when_it_is_asked_to() -> None:
    assert "self._rejoin_needed_fut.set_result(None)" in inspect.getsource(GroupCoordinator.request_rejoin)
