"""What all files in deploy/ have in common: settings, secrets, how long it takes to stop."""

import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from app.settings import Settings
from tests.support.deploy import COMPOSE, ROOT, duration, one, own_variables, pods


def test_every_variable_is_a_setting_and_every_secret_a_file_that_is_read() -> None:
    names = own_variables().keys()
    assert {name.removeprefix("REGIE_").lower() for name in names} <= set(Settings.model_fields)
    files = {secret for secret in COMPOSE["secrets"] if secret.startswith("regie_")}
    read = {f"regie_{field}" for field in Settings.model_fields} | {"regie_server_secret"}
    assert files <= read
    page = (ROOT / "docs/running.md").read_text(encoding="utf-8")
    assert {name for name in files if f"--from-file={name}" in page} == files
    assert own_variables()["REGIE_SECRET_FILE"] == "/run/secrets/regie_server_secret"


def test_a_setting_can_be_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "regie_metrics_token").write_text("geheim\n")
    monkeypatch.delenv("REGIE_METRICS_TOKEN", raising=False)
    read = Settings(_secrets_dir=tmp_path)
    assert read.metrics_token.get_secret_value() == "geheim"


def test_whoever_stops_it_waits_for_its_end() -> None:
    stops = {
        "compose": (
            COMPOSE["services"]["regie"]["environment"],
            int(COMPOSE["services"]["regie"]["stop_grace_period"][:-1]),
        ),
        "kubernetes": (one("ConfigMap")["data"], pods()["Deployment"]["terminationGracePeriodSeconds"]),
    }
    for where, (variables, grace_s) in stops.items():
        needed = duration(variables["REGIE_STOP_NOTICE"]) + duration(variables["REGIE_STOP_WITHIN"])
        assert needed < timedelta(seconds=grace_s), where
    probe = pods()["Deployment"]["containers"][0]["readinessProbe"]
    assert duration(own_variables()["REGIE_STOP_NOTICE"]) > timedelta(
        seconds=probe["periodSeconds"] * probe["failureThreshold"]
    )


def test_the_unit_of_systemd_is_one_and_starts_the_server_again_however_it_ended(tmp_path: Path) -> None:
    text = (ROOT / "deploy/regie.service").read_text()
    lines = text.splitlines()
    assert {"Restart=always", "KillMode=mixed", "ExecStart=/srv/regie/.venv/bin/regie serve"} <= {*lines}
    waits = next(timedelta(seconds=int(line.split("=")[1])) for line in lines if line.startswith("TimeoutStopSec="))
    assert Settings().stop_notice + Settings().stop_within < waits
    if (program := shutil.which("systemd-analyze")) is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "regie.service"
    unit.write_text(text.replace("/srv/regie/.venv/bin/regie", "/bin/true"))  # it looks whether the program is there
    done = subprocess.run([program, "verify", "--man=no", str(unit)], check=False, capture_output=True, text=True)
    assert (done.returncode, str(unit) in done.stderr) == (0, False), done.stderr
