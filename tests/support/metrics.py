"""What /metrics told, read as Prometheus would."""

from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families


@dataclass
class Told:
    """A metric: its kind, the names of its labels without a histogram's ``le``, and its values by labels."""

    kind: str
    labels: set[str] = field(default_factory=set)
    values: dict[tuple[str, ...], float] = field(default_factory=dict)


def told(text: str) -> dict[str, Told]:
    """Return the metrics by name; of a histogram the counts."""
    found: dict[str, Told] = {}
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        one = found[name] = Told(family.type)
        for sample in family.samples:
            one.labels |= sample.labels.keys() - {"le"}
            if sample.name in (name, f"{name}_count"):
                one.values[tuple(sample.labels.values())] = sample.value
    return found
