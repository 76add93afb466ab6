"""Large state in memory, where there is no host."""

from __future__ import annotations

from collections.abc import Sequence


class Memory:
    """Maps and lists of keys, as the host would keep them."""

    def __init__(self) -> None:
        self._maps: dict[tuple[int, str], dict[bytes, bytes]] = {}
        self._lists: dict[tuple[int, str], tuple[int, list[bytes]]] = {}
        #: The number that each key of the batch has here.
        self.keys: Sequence[int] = ()

    def map_get(self, key: int, name: str, entry: bytes) -> bytes | None:
        return self._map(key, name).get(entry)

    def map_put(self, key: int, name: str, entry: bytes, value: bytes) -> None:
        self._map(key, name)[entry] = value

    def map_remove(self, key: int, name: str, entry: bytes) -> None:
        self._map(key, name).pop(entry, None)

    def map_scan(
        self, key: int, name: str, after: bytes | None, limit: int
    ) -> list[tuple[bytes, bytes]]:
        entries = sorted(self._map(key, name).items())
        return [item for item in entries if after is None or item[0] > after][:limit]

    def list_append(self, key: int, name: str, value: bytes) -> None:
        self._list(key, name)[1].append(value)

    def list_range(self, key: int, name: str) -> tuple[int, int]:
        first, values = self._list(key, name)
        return first, first + len(values)

    def list_read(self, key: int, name: str, from_: int, limit: int) -> list[bytes]:
        first, values = self._list(key, name)
        start = max(from_ - first, 0)
        return values[start : start + limit]

    def list_remove(self, key: int, name: str, before: int) -> None:
        first, values = self._list(key, name)
        gone = min(max(before - first, 0), len(values))
        self._lists[self.keys[key], name] = (first + gone, values[gone:])

    def _map(self, key: int, name: str) -> dict[bytes, bytes]:
        return self._maps.setdefault((self.keys[key], name), {})

    def _list(self, key: int, name: str) -> tuple[int, list[bytes]]:
        return self._lists.setdefault((self.keys[key], name), (0, []))
