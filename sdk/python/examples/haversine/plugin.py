"""The distance between two places on earth."""

from collections.abc import Sequence
from math import asin, cos, radians, sin, sqrt

from millrace_plugin import (
    FLOAT64,
    Batch,
    ConfigErrors,
    DataType,
    Errors,
    RowError,
    Scalar,
    Schema,
    Values,
)

#: The mean radius of the earth.
RADIUS_KM = 6371.0088


class Haversine(Scalar[None]):
    name = "haversine"
    version = "0.1.0"
    summary = "The distance in kilometres between two places on earth"

    def start(self, config: None, arguments: Schema) -> DataType:
        if arguments.types != [FLOAT64] * 4:
            raise ConfigErrors.whole(
                "it takes four float64: latitude and longitude of two places, in degrees"
            )
        return FLOAT64

    def evaluate(self, arguments: Batch, errors: Errors) -> Values:
        return errors.map(distance, zip(*arguments.columns))


def distance(degrees: Sequence[float | None]) -> float | None:
    """Kilometres from latitude and longitude of two places; None if one of them is None."""
    lat1, lon1, lat2, lon2 = degrees
    if lat1 is None or lon1 is None or lat2 is None or lon2 is None:
        return None
    for name, value, limit in (
        ("latitude", lat1, 90.0),
        ("latitude", lat2, 90.0),
        ("longitude", lon1, 180.0),
        ("longitude", lon2, 180.0),
    ):
        # Also true of what is no number.
        if not abs(value) <= limit:
            raise RowError("no_place", f"{value!r} is no {name}")
    return haversine(radians(lat1), radians(lon1), radians(lat2), radians(lon2))


def haversine(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Kilometres along a great circle, from radians."""
    half_lat, half_lon = sin((lat2 - lat1) / 2), sin((lon2 - lon1) / 2)
    chord = half_lat * half_lat + cos(lat1) * cos(lat2) * (half_lon * half_lon)
    return 2.0 * RADIUS_KM * asin(min(sqrt(chord), 1.0))
