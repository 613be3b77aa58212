"""Instants as FHIR writes them.

Spec: https://hl7.org/fhir/R4/datatypes.html#instant
"""

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=256)  # what is written together has one instant
def instant_text(instant_us: int) -> str:
    """Return an instant as FHIR writes it: ``2026-11-25T09:30:00.125Z``."""
    moment = datetime.fromtimestamp(instant_us // 1_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{instant_us // 1000 % 1000:03d}Z"
