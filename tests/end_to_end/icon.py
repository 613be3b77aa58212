"""The icon of the app as PNG, for devices that take no SVG, made anew: ``python -m tests.end_to_end.icon``.

It fills its square, and what matters is in the middle 80 %, since devices cut a circle or a rounded square out of it.
"""

from app.portal.frame import STATIC
from tests.support.browser import chromium

SIZE = 512
GROUND = "#e3f0ed"


def main() -> None:
    """Draw the icon on its ground, and keep it beside the SVG."""
    drawn = (STATIC / "icon.svg").read_text()
    page = f"<body style='margin:0;display:grid;place-items:center;height:{SIZE}px;background:{GROUND}'>{drawn}</body>"
    with chromium() as browser:
        opened = browser.new_page(viewport={"width": SIZE, "height": SIZE})
        opened.set_content(page)
        opened.locator("svg").evaluate(f"svg => svg.setAttribute('width', {SIZE * 7 // 10})")
        opened.screenshot(path=STATIC / "icon-512.png")


if __name__ == "__main__":
    main()
