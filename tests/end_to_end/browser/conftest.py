"""A server with the invented people, and a browser in which they are logged in."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.end_to_end.browser.site import Site
from tests.support.browser import chromium
from tests.support.running import running


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give a server with the invented people."""
    # Those who sign up each have an address of their own, as of one only a few may.
    with running(tmp_path_factory.mktemp("site"), REGIE_TRUST_FORWARDED="true") as program:
        yield Site(program, tmp_path_factory.mktemp("logins"))


# Not for the session: while Playwright runs, no asynchronous test can.
@pytest.fixture(scope="module")
def browser(site: Site) -> Iterator[Browser]:
    """Give a browser for the tests of a module; who looks at pages is logged in, and the practice has somebody to look at."""
    with chromium() as opened:
        site.prepare(opened)
        yield opened
