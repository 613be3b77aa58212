"""Access that is withdrawn, or over, is closed within a second in all processes."""

from pathlib import Path

from tests.support.closing import closing

LONGEST_MS = 1000


async def test_what_was_withdrawn_or_is_over_is_closed_within_a_second_in_two_processes(tmp_path: Path) -> None:
    found = await closing(tmp_path, rounds=2)
    assert found.looks > 20
    assert found.withdrawn_ms <= LONGEST_MS
    assert found.ended_ms <= LONGEST_MS
