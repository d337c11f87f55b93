"""The embedded queue: a reader never sees half a message."""

import threading

import pytest
from kombu import Connection, Queue

from returnsdesk import filesystem_queue


@pytest.fixture
def connection(tmp_path):
    folders = {"data_folder_in": str(tmp_path), "data_folder_out": str(tmp_path)}
    options = {**folders, "control_folder": str(tmp_path / "control")}
    filesystem_queue.install()
    with Connection("filesystem://", transport_options=options) as opened:
        yield opened


def test_the_address_means_this_transport(connection):
    assert isinstance(connection.transport, filesystem_queue.Transport)


def test_a_message_arrives_whole_and_leaves_nothing_behind(connection, tmp_path):
    queue = connection.SimpleQueue("nudges")
    queue.put({"task": "outbox.run_due"})
    assert queue.get(timeout=5).payload == {"task": "outbox.run_due"}
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


def test_a_reader_beside_a_writer_reads_every_message_whole(connection, tmp_path):
    """Large messages take long to write; the reader looks all the time."""
    count, large = 300, "x" * 200_000
    writer_channel = connection.clone().channel()
    Queue("nudges", channel=writer_channel).declare()

    def write():
        for number in range(count):
            writer_channel._put("nudges", {"number": number, "padding": large})

    writer = threading.Thread(target=write)
    writer.start()
    reader = connection.channel()
    read = []
    while len(read) < count:
        try:
            read.append(reader._get("nudges")["number"])
        except filesystem_queue.filesystem.Empty:
            assert writer.is_alive() or len(read) == count or any(tmp_path.glob("*.msg"))
    writer.join()
    assert sorted(read) == list(range(count))
