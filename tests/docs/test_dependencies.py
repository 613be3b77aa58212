"""What is imported is declared, and what is declared is locked."""

import ast
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# What these modules make is committed, so that what they need is needed by who makes it anew only.
GENERATORS = "generate.py"


def declared(*extras: str) -> dict[str, Requirement]:
    wanted = [*PROJECT["dependencies"]]
    for extra in extras:
        wanted += PROJECT["optional-dependencies"][extra]
    requirements = [Requirement(each) for each in wanted]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def locked(name: str) -> dict[str, str]:
    """The version of every package in a lock file."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return {
        canonicalize_name(package): version for package, version in re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE)
    }


def imported(*folders: str, generators: bool) -> Iterator[tuple[str, str]]:
    """Each distribution that is imported, with the module that does."""
    providers = packages_distributions()
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.name == GENERATORS and not generators:
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.level == 0:
                    names = [str(node.module)]
                else:
                    continue
                for name in names:
                    top = name.split(".")[0]
                    if top not in sys.stdlib_module_names and top not in {"app", "tests"}:
                        module = path.relative_to(ROOT).as_posix()
                        yield canonicalize_name(providers.get(top, [top])[0]), module


# These come with a declared package, on purpose: FastAPI is Starlette, pydantic-settings is pydantic, pwdlib[argon2] is argon2-cffi,
# and what Jinja takes as safe is a Markup.
COMES_ALONG = {
    "starlette": "fastapi",
    "pydantic": "pydantic-settings",
    "anyio": "httpx",
    "argon2-cffi": "pwdlib",
    "markupsafe": "jinja2",
}


def undeclared(found: Iterator[tuple[str, str]], known: dict[str, Requirement]) -> dict[str, str]:
    return {
        package: module for package, module in found if package not in known and COMES_ALONG.get(package) not in known
    }


def test_what_the_program_imports_is_a_dependency() -> None:
    assert undeclared(imported("app", "migrations", generators=False), declared("otel")) == {}


def test_what_tests_and_generators_import_is_declared() -> None:
    known = declared("test", "check", "otel")
    assert undeclared(imported("app", "tests", generators=True), known) == {}


@pytest.mark.parametrize(
    ("lock", "extras"),
    [
        ("requirements.lock", ["install"]),
        ("requirements-otel.lock", ["install", "otel"]),
        ("requirements-test.lock", ["install", "test", "check", "otel"]),
    ],
)
def test_every_dependency_is_locked_to_a_version_that_is_allowed(lock: str, extras: list[str]) -> None:
    versions = locked(lock)
    for name, requirement in declared(*extras).items():
        assert name in versions, f"{name} is not in {lock}: make lock"
        assert requirement.specifier.contains(versions[name]), f"{name} in {lock}: make lock"


def test_tests_run_with_the_versions_that_are_served() -> None:
    served, traced = locked("requirements.lock"), locked("requirements-otel.lock")
    assert served.items() <= traced.items() <= locked("requirements-test.lock").items()


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-otel.lock", "requirements-test.lock"])
def test_a_lock_file_has_hashes_and_names_no_host(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*--(?!hash)", text, re.MULTILINE)
    packages = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert packages
    assert all("--hash=sha256:" in package for package in packages)


def test_the_lock_file_of_the_clients_in_javascript_has_hashes_and_names_no_host() -> None:
    clients = ROOT / "tests" / "clients"
    locked_packages = json.loads((clients / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    wanted = json.loads((clients / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert locked_packages.pop("")["dependencies"] == wanted
    assert all(each["integrity"].startswith("sha512-") for each in locked_packages.values())
    assert not any("resolved" in each for each in locked_packages.values())
