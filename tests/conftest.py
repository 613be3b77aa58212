"""Which databases a test is on: SQLite, and with REGIE_TEST_DATABASE=both (as ``make test`` has it) PostgreSQL too.

With ``both`` every test of the folders below is two tests. With ``postgresql`` all tests are on PostgreSQL, and with nothing
said on SQLite, which is quick. A fixture that lives longer than a test and has a database asks for ``database_kind``.
"""

import os
from pathlib import Path

import pytest

from tests.support.database import KINDS, choose

ON_BOTH = ("access", "end_to_end", "faults", "integration", "migrations", "property")
_HERE = Path(__file__).parent
_ASKED = os.environ.get("REGIE_TEST_DATABASE", KINDS[0])


@pytest.fixture(scope="session", autouse=True)
def database_kind(request: pytest.FixtureRequest) -> str:
    """Return the kind of the databases that are made: ``sqlite`` or ``postgresql``."""
    kind = str(getattr(request, "param", KINDS[0] if _ASKED == "both" else _ASKED))
    choose(kind)
    return kind


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make two tests of one, where both databases are asked for; what is about a browser is not about the database."""
    folder = Path(str(metafunc.module.__file__)).relative_to(_HERE).parts[0]
    is_about_pages = metafunc.definition.get_closest_marker("browser") is not None
    if _ASKED == "both" and folder in ON_BOTH and not is_about_pages:
        metafunc.parametrize("database_kind", KINDS, indirect=True, scope="session")
