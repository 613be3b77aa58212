"""What a server has worked out before it answers anybody."""

from pathlib import Path

from app.main import create_app
from app.settings import Settings
from app.store import rules
from tests.support.database import migrated, taken_away


def test_no_write_waits_until_the_rules_of_the_index_are_worked_out(tmp_path: Path) -> None:
    url = migrated(tmp_path)
    rules._rules_of.cache_clear()
    application = create_app(Settings(database_url=url, secret_file=tmp_path / "secret"))
    application.open()
    application.close()
    taken_away(url)
    worked_out = rules._rules_of.cache_info().misses
    assert rules.current_rules().of
    assert rules._rules_of.cache_info().misses == worked_out
