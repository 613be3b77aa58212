"""A server with the invented people, and a browser in which they are logged in."""

from collections.abc import Generator, Iterator

import pytest
from playwright.sync_api import Browser

from tests.end_to_end.browser.flows import not_gone_through
from tests.end_to_end.browser.site import Site
from tests.support.browser import chromium
from tests.support.ports import free_port
from tests.support.running import running


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give a server with the invented people."""
    folder, port = tmp_path_factory.mktemp("site"), free_port()
    settings = {
        "REGIE_BASE_URL": f"http://localhost:{port}",  # no browser has passkeys for an IP address
        "REGIE_MAIL_URL": f"file:{folder / 'mail'}",
        "REGIE_TRUST_FORWARDED": "true",  # who signs up has an address of their own, as of one only a few may
    }
    with running(folder, port, **settings) as program:
        yield Site(program, tmp_path_factory.mktemp("logins"))


# Not for the session: while Playwright runs, no asynchronous test can.
@pytest.fixture(scope="module")
def browser(site: Site) -> Iterator[Browser]:
    """Give a browser for the tests of a module; who looks at pages is logged in, and the practice has somebody to look at."""
    with chromium() as opened:
        site.prepare(opened)
        yield opened


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Function) -> Generator[None, object, object]:
    """Fail a walk that came to its end and did not press what ``flows.py`` says of it."""
    if "way" not in item.funcargs:
        return (yield)
    site = item.funcargs["site"]
    assert isinstance(site, Site)
    site.gone_through.clear()
    told = yield  # what a walk raises that fails, or is skipped halfway, goes on from here
    assert not_gone_through(item.function.__name__, site.gone_through) == []
    return told
