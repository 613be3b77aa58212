"""Which databases a test is on: SQLite, and with REGIE_TEST_DATABASE=both (as ``make test`` has it) PostgreSQL too.

With ``both`` a test of the folders below is two tests. What is about storing is on PostgreSQL as a whole; of the rest, which
knows nothing of the database, there are those that chance has chosen once and for all: all of it takes ten minutes more, and is
what ``make test-postgresql`` runs. With nothing said, all tests are on SQLite, which is quickest. With ``citus`` they are on
PostgreSQL whose records are spread, by a stand-in (``tests/support/citus.py``).

A fixture that lives longer than a test and has a database asks for ``database_kind``.
"""

import os
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import HealthCheck, settings

from tests.support.database import KINDS, choose
from tests.support.database import kind as chosen_kind

WHOLE = (
    "faults",
    "integration/audit",
    "integration/consent",
    "integration/db",
    "integration/interactions",
    "integration/jobs",
    "integration/store",
    "migrations",
    "property",
)
LONG = ("faults",)
IN_PART = ("access", "end_to_end", "integration")
ONE_OF = 8
_HERE = Path(__file__).parent
_ASKED = os.environ.get("REGIE_TEST_DATABASE", KINDS[0])

# A law holds however long an example takes on a machine that others use. A test that suppresses more says `too_slow` again.
settings.register_profile("laws", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("laws")


@pytest.fixture(scope="session", autouse=True)
def database_kind(request: pytest.FixtureRequest) -> str:
    """Return the kind of the databases that are made: ``sqlite`` or ``postgresql``."""
    kind = str(getattr(request, "param", KINDS[0] if _ASKED == "both" else _ASKED))
    choose(kind)
    return chosen_kind()


def _is_below(path: Path, folders: tuple[str, ...]) -> bool:
    return any(path.is_relative_to(_HERE / folder) for folder in folders)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make two tests of one, where both databases are asked for; what is about a browser is not about the database."""
    is_one = any(metafunc.definition.get_closest_marker(name) for name in ("browser", "own_database"))
    if _ASKED == "both" and _is_below(metafunc.definition.path, (*WHOLE, *IN_PART)) and not is_one:
        metafunc.parametrize("database_kind", KINDS, indirect=True, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what is not among those that are on PostgreSQL too, and put first what takes minutes: nobody waits for it last."""
    items[:] = [item for item in items if not _is_left_out(item)]
    items.sort(key=lambda item: not _is_below(item.path, LONG))


def _is_left_out(item: pytest.Item) -> bool:
    called: dict[str, object] = getattr(getattr(item, "callspec", None), "params", {})
    if _ASKED != "both" or called.get("database_kind") != "postgresql" or _is_below(item.path, WHOLE):
        return False
    return crc32(item.nodeid.encode()) % ONE_OF != 0
