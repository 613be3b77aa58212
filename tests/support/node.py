"""Node, with the clients in JavaScript that `tests/clients/package-lock.json` names."""

import shutil
from pathlib import Path

import pytest

from tests.support.running import ROOT

MODULES = ROOT / "tests" / "clients" / "node_modules"


def node_modules() -> Path:
    """Return the folder of the packages; skip the test where there is no Node."""
    if shutil.which("node") is None:
        pytest.skip("Node is not on this machine: `make node` gets it.")
    if not MODULES.is_dir():
        pytest.fail("The clients in JavaScript are not installed: run `make node`.")
    return MODULES


def folder_for(programs: Path) -> Path:
    """Return ``programs``, in which programs in JavaScript now find the packages."""
    (programs / "node_modules").symlink_to(node_modules())
    return programs
