"""Functions for SQL."""

from __future__ import annotations

from typing import Generic, TypeVar

from .batch import Batch
from .codec import Codec, codec_of
from .output import Errors, Values
from .plugin import Plugin, parameters
from .types import DataType, Schema

C = TypeVar("C")
S = TypeVar("S")


class Scalar(Plugin, Generic[C]):
    """A function of the values of one row; `C` is the type of its configuration.

    class Root(Scalar[None]):
        name, version, summary = "root", "0.1.0", "The square root"

        def start(self, config: None, arguments: Schema) -> DataType:
            return FLOAT64

        def evaluate(self, arguments: Batch, errors: Errors) -> Values:
            return errors.map(self.root, arguments.float64("a0"))
    """

    def start(self, config: C, arguments: Schema) -> DataType:
        """The type of the result for arguments of these types, named `a0`, `a1` and so on. Raises
        ConfigErrors, which are shown to the author of the pipeline."""
        raise NotImplementedError

    def evaluate(self, arguments: Batch, errors: Errors) -> Values:
        """One value for each row. The result may depend on the arguments alone. What is returned
        for a row that is refused does not matter. An exception fails the whole call."""
        raise NotImplementedError


class Aggregate(Plugin, Generic[C, S]):
    """A function of many rows; `C` is the type of its configuration, `S` that of what is kept of a
    group's rows.

    The host collects the rows of a group in any number of states and merges them later, in any
    order and grouping, so the result may only depend on which rows a group has. `S` is whatever
    JSON and dataclasses can say; with `bytes` the plugin writes its own.
    """

    #: Counted up when `S` changes.
    state_version: int = 1

    def start(self, config: C, arguments: Schema) -> DataType:
        """The type of the result for arguments of these types, named `a0`, `a1` and so on. Raises
        ConfigErrors, which are shown to the author of the pipeline."""
        raise NotImplementedError

    def empty(self) -> S:
        """The state of no rows: a new one for each call."""
        raise NotImplementedError

    def update(self, states: list[S], groups: list[int], rows: Batch) -> None:
        """Adds rows to states; `groups` has for each row the number of its state. States are
        changed in place or replaced in the list."""
        raise NotImplementedError

    def merge(self, state: S, other: S) -> S:
        """The state of the rows of both. It may change and return `state`."""
        raise NotImplementedError

    def evaluate(self, states: list[S]) -> Values:
        """The result for each state."""
        raise NotImplementedError

    @classmethod
    def codec(cls) -> Codec[S]:
        """How states are written."""
        return codec_of(parameters(cls, Aggregate)[1])
