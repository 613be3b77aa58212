"""deploy/compose.yaml and its proxy, read as far as that is possible without starting them."""

import re

import pytest

from tests.support.deploy import (
    COMPOSE,
    DEPLOY,
    VERSION,
)

ROUTES = {"/health/live", "/health/ready"}


SERVICES = COMPOSE["services"]


def test_only_the_proxy_is_published() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    assert COMPOSE["networks"]["database"]["internal"] is True
    assert SERVICES["database"]["networks"] == ["database"]
    assert "database" not in SERVICES["proxy"]["networks"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_confined_and_has_limits(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
    assert service["restart"] == ("no" if name == "migrate" else "unless-stopped")
    assert "privileged" not in service
    assert service.get("user", "root" if name == "proxy" else "") not in ("", "0", "0:0")
    assert name == "migrate" or service["healthcheck"]["test"][0] == "CMD"
    assert not any("sock" in str(volume) for volume in service.get("volumes", ()))


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_has_a_version(name: str) -> None:
    image, _, tag = SERVICES[name]["image"].partition(":")
    assert re.match(r"\d+\.\d+", tag), image
    assert image != "regie" or tag == VERSION


def test_volumes_networks_and_secrets_are_declared_and_used() -> None:
    for kind in ("volumes", "networks", "secrets"):
        used = {str(one).partition(":")[0] for service in SERVICES.values() for one in service.get(kind, ())}
        assert {one for one in used if not one.startswith(".")} == COMPOSE[kind].keys(), kind
    assert all(secret.keys() == {"file"} for secret in COMPOSE["secrets"].values())


def test_what_people_bring_in_is_on_disk_and_not_in_memory() -> None:
    assert "temporary:/tmp" in SERVICES["regie"]["volumes"]
    assert "tmpfs" not in SERVICES["regie"]


def test_no_secret_is_a_variable() -> None:
    given = [
        name
        for service in SERVICES.values()
        for name in service["environment"]
        if re.search("PASSWORD|TOKEN|URL$", name)
    ]
    assert [name for name in given if not name.endswith("_FILE")] == ["REGIE_BASE_URL"] * 2


def test_the_tables_are_there_before_the_server_and_sorted_as_it_needs() -> None:
    assert SERVICES["migrate"]["command"] == ["migrate"]
    assert SERVICES["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert SERVICES["regie"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert "--lc-collate=C " in SERVICES["database"]["environment"]["POSTGRES_INITDB_ARGS"]


def test_the_health_check_is_a_program_that_asks_a_route() -> None:
    command, program, option, source = SERVICES["regie"]["healthcheck"]["test"]
    assert (command, program, option) == ("CMD", "python", "-c")
    compile(source, "health check", "exec")
    assert re.findall(r"8000(/[\w/]+)", source) == ["/health/ready"]


def test_the_proxy_hides_figures_and_writes_the_address_itself() -> None:
    text = (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
    assert "respond /metrics 404" in text
    assert "header_up X-Forwarded-For {remote_host}" in text
    assert set(re.findall(r"health_uri (\S+)", text)) <= ROUTES
    assert text.count("{") == text.count("}")
