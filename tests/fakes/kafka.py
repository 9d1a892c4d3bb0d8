"""A Kafka for tests: the cluster that librdkafka brings along for its own, spoken to over TCP like a real one.

The Python client hides it; so it is reached in the library that the client has loaded. Partitions live in memory, five
megabytes each, the oldest records go first.
"""

import ctypes
from pathlib import Path
from typing import Any, Self

import confluent_kafka

TOPIC = "callout"
ONLY_BROKER = 1
OFFSET_COMMIT = 8
_POINTER = ctypes.c_void_p
_TEXT_BYTES = 512
_FUNCTIONS: dict[str, tuple[list[Any], Any]] = {
    "rd_kafka_conf_new": ([], _POINTER),
    "rd_kafka_conf_set": ([_POINTER, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t], ctypes.c_int),
    "rd_kafka_new": ([ctypes.c_int, _POINTER, ctypes.c_char_p, ctypes.c_size_t], _POINTER),
    "rd_kafka_destroy": ([_POINTER], None),
    "rd_kafka_mock_cluster_new": ([_POINTER, ctypes.c_int], _POINTER),
    "rd_kafka_mock_cluster_destroy": ([_POINTER], None),
    "rd_kafka_mock_cluster_bootstraps": ([_POINTER], ctypes.c_char_p),
    "rd_kafka_mock_topic_create": ([_POINTER, ctypes.c_char_p, ctypes.c_int, ctypes.c_int], ctypes.c_int),
    "rd_kafka_mock_topic_set_error": ([_POINTER, ctypes.c_char_p, ctypes.c_int], None),
    "rd_kafka_mock_broker_set_down": ([_POINTER, ctypes.c_int32], ctypes.c_int),
    "rd_kafka_mock_broker_set_up": ([_POINTER, ctypes.c_int32], ctypes.c_int),
    "rd_kafka_mock_push_request_errors_array": (
        [_POINTER, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(ctypes.c_int)],
        None,
    ),
}


class FakeKafka:
    """A cluster of one broker; a context manager that ends it."""

    def __init__(self) -> None:
        self._library = _library()
        configuration = self._library.rd_kafka_conf_new()
        said = ctypes.create_string_buffer(_TEXT_BYTES)
        # The client that carries the cluster has no server itself, and would say so.
        self._library.rd_kafka_conf_set(configuration, b"log_level", b"3", said, _TEXT_BYTES)
        self._carrier = self._library.rd_kafka_new(0, configuration, said, _TEXT_BYTES)
        assert self._carrier, said.value
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._carrier, 1)
        self.servers: str = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._carrier)

    @property
    def url(self) -> str:
        """What the setting is to say."""
        return f"kafka://{self.servers}/{TOPIC}"

    def create(self, topic: str = TOPIC, partitions: int = 64) -> None:
        assert self._library.rd_kafka_mock_topic_create(self._cluster, topic.encode(), partitions, 1) == 0

    def refuse(self, error: int, topic: str = TOPIC) -> None:
        """Answer with an error of Kafka's to whoever asks for the topic."""
        self._library.rd_kafka_mock_topic_set_error(self._cluster, topic.encode(), error)

    def fail_next(self, request: int, *errors: int) -> None:
        """Answer to the next requests of a kind with these errors."""
        array = (ctypes.c_int * len(errors))(*errors)
        self._library.rd_kafka_mock_push_request_errors_array(self._cluster, request, len(errors), array)

    def go_down(self) -> None:
        self._library.rd_kafka_mock_broker_set_down(self._cluster, ONLY_BROKER)

    def come_up(self) -> None:
        self._library.rd_kafka_mock_broker_set_up(self._cluster, ONLY_BROKER)


def _library() -> ctypes.CDLL:
    home = Path(confluent_kafka.__file__).parent
    # Beside the package on Linux, inside it on macOS.
    found = [*home.parent.glob("confluent_kafka.libs/librdkafka*"), *home.glob(".dylibs/librdkafka*")]
    library = ctypes.CDLL(str(found[0]))
    for name, (arguments, result) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, result
    return library
