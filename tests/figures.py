"""Metrics in Prometheus' text format, by the library's own parser."""

from prometheus_client.parser import text_string_to_metric_families

Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def figures(text: str) -> Figures:
    """{(name, labels): value}."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def total(found: Figures, name: str, **labels: str) -> float:
    """Over everything of the name that has these labels."""
    return sum(value for (one, has), value in found.items() if one == name and labels.items() <= dict(has).items())
