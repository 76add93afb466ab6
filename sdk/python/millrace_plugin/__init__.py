"""Write a Millrace plugin in Python.

A plugin is a class in `plugin.py` that is derived from `Transform`, `Keyed`, `Aggregate` or
`Scalar`. It is plain Python: it can be imported, tested and debugged as any module, and `testing`
runs it on rows. `millrace plugin build` makes a component of it.
"""

from .batch import Batch
from .build import column_of, columns_of, decimals_of
from .columns import (
    BinaryColumn,
    BooleanColumn,
    BytesColumn,
    Column,
    DecimalColumn,
    FixedBinaryColumn,
    ListColumn,
    MapColumn,
    NumberColumn,
    StructColumn,
    TextColumn,
)
from .config import Unsigned
from .describe import Description, Port
from .errors import ConfigError, ConfigErrors, Failure, RowError
from .function import Aggregate, Scalar
from .keyed import Clock, Event, Keyed, KeyedBatch, LargeList, LargeMap, Row, Timer
from .output import Errors, Output, Values
from .span import Span
from .transform import Transform
from .types import (
    BINARY,
    BOOLEAN,
    DATE32,
    DURATION,
    FLOAT32,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    TIME64,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    UTF8,
    DataType,
    Field,
    Schema,
    decimal128,
    fixed_size_binary,
    list_of,
    map_of,
    struct_of,
    timestamp,
)

__all__ = [
    "BINARY",
    "BOOLEAN",
    "DATE32",
    "DURATION",
    "FLOAT32",
    "FLOAT64",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "TIME64",
    "UINT8",
    "UINT16",
    "UINT32",
    "UINT64",
    "UTF8",
    "Aggregate",
    "Batch",
    "BinaryColumn",
    "BooleanColumn",
    "BytesColumn",
    "Clock",
    "Column",
    "ConfigError",
    "ConfigErrors",
    "DataType",
    "DecimalColumn",
    "Description",
    "Errors",
    "Event",
    "Failure",
    "Field",
    "FixedBinaryColumn",
    "Keyed",
    "KeyedBatch",
    "LargeList",
    "LargeMap",
    "ListColumn",
    "MapColumn",
    "NumberColumn",
    "Output",
    "Port",
    "Row",
    "RowError",
    "Scalar",
    "Schema",
    "Span",
    "StructColumn",
    "TextColumn",
    "Timer",
    "Transform",
    "Unsigned",
    "Values",
    "column_of",
    "columns_of",
    "decimal128",
    "decimals_of",
    "fixed_size_binary",
    "list_of",
    "map_of",
    "struct_of",
    "timestamp",
]
