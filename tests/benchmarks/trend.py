"""A straight line through measurements, by least squares, and how sure it is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trend:
    """How much is added in a unit of x, and the standard error of that."""

    slope: float
    error: float


def trend(points: Sequence[tuple[float, float]]) -> Trend:
    """Return the trend of (x, y). Raises: ValueError, for fewer than three points or all at one x."""
    count = len(points)
    middle_x, middle_y = sum(x for x, _ in points) / max(count, 1), sum(y for _, y in points) / max(count, 1)
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    if count < 3 or not spread:
        message = "A trend needs three points, at different places."
        raise ValueError(message)
    slope = sum((x - middle_x) * (y - middle_y) for x, y in points) / spread
    left = sum((y - middle_y - slope * (x - middle_x)) ** 2 for x, y in points)
    return Trend(slope, math.sqrt(left / (count - 2) / spread))
