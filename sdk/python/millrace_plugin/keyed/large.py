"""Maps and lists of a key, read and written piece by piece."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from ..codec import Codec

V = TypeVar("V")


class Place(Protocol):
    """Where large state is: the host, or the memory of a test."""

    def map_get(self, key: int, name: str, entry: bytes) -> bytes | None: ...

    def map_put(self, key: int, name: str, entry: bytes, value: bytes) -> None: ...

    def map_remove(self, key: int, name: str, entry: bytes) -> None: ...

    def map_scan(
        self, key: int, name: str, after: bytes | None, limit: int
    ) -> list[tuple[bytes, bytes]]: ...

    def list_append(self, key: int, name: str, value: bytes) -> None: ...

    def list_range(self, key: int, name: str) -> tuple[int, int]: ...

    def list_read(self, key: int, name: str, from_: int, limit: int) -> list[bytes]: ...

    def list_remove(self, key: int, name: str, before: int) -> None: ...


class LargeMap(Generic[V]):
    """A map of a key, for what is too large to come and go with each batch. Entries are bytes, or
    text. Every call crosses to the host."""

    def __init__(self, place: Place, key: int, name: str, codec: Codec[V]) -> None:
        self._place, self._key, self._name, self._codec = place, key, name, codec

    def get(self, entry: bytes | str) -> V | None:
        """The value of an entry, None if it is not there."""
        value = self._place.map_get(self._key, self._name, _bytes(entry))
        return None if value is None else self._codec.decode(value)

    def put(self, entry: bytes | str, value: V) -> None:
        """Sets an entry."""
        self._place.map_put(self._key, self._name, _bytes(entry), self._codec.encode(value))

    def remove(self, entry: bytes | str) -> None:
        """Removes an entry, if it is there."""
        self._place.map_remove(self._key, self._name, _bytes(entry))

    def scan(self, after: bytes | str | None, limit: int) -> list[tuple[bytes, V]]:
        """Up to `limit` entries in the order of their bytes, those after `after` or from the
        first."""
        start = None if after is None else _bytes(after)
        found = self._place.map_scan(self._key, self._name, start, limit)
        return [(entry, self._codec.decode(value)) for entry, value in found]


class LargeList(Generic[V]):
    """A list of a key; see LargeMap."""

    def __init__(self, place: Place, key: int, name: str, codec: Codec[V]) -> None:
        self._place, self._key, self._name, self._codec = place, key, name, codec

    def append(self, value: V) -> None:
        """Adds a value at the end."""
        self._place.list_append(self._key, self._name, self._codec.encode(value))

    def range(self) -> range:
        """The positions of its values. A value keeps its position when others before it are
        removed."""
        return range(*self._place.list_range(self._key, self._name))

    def read(self, start: int, limit: int) -> list[V]:
        """Up to `limit` values from position `start` on."""
        values = self._place.list_read(self._key, self._name, start, limit)
        return [self._codec.decode(value) for value in values]

    def remove(self, before: int) -> None:
        """Removes the values before a position."""
        self._place.list_remove(self._key, self._name, before)


def _bytes(entry: bytes | str) -> bytes:
    return entry.encode() if isinstance(entry, str) else bytes(entry)
