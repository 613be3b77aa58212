"""Load by wrk: a closed loop of clients for some seconds, from prepared requests."""

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.workloads import Call

_SCRIPT = Path(__file__).with_name("requests.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it; ``errors`` counts statuses from 400 on and broken connections."""

    requests: int
    seconds: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    errors: int


def prepare(path: Path, host: str, calls: Iterable[Call]) -> None:
    """Write requests to the file that ``load`` reads."""
    with path.open("wb") as file:
        for call in calls:
            raw = call.raw(host)
            file.write(b"%d\n" % len(raw) + raw)


def load(url: str, requests: Path, clients: int, seconds: int) -> Load:
    """Return the result of ``clients`` that each ask again as soon as they have their answer."""
    command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "10s", "-s", str(_SCRIPT), url, "--"]
    done = subprocess.run([*command, str(requests)], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return Load(
        found["requests"],
        found["duration_us"] / 1e6,
        found["p50_us"] / 1000,
        found["p95_us"] / 1000,
        found["p99_us"] / 1000,
        found["refused"] + found["broken"],
    )
