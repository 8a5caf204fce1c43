"""Hypothesis settings of tests with generated requests."""

from hypothesis import HealthCheck, settings

#: Reproducible examples. Fixtures are shared by all examples of a test, which health checks advise against.
FUZZ = settings(
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
