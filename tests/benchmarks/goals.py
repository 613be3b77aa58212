"""What is aimed at, and what others do: figures of the design, not of a run.

The peers were measured on a quiet machine of 2 cores, with 205,000 resources and 16 clients, the load generator beside them, and
without login, consent and audit: HAPI FHIR 8.8 with PostgreSQL 15, and Helios 0.2.7 with SQLite (``synchronous=NORMAL``). They
are not measured again by a run of the benchmark.
"""

from dataclasses import dataclass

RATIOS = {"W1": 0.35, "W2": 0.5, "W3": 0.35, "W3-date": 0.35, "W3-lastn": 0.35, "W4": 0.5, "W4b": 0.5, "W5": 0.5}
"""The part of the limit's rate that a workload is to reach."""

ONE_CORE = {"W1": 2500, "W3-date": 1500, "W4b": 1200, "W5": 2000}
"""Requests per second (W5: resources) of one worker on one core, with PostgreSQL on the other."""

GROWTH = 1.1
"""How many times its smallest the 99th percentile of W3 may be when the population is 64 times as large."""

START_S = 2.0
WORKER_MIB = 250
BYTES_PER_RESOURCE = 1200


@dataclass(frozen=True, slots=True)
class Peer:
    """Rates per second of another server, by workload; where a range was measured, its upper end."""

    name: str
    rates: dict[str, float]


PEERS = (
    Peer("HAPI", {"W1": 1330, "W2": 4.0, "W3": 85, "W4": 70, "W4b": 530, "W5": 664}),
    Peer("Helios", {"W1": 14500, "W2": 25, "W3": 5.5, "W4": 110, "W4b": 690, "W5": 561}),
)
