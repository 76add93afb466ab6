"""Plugins that remember something for each key."""

from .batch import Clock, Event, KeyedBatch, Row, Timer
from .large import LargeList, LargeMap
from .transform import Keyed

__all__ = ["Clock", "Event", "Keyed", "KeyedBatch", "LargeList", "LargeMap", "Row", "Timer"]
