"""Plugins that remember nothing."""

from __future__ import annotations

from typing import Generic, TypeVar

from .batch import Batch
from .describe import Description
from .output import Output
from .plugin import Plugin
from .types import Schema

C = TypeVar("C")


class Transform(Plugin, Generic[C]):
    """A stateless transformation; `C` is the type of its configuration, None if it has none.

    The host makes an instance, calls `start` once and then `process` once per batch. Instances
    come and go, several run side by side, and a batch may be tried again in parts, so output must
    depend on the arguments of the two calls alone; memory is at best a cache.

        class FlagLarge(Transform[Config]):
            name, version = "flag_large", "0.1.0"
            summary = "Marks rows whose amount is above a limit"

            def start(self, config: Config, schema: Schema) -> Description:
                self.limit = config.limit
                large = Field("large", BOOLEAN)
                return Description(reads=["amount"], ports=[Port("main", adds=[large])])

            def process(self, batch: Batch, out: Output) -> None:
                amounts = batch.float64("amount")
                out.all("main", [[a if a is None else a > self.limit for a in amounts]])
    """

    def start(self, config: C, schema: Schema) -> Description:
        """Says what the plugin will do with rows of this schema. Also called when a pipeline is
        merely checked. Raises ConfigErrors, which are shown to the author of the pipeline."""
        raise NotImplementedError

    def process(self, batch: Batch, out: Output) -> None:
        """Transforms a batch. An exception fails the whole call: the host tries again with half of
        the rows, down to those that fail even alone. Refuse single rows with `out.error`."""
        raise NotImplementedError
