"""The picture in README.md, made anew: ``python -m tests.end_to_end.picture``.

It is a page of the first invented person, as the whole program serves it today, so it changes with the page and the day.
"""

import json
import tempfile
from pathlib import Path

import pyotp

from tests.support.browser import chromium
from tests.support.running import ROOT, running

PICTURE = ROOT / "docs" / "pictures" / "blood-pressure.png"
PAGE = "/measurements/blood-pressure"
SIZE_MAX = 150_000


def main() -> None:
    """Log in as the first invented person, and keep a picture of a page."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as program, chromium() as browser:
        program.run("demo")
        person = json.loads(program.run("demo", "--json"))["people"][0]
        context = browser.new_context(
            base_url=program.url, locale="nl-NL", viewport={"width": 1040, "height": 850}, color_scheme="light"
        )
        page = context.new_page()
        page.goto(PAGE)
        page.get_by_label("Inlognaam").fill(person["login"])
        page.get_by_label("Wachtwoord").fill(person["password"])
        page.get_by_role("button", name="Verder").click()
        page.get_by_label("Code van 6 cijfers").fill(pyotp.TOTP(person["totp_secret"]).now())
        page.get_by_role("button", name="Inloggen").click()
        page.get_by_role("img").first.wait_for()
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURE)
        context.close()
    size = PICTURE.stat().st_size
    if size > SIZE_MAX:
        raise ValueError(f"{PICTURE} has {size} bytes; at most {SIZE_MAX} belong in the repository.")


if __name__ == "__main__":
    main()
