"""The dashboard and the alerts: what they ask is there, and who is woken finds what to do."""

import json
import re
from typing import Any

import promql_parser
import pytest
import yaml

from tests.docs.test_metrics import rows
from tests.support.deploy import (
    DEPLOY,
    ROOT,
)

RULES: list[dict[str, Any]] = yaml.safe_load((DEPLOY / "prometheus/alerts.yaml").read_text(encoding="utf-8"))["groups"][
    0
]["rules"]
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana/regie.json").read_text(encoding="utf-8"))


def expressions() -> list[str]:
    """Each question to Prometheus, with the variables of the dashboard filled in."""
    of_alerts = [rule["expr"] for rule in RULES]
    panels = DASHBOARD["panels"]
    asked = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    return [*of_alerts, *(one.replace("$job", "regie") for one in asked)]


@pytest.mark.parametrize("expression", expressions())
def test_what_dashboard_and_alerts_ask_can_be_asked_and_is_there(expression: str) -> None:
    promql_parser.parse(expression)
    known = set(rows()) | {
        f"{name}{end}"
        for name, (kind, _) in rows().items()
        if kind == "histogram"
        for end in ("_bucket", "_sum", "_count")
    }
    named = set(re.findall(r"\bregie_\w+", expression))
    assert named <= known
    assert named or "up{" in expression


def test_the_dashboard_shows_every_metric() -> None:
    asked = " ".join(expressions())
    assert [name for name in rows() if not re.search(rf"\b{name}(_bucket|_sum|_count)?\b", asked)] == []
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert DASHBOARD["uid"] == "regie"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_who_is_woken_finds_what_to_do(rule: dict[str, Any]) -> None:
    page = (ROOT / "docs/running.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| `{rule['alert']}` \| \S", page, re.MULTILINE)
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"].endswith(".")
    assert re.fullmatch(r"\d+m", rule["for"])
