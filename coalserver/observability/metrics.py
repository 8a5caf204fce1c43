"""Metrics in the text format of Prometheus, for other programs to read (docs/decisions/0061)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client.registry import Collector

__all__ = ["CONTENT_TYPE", "Family", "render_metrics"]


@dataclass(frozen=True, slots=True)
class Family:
    """Values of one metric, each with values of the labels."""

    #: The name as it is shown; that of a counter ends in `_total`.
    name: str
    help: str
    labels: Sequence[str] = ()
    #: Values of the labels -> value.
    values: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    #: Whether it only grows, until the program starts again.
    is_counter: bool = False


class _Families(Collector):
    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            make = CounterMetricFamily if family.is_counter else GaugeMetricFamily
            metric = make(family.name, family.help, labels=family.labels)
            for labels, value in family.values.items():
                metric.add_metric(labels, value)
            yield metric


def render_metrics(families: Iterable[Family]) -> bytes:
    """Return metrics in the text format, version 0.0.4, in UTF-8."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(families))
    return generate_latest(registry)
