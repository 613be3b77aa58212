"""deploy/kubernetes/, held against the schemas and against itself."""

from typing import Any

import kubernetes_validate
import pytest

from app.interactions.archive_reading import PACKED_MAX, UNPACKED_MAX
from app.portal.my_data import LARGE_FORMS
from tests.support.deploy import (
    DEPLOY,
    KUSTOMIZATION,
    OBJECTS,
    VERSION,
    one,
    own_variables,
    pods,
)

KUBERNETES = "1.33.0"


@pytest.mark.parametrize("made", OBJECTS, ids=lambda made: f"{made['kind']}")
def test_an_object_is_as_its_schema_says(made: dict[str, Any]) -> None:
    kubernetes_validate.validate(made, KUBERNETES, strict=True)
    assert made["metadata"]["name"] == ("regie-migrate" if made["kind"] == "Job" else "regie")
    assert made["metadata"].get("namespace", "regie") == "regie"


def test_every_file_is_in_the_kustomization() -> None:
    files = {file.name for file in (DEPLOY / "kubernetes").iterdir()}
    assert files == {"kustomization.yaml", *KUSTOMIZATION["resources"]}
    assert [image["newTag"] for image in KUSTOMIZATION["images"]] == [VERSION]


@pytest.mark.parametrize("kind", pods())
def test_a_pod_is_restricted_and_has_limits(kind: str) -> None:
    pod = pods()[kind]
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"].keys() == {"requests", "limits"}
        assert container["resources"]["limits"].keys() == {"cpu", "memory"}
        assert container["image"] == f"regie:{VERSION}"
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert mounts == {"secrets": "/run/secrets", "data": "/var/lib/regie", "temporary": "/tmp"}  # noqa: S108
        assert mounts.keys() == {volume["name"] for volume in pod["volumes"]}


def test_what_people_bring_in_fits_and_is_on_disk_and_not_in_memory() -> None:
    (temporary,) = [one for one in pods()["Deployment"]["volumes"] if one["name"] == "temporary"]
    assert temporary["emptyDir"].keys() == {"sizeLimit"}
    assert int(temporary["emptyDir"]["sizeLimit"].removesuffix("Gi")) << 30 > PACKED_MAX + UNPACKED_MAX
    taken = one("Ingress")["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-body-size"]
    assert max(LARGE_FORMS.values()) <= int(taken.removesuffix("m")) << 20 <= max(LARGE_FORMS.values()) + (1 << 20)


def test_probes_ask_routes_that_are_there_and_wait_longer_than_readiness_takes() -> None:
    (container,) = pods()["Deployment"]["containers"]
    probes = {name: container[f"{name}Probe"] for name in ("startup", "liveness", "readiness")}
    assert {name: probe["httpGet"]["path"] for name, probe in probes.items()} == {
        "startup": "/health/live",
        "liveness": "/health/live",
        "readiness": "/health/ready",
    }
    assert {probe["httpGet"]["port"] for probe in probes.values()} == {port["name"] for port in container["ports"]}
    assert probes["readiness"]["timeoutSeconds"] > 3
    assert [port["containerPort"] for port in container["ports"]] == [8000]


def test_names_lead_to_what_they_name() -> None:
    labels = one("Deployment")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        one("Deployment")["spec"]["selector"]["matchLabels"],
        one("Service")["spec"]["selector"],
        one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ]
    for selector in selectors:
        assert selector.items() <= labels.items()
    job = one("Job")["spec"]["template"]["metadata"]["labels"]
    assert not one("Service")["spec"]["selector"].items() <= job.items(), "the job is not to be asked"
    assert one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"].items() <= job.items()
    backend = one("Ingress")["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert (backend["name"], backend["port"]["name"]) == ("regie", one("Service")["spec"]["ports"][0]["name"])
    assert one("Ingress")["spec"]["rules"][0]["host"] == own_variables()["REGIE_BASE_URL"].removeprefix("https://")
    assert "replicas" not in one("Deployment")["spec"], "the scaler decides"
    assert one("HorizontalPodAutoscaler")["spec"]["minReplicas"] > one("PodDisruptionBudget")["spec"]["minAvailable"]
