"""Runs plugins natively, without WebAssembly, so that a debugger, a profiler and prints work.

rows = testing.batch({"amount": column_of(FLOAT64, [10.0, 100.5, None])})
result = testing.run(FlagLarge, {"limit": 100}, rows)
assert result.port("main")[1] == {"amount": 100.5, "large": True}
"""

from .function import aggregate, scalar
from .keyed import Keyed
from .memory import Memory
from .transform import Result, batch, run, start

__all__ = ["Keyed", "Memory", "Result", "aggregate", "batch", "run", "scalar", "start"]
