"""What the plugins of all worlds have in common."""

from __future__ import annotations

from types import ModuleType
from typing import Any, ClassVar, TypeVar, get_args, get_origin

P = TypeVar("P", bound="Plugin")


class Plugin:
    """A plugin says its name, version and summary as attributes of its class."""

    #: As in plugin.toml.
    name: ClassVar[str]
    version: ClassVar[str]
    #: One sentence.
    summary: ClassVar[str]


def find_plugin(module: ModuleType, base: type[P]) -> type[P]:
    """The one class of a module that is derived from `base`.

    Raises ImportError if there is none, if there are several, or if it does not say who it is.
    """
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, base)
        and value.__module__ == module.__name__
        and not value.__name__.startswith("_")
    ]
    if len(found) != 1:
        names = ", ".join(value.__name__ for value in found) or "none"
        raise ImportError(
            f"{module.__name__}.py must have one class derived from {base.__name__}, "
            f"the plugin, and has {names} (names that begin with _ are passed over)"
        )
    for attribute in ("name", "version", "summary"):
        if not isinstance(getattr(found[0], attribute, None), str):
            raise ImportError(f"{found[0].__name__} must have a text as its `{attribute}`")
    return found[0]


def parameters(plugin: type, base: type) -> tuple[Any, ...]:
    """What stands in the brackets of `base[...]` among the bases of a class."""
    for origin in plugin.__mro__:
        for parent in getattr(origin, "__orig_bases__", ()):
            if get_origin(parent) is base:
                return get_args(parent)
    raise ImportError(
        f"{plugin.__name__} must be derived from {base.__name__}[...], with its types"
    )
