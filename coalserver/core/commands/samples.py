"""Commands about samples of figures."""

from collections.abc import Sequence

from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.samples import Sample


def record_samples(uow: UnitOfWork, *, samples: Sequence[Sample]) -> None:
    """Count samples in the rows of their steps."""
    for sample in samples:
        uow.add_sample(sample)
