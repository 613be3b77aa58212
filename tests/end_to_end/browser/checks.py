"""What is checked of a page that is open in a browser; each check returns what is wrong in words, nothing if all is well."""

import re
from functools import cache
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.support.node import MODULES

BYTES_MAX = 100_000
"""Of a page with all that it needs, as the browser unpacks it."""

SHIFT_MAX = 0.01
"""Of what is seen while a page is made, as the measure of browsers has it: 0.1 is called good."""

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_AXE = """async (options) => (await axe.run(document, { ...options, resultTypes: ["violations"] })).violations
  .flatMap(rule => rule.nodes.map(node => `${rule.id}: ${node.html.slice(0, 160)} ${node.any.map(one => one.message)}`))"""
# What is pressed with a finger is at least 44 pixels high: all but a link inside a sentence.
_SMALL_TARGETS = """() => {
  const isAlone = link => {
    for (let box = link.parentElement; box; box = box.parentElement) {
      const text = [...box.childNodes].filter(node => node.nodeType === 3).map(node => node.data.trim()).join("");
      if (text) return false;
      if (getComputedStyle(box).display !== "inline") return true;
    }
  };
  const pressed = document.querySelectorAll(
    "button, .button, summary, label.choice, select, textarea, input:not([type=hidden], [type=checkbox], [type=radio]), a");
  return [...pressed]
    .filter(one => one.checkVisibility() && !one.closest("svg, .unseen, .skip, .card"))
    .filter(one => !one.matches("a:not(.button)") || isAlone(one))
    .filter(one => one.getBoundingClientRect().height < 43.5)
    .map(one => `small: ${one.outerHTML.slice(0, 120)} ${one.getBoundingClientRect().height}`);
}"""
# What is wider than its place: it is cut off, or lies over what is beside it. A wide table scrolls by itself.
_CUT = """() => [...document.querySelectorAll("body *:not(svg, svg *)")]
  .filter(one => one.checkVisibility() && !one.closest(".scroll, .unseen, .skip, [type=date], [type=time]"))
  .filter(one => one.clientWidth && one.scrollWidth > one.clientWidth + 1)
  .map(one => `cut off: ${one.outerHTML.slice(0, 120)} ${one.scrollWidth} in ${one.clientWidth}`)"""
_TWICE = """() => [...document.querySelectorAll("[id]")].map(one => one.id)
  .filter((id, index, all) => all.indexOf(id) !== index).map(id => `twice: #${id}`)"""
_WEIGHT = """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .reduce((sum, entry) => sum + entry.decodedBodySize, 0)"""
_SHIFT = """() => new Promise(resolve => {
  let shift = 0;
  const observer = new PerformanceObserver(list => { for (const entry of list.getEntries()) shift += entry.value; });
  observer.observe({ type: "layout-shift", buffered: true });
  setTimeout(() => { observer.disconnect(); resolve(shift); }, 30);
})"""


@cache
def axe() -> str:
    """Return the program of axe-core; skip the test where it is not there: `make node` gets it."""
    file = MODULES / "axe-core" / "axe.min.js"
    if not file.is_file():
        pytest.skip("axe-core is not on this machine: `make node` gets it.")
    return file.read_text()


_VARYING = re.compile(r"[\w-]*\d[\w-]*")
"""What differs in a page that is made twice, and is nothing to the rules: tokens, ids, dates, times and values."""

_well_made: set[tuple[str, int]] = set()
"""The pages, without what varies, and the widths at which the rules found nothing."""


def accessibility(page: Page) -> list[str]:
    """Return what the rules of axe-core find, in light and, for colours, in dark.

    Many walks come by the same page, and a look takes a third of a second: one that was well made is not looked at again.
    """
    assert page.viewport_size is not None
    looked_at = _VARYING.sub("", page.content()), page.viewport_size["width"]
    if looked_at in _well_made:
        return []
    if not page.evaluate("'axe' in window"):  # it stays as long as the page does, at whichever width
        page.evaluate(axe())
    found: list[str] = page.evaluate(_AXE, {"runOnly": RULES})
    page.emulate_media(color_scheme="dark")
    found += [f"dark {line}" for line in page.evaluate(_AXE, {"runOnly": ["color-contrast"]})]
    page.emulate_media(color_scheme="light")
    if not found:
        _well_made.add(looked_at)
    return found


def layout(page: Page) -> list[str]:
    """Return what is too wide, cut off, too small to press or there twice."""
    found = [fault for check in (_SMALL_TARGETS, _CUT, _TWICE) for fault in page.evaluate(check)]
    width: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return [*found, f"{width} pixels too wide"] if width > 0 else found


def making(page: Page) -> list[str]:
    """Return what was wrong while the page was made: it is too heavy, or moved."""
    found: list[str] = []
    weight: int = page.evaluate(_WEIGHT)
    shift: float = page.evaluate(_SHIFT)
    if weight > BYTES_MAX:
        found.append(f"{weight} bytes")
    if shift > SHIFT_MAX:
        found.append(f"moves by {shift}")
    return found


_NAMELESS = re.compile(
    r"^\s*- (button|checkbox|combobox|heading|link|navigation|radio|region|search|searchbox|switch|table|textbox)"
    r"(?! \"[^\"]*\w)(?=[ :]|$).*",
    re.MULTILINE,
)
"""What a screen reader names, and here can't: a line of the tree that the browser makes for it, without a name behind the role."""


def aloud(page: Page) -> tuple[str, list[str]]:
    """Return what a screen reader is given of a page, as indented lines, and what of it has no name."""
    tree = page.locator("body").aria_snapshot()
    return tree, [f"without a name: {found[0].strip()}" for found in _NAMELESS.finditer(tree)]


_FOCUSED = """() => {
  const one = document.activeElement;
  const before = window.focusedBefore ?? one;
  if (one === document.body) return null;
  window.focusedBefore = one;
  const shown = one.closest(".card") ?? one.closest(".choice") ?? one;
  const box = one.getBoundingClientRect();
  const x = Math.min(innerWidth - 1, Math.max(0, box.x + Math.min(box.width / 2, 12)));
  const y = Math.min(innerHeight - 1, Math.max(0, box.y + Math.min(box.height / 2, 12)));
  const top = document.elementFromPoint(x, y);
  const isMarked = [one, shown].map(each => getComputedStyle(each))
    .some(style => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2);
  return {
    name: one.outerHTML.slice(0, 120),
    isFirst: one.matches(".skip"),
    isEarlier: Boolean(one.compareDocumentPosition(before) & Node.DOCUMENT_POSITION_FOLLOWING),
    isMarked: isMarked || one.matches("[type^=date], [type=time]"), // the browser marks their parts itself
    isCovered: !(top && (one.contains(top) || top.contains(one) || shown.contains(top))),
  };
}"""
STOPS_MAX = 500


def keyboard(page: Page) -> list[str]:
    """Return what the Tab key shows wrongly: no mark at what has the focus, something before it, or another order."""
    found: list[str] = []
    for stop in range(STOPS_MAX):
        page.keyboard.press("Tab")
        focused: dict[str, Any] | None = page.evaluate(_FOCUSED)
        if focused is None or (stop and focused["isFirst"]):
            return found
        if focused["isEarlier"]:
            return [*found, f"goes back to {focused['name']}"]
        if not focused["isMarked"]:
            found.append(f"no mark: {focused['name']}")
        if focused["isCovered"]:
            found.append(f"covered: {focused['name']}")
    return [*found, "never ends"]
