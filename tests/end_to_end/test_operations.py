"""What who runs the server asks it."""

from pathlib import Path

from app.db.database import Transaction
from app.jobs.outbox import put
from tests.support.world import world_in


async def test_metrics_tell_what_waits_to_be_delivered(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:

        async def job(transaction: Transaction) -> None:
            for due_us in (0, 2**60):  # what is not due yet waits for its day, not for us
                await put(transaction, record_id=1, kind="notice", body={}, now_us=due_us)

        await world.parts.database.write(job)
        said = (await world.http.get("/metrics")).text
    assert "regie_jobs_waiting 1.0" in said
    assert "regie_jobs_failing 0.0" in said
