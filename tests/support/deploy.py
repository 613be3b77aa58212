"""The files in deploy/, as tests read them."""

import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((DEPLOY / "kubernetes/kustomization.yaml").read_text(encoding="utf-8"))
OBJECTS: list[dict[str, Any]] = [
    made
    for name in KUSTOMIZATION["resources"]
    for made in yaml.safe_load_all((DEPLOY / "kubernetes" / name).read_text(encoding="utf-8"))
]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def one(kind: str) -> dict[str, Any]:
    """Return the one object of Kubernetes of a kind."""
    (found,) = [made for made in OBJECTS if made["kind"] == kind]
    return found


def pods() -> dict[str, dict[str, Any]]:
    """Return what runs, by kind."""
    return {kind: one(kind)["spec"]["template"]["spec"] for kind in ("Deployment", "Job")}


def own_variables() -> dict[str, str]:
    """Return each ``REGIE_`` variable that is set anywhere, with its value in Kubernetes where it has one there."""
    of_compose = {
        name: value
        for service in ("regie", "migrate")
        for name, value in COMPOSE["services"][service]["environment"].items()
    }
    return {**of_compose, **one("ConfigMap")["data"]}


def duration(text: str) -> timedelta:
    """Return what a setting such as PT5S says."""
    return TypeAdapter(timedelta).validate_python(text)
