"""The host's interfaces, where there is a host."""

from __future__ import annotations

import importlib
import sys
from typing import Any

#: Whether this runs as a component.
IN_COMPONENT = sys.platform == "wasi"


def interface(name: str) -> Any:
    """The module of a granted interface; None in native Python.

    Raises ImportError, and so fails the build, if the component may not import it.
    """
    if not IN_COMPONENT:
        return None
    try:
        return importlib.import_module(f"wit_world.imports.{name}")
    except ImportError:
        raise ImportError(
            f"millrace_plugin.{name} needs the grant `{name}`: "
            f'write grants = ["{name}"] in plugin.toml'
        ) from None
