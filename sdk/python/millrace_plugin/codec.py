"""Values to bytes and back: states, and what large state holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from .config import plain, typed
from .errors import Failure

V = TypeVar("V")

_encoder = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), default=plain, allow_nan=True
)


@dataclass(frozen=True)
class Codec(Generic[V]):
    """How values of one type are written and read."""

    encode: Callable[[V], bytes]
    decode: Callable[[bytes], V]


def codec_of(declared: Any) -> Codec[Any]:
    """Bytes as they are; all else as JSON, with dataclasses as objects."""
    if declared is bytes:
        return Codec(bytes, bytes)

    def encode(value: Any) -> bytes:
        return _encoder.encode(value).encode()

    def decode(data: bytes) -> Any:
        try:
            return typed(declared, json.loads(data))
        except ValueError as error:
            raise Failure(f"can't read a state: {error}") from error

    return Codec(encode, decode)
