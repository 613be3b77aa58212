"""Every act that the code writes in the log has fixed words: a code of ours or of FHIR, and a sentence on the page."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
_WRITTEN = re.compile(
    r"""\baction="([a-z-]+)"|\bEvent\(\s*"([a-z-]+)"|\b(?:event|event_of|deed_of)\(request,\s[^,]+,\s"([a-z-]+)"|\bDeed\("([a-z-]+)\""""
)
FHIR = re.compile(
    r"create|read|vread|update|patch|delete|history-[a-z]+|search-[a-z]+|batch|transaction|operation-[a-z-]+"
)


def actions() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "app").rglob("*.py"):
        found |= {"".join(parts) for parts in _WRITTEN.findall(path.read_text(encoding="utf-8"))}
    return found


OWN = sorted(action for action in actions() if FHIR.fullmatch(action) is None)


def test_the_acts_of_login_consent_and_keys_are_among_them() -> None:
    assert {"login", "logout", "login-changed", "grant", "change-grant", "withdraw", "token", "alerts"} <= set(OWN)


@pytest.mark.parametrize("release", ["stu3", "r4"])
def test_each_has_a_code_of_our_own(release: str) -> None:
    file = ROOT / "profiles" / release / "terminology" / "audit-action.code-system.json"
    codes = {concept["code"] for concept in json.loads(file.read_bytes())["concept"]}
    assert set(OWN) - codes == set()
