"""docs/metrics.md against what /metrics tells."""

import re
from pathlib import Path

import pytest

from tests.support.metrics import told
from tests.support.world import world_in

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(regie_\w+)` \| (\w+) \| ((?:`\w+`(?:, )?)*) ?\| (\S.*) \|$", re.MULTILINE)


def rows() -> dict[str, tuple[str, set[str]]]:
    """Kind and labels of each metric."""
    found = ROW.findall(PAGE.read_text(encoding="utf-8"))
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels, _ in found}


async def test_the_page_has_every_metric_with_its_kind_and_labels(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        await world.http.get("/fhir/r4/Patient/none-such")
        await world.http.get("/login")
        families = told((await world.http.get("/metrics")).text)
    page = rows()
    # On one kind of database only, or when an entry was signed.
    some = {"regie_database_connections_in_use", "regie_disk_free_bytes", "regie_audit_checkpoint_age_seconds"}
    assert page.keys() - some <= families.keys() <= page.keys()
    assert {name: (family.kind, family.labels) for name, family in families.items()} == {
        name: row for name, row in page.items() if name in families
    }


@pytest.mark.parametrize("name", rows())
def test_names_have_their_unit(name: str) -> None:
    units = (
        "_total",
        "_seconds",
        "_bytes",
        "_info",
        "_jobs",
        "_in_flight",
        "_up",
        "_connections",
        "_in_use",
        "_files",
        "_processes",
    )
    assert name.endswith((*units, "_waiting", "_failing", "_max"))
    assert name.endswith("_total") == (rows()[name][0] == "counter")
