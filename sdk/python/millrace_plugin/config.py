"""From JSON to the types that a plugin declares: its configuration, and typed states."""

from __future__ import annotations

import json
from dataclasses import MISSING, is_dataclass
from dataclasses import fields as dataclass_fields
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from .errors import ConfigError, ConfigErrors

#: Marks an integer that can't be below 0.
UNSIGNED = "unsigned"
#: An integer of 0 and up, in a configuration.
Unsigned = Annotated[int, UNSIGNED]

_EXPECTED = {int: "an integer", float: "a number", str: "a string", bool: "a boolean"}


def config_of(declared: Any, text: str) -> Any:
    """The configuration in `text` as the type `declared`, most often a dataclass.

    A field of a dataclass without a default must be there, and what the dataclass lacks may not.
    A field's name in the configuration is its own, or what `metadata={"name": ...}` says. Raises
    ConfigErrors with all that is wrong.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConfigErrors.whole(f"the configuration is no JSON: {error}") from None
    errors = ConfigErrors()
    result = read(declared, value, "", errors)
    errors.raise_if_any()
    return result


def read(declared: Any, value: Any, path: str, errors: ConfigErrors) -> Any:
    """`value`, made of what JSON has, as the type `declared`; what is wrong goes to `errors`."""
    if declared is Any or declared is object:
        return value
    if declared is None or declared is NoneType:
        return _nothing(value, path, errors)
    if is_dataclass(declared) and not hasattr(declared, "parse"):
        return _dataclass(declared, value, path, errors)
    origin, arguments = get_origin(declared), get_args(declared)
    if origin is Annotated:
        result = read(arguments[0], value, path, errors)
        if UNSIGNED in arguments[1:] and isinstance(result, int) and result < 0:
            errors.add(path, f"invalid value: integer `{result}`, expected one of 0 and up")
        return result
    if origin in (Union, UnionType):
        if value is None and NoneType in arguments:
            return None
        kinds = [kind for kind in arguments if kind is not NoneType]
        if len(kinds) == 1:
            return read(kinds[0], value, path, errors)
        for kind in kinds:
            tried = ConfigErrors()
            result = read(kind, value, path, tried)
            if not tried.errors:
                return result
        return _wrong(value, " or ".join(_EXPECTED.get(k, "another") for k in kinds), path, errors)
    if origin is Literal:
        if value in arguments:
            return value
        return _unknown("variant", value, list(arguments), path, errors)
    if origin in (list, tuple) or declared in (list, tuple):
        return _list(origin or declared, arguments, value, path, errors)
    if origin is dict or declared is dict:
        if not isinstance(value, dict):
            return _wrong(value, "a map", path, errors)
        kind = arguments[1] if arguments else Any
        inner = {key: f"{path}.{key}" if path else key for key in value}
        return {key: read(kind, item, inner[key], errors) for key, item in value.items()}
    if isinstance(declared, type) and issubclass(declared, Enum):
        try:
            return declared(value)
        except ValueError:
            return _unknown("variant", value, [case.value for case in declared], path, errors)
    return _scalar(declared, value, path, errors)


def _scalar(declared: Any, value: Any, path: str, errors: ConfigErrors) -> Any:
    if declared is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if declared in _EXPECTED:
        # To Python, True is an integer.
        if type(value) is declared:
            return value
        return _wrong(value, _EXPECTED[declared], path, errors)
    parse = getattr(declared, "parse", None)
    if parse is None:
        raise TypeError(f"a configuration can't hold {declared}")
    # Types with a text of their own, such as Span.
    if not isinstance(value, str):
        return _wrong(value, "a string", path, errors)
    try:
        return parse(value)
    except ValueError as error:
        errors.add(path, str(error))
        return None


def _list(
    origin: Any, arguments: tuple[Any, ...], value: Any, path: str, errors: ConfigErrors
) -> Any:
    if not isinstance(value, list):
        return _wrong(value, "a sequence", path, errors)
    if origin is tuple and arguments and arguments[-1] is not Ellipsis:
        if len(value) != len(arguments):
            errors.add(path, f"has {len(value)} values where {len(arguments)} belong")
            return None
        kinds = list(arguments)
    else:
        kinds = [arguments[0] if arguments else Any] * len(value)
    pairs = enumerate(zip(kinds, value))
    items = [read(kind, item, f"{path}[{at}]", errors) for at, (kind, item) in pairs]
    return tuple(items) if origin is tuple else items


@cache
def _fields(declared: type) -> tuple[tuple[str, str, Any, bool], ...]:
    """Of each field: its name in Python and in the configuration, its type, whether it has a
    default."""
    hints = get_type_hints(declared, include_extras=True)
    return tuple(
        (
            field.name,
            field.metadata.get("name", field.name),
            hints[field.name],
            field.default is not MISSING or field.default_factory is not MISSING,
        )
        for field in dataclass_fields(declared)
        if field.init
    )


def _dataclass(declared: Any, value: Any, path: str, errors: ConfigErrors) -> Any:
    if not isinstance(value, dict):
        return _wrong(value, f"a table with the fields of {declared.__name__}", path, errors)
    fields = _fields(declared)
    known = [name for _, name, _, _ in fields]
    before = len(errors.errors)
    for name in value:
        if name not in known:
            _unknown("field", name, known, path, errors)
    result = {}
    for attribute, name, kind, optional in fields:
        inner = f"{path}.{name}" if path else name
        if name in value:
            if value[name] is None and optional:
                continue
            result[attribute] = read(kind, value[name], inner, errors)
        elif not optional:
            errors.add(path, f"missing field `{name}`")
    if len(errors.errors) > before:
        return None
    try:
        return declared(**result)
    except ValueError as error:
        errors.add(path, str(error))
        return None


def _nothing(value: Any, path: str, errors: ConfigErrors) -> None:
    if value:
        name = next(iter(value)) if isinstance(value, dict) else str(value)
        errors.add(path, f"unknown field `{name}`, there are no fields")


def _unknown(what: str, value: Any, known: list[Any], path: str, errors: ConfigErrors) -> None:
    names = [f"`{name}`" for name in known]
    match names:
        case []:
            expected = "there are no fields"
        case [one]:
            expected = f"expected {one}"
        case [one, other]:
            expected = f"expected {one} or {other}"
        case _:
            expected = f"expected one of {', '.join(names)}"
    errors.add(path, f"unknown {what} `{value}`, {expected}")


def _wrong(value: Any, expected: str, path: str, errors: ConfigErrors) -> None:
    errors.add(path, f"invalid type: {described(value)}, expected {expected}")


def described(value: Any) -> str:
    """What JSON has, for a message."""
    match value:
        case None:
            return "null"
        case bool():
            return f"boolean `{str(value).lower()}`"
        case int():
            return f"integer `{value}`"
        case float():
            return f"floating point `{value}`"
        case str():
            return f"string {json.dumps(value, ensure_ascii=False)}"
        case list():
            return "sequence"
        case _:
            return "map"


@cache
def is_plain(declared: Any) -> bool:
    """Whether what JSON gives for this type can be taken as it is."""
    if declared in (Any, object, int, str, bool, None, NoneType):
        return True
    if get_origin(declared) in (list, dict, Union, UnionType):
        return all(map(is_plain, get_args(declared)))
    return declared in (list, dict)


def typed(declared: Any, value: Any) -> Any:
    """A value that was written by `plain` and read by `json.loads`, as the type `declared`.

    Raises ValueError if it is of another type.
    """
    if is_plain(declared):
        return value
    errors = ConfigErrors()
    result = read(declared, value, "", errors)
    if errors.errors:
        raise ValueError(str(errors))
    return result


def plain(value: Any) -> Any:
    """For `json.dumps`: what it can't write by itself."""
    if is_dataclass(value) and not isinstance(value, type):
        fields = dataclass_fields(value)
        return {f.metadata.get("name", f.name): getattr(value, f.name) for f in fields if f.init}
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"a state can't hold {type(value).__name__}: write it by `encode_state`")


__all__ = ["ConfigError", "Unsigned", "config_of", "described", "plain", "read", "typed"]
