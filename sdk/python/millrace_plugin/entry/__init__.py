"""The component's side of the boundary. One module for each world; componentize-py starts there.

Nothing else of the SDK, and no plugin, imports `wit_world`.
"""

import io
import sys


class _Nowhere(io.TextIOBase):
    """Takes what is printed. A component has no output, and to write to it would be a trap."""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        return len(text)


sys.stdout = sys.stderr = _Nowhere()
