"""Where the published test scripts are, on this machine."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PACKAGES = {
    "STU3": ("nictiz-stu3-zib2017", "nictiz-stu3-medicationprocess", "nictiz-stu3-questionnaires"),
    "R4": (
        "nictiz-r4-zib2020",
        "nictiz-r4-zib2020-older",
        "nictiz-r4-medicationprocess",
        "nictiz-r4-patientcorrections",
    ),
}
"""The folders of the official packages for each release."""


def conformance_folder() -> Path | None:
    """Return the folder with the runner and ``suites/``: REGIE_CONFORMANCE_SUITES, or the one beside the project."""
    folder = Path(os.environ.get("REGIE_CONFORMANCE_SUITES") or ROOT / ".." / "shared" / "conformance").resolve()
    return folder if (folder / "suites").is_dir() else None


def suite(name: str) -> Path:
    """Return the folder of one suite, such as ``STU3/SelfMeasurements-2-0``; skip the test where it is not there."""
    folder = conformance_folder()
    if folder is None or not (folder / "suites" / name).is_dir():
        pytest.skip(f"The published test scripts {name} are not on this machine (REGIE_CONFORMANCE_SUITES).")
    return folder / "suites" / name


def package_folder(name: str) -> Path:
    """Return the folder of one official package, which is beside the suites; skip the test where it is not there."""
    folder = conformance_folder()
    if folder is None or not (folder.parent / "packages" / name).is_dir():
        pytest.skip(f"The official package {name} is not on this machine (beside REGIE_CONFORMANCE_SUITES).")
    return folder.parent / "packages" / name
