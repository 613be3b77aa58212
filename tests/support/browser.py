"""A browser: Chromium as the machine has it, without its windows if there is such a one: that takes half the processor time."""

import contextlib
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ViewportSize, expect, sync_playwright

PHONE = ViewportSize(width=390, height=844)
DESK = ViewportSize(width=1280, height=900)
TIMEOUT_MS = 60_000
"""How long a page may take to be as a test waits for, on a machine that is busy with other tests."""

_OFF = (
    "AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,"
    "LensOverlay,MediaRouter,PaintHolding,ThirdPartyStoragePartitioning,OptimizationHints,NetworkTimeServiceQuerying,"
    "AimEnabled,PreconnectToSearch,WebUIOmniboxPopup,WebUIOmniboxAimPopup"
)
"""What Chromium does without: what Playwright leaves out (the last list counts), and two pages that each new window makes for
its address bar, which no test sees: half the processor time of a test that opens one page."""

expect.set_options(timeout=TIMEOUT_MS)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Give a browser, closed at the end."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.fail("Chromium is not installed: run `make chromium`.")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", f"--disable-features={_OFF}"]
        browser = playwright.chromium.launch(executable_path=found, args=arguments)
        yield browser
        browser.close()
