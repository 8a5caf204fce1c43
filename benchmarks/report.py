"""Reports: figures of both servers and their ratios, as a table or as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Speed:
    """One run: operations, wall-clock seconds, and processor seconds of server and load."""

    count: int
    seconds: float
    cpu: float
    load: float


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. A ratio above 1 is better than the minimal server."""

    name: str
    unit: str
    ours: float
    bare: float
    ratio: float
    #: Processor microseconds of the server for one operation, and minimal over coalserver.
    cpu_ours: float | None = None
    cpu_bare: float | None = None
    cpu_ratio: float | None = None
    #: Largest share of its core that the load used; near 1, the wall clock measures the load.
    load: float | None = None
    target: str = ""
    met: bool | None = None


def of_both(found: Mapping[str, T]) -> tuple[T, T]:
    """Return the runs of both servers by name."""
    return found["coalserver"], found["bare"]


def speed_row(
    name: str,
    ours: Sequence[Speed],
    bare: Sequence[Speed],
    *,
    least: float | None = None,
    by: str = "clock",
) -> Row:
    """Return the row of a speed; `least` is the target ratio, `by` selects the ratio that it applies to."""
    fast, plain = (median(run.count / run.seconds for run in runs) for runs in (ours, bare))
    cost, plain_cost = (median(run.cpu / run.count * 1e6 for run in runs) for runs in (ours, bare))
    ratio, cpu_ratio = fast / plain, plain_cost / cost
    judged = ratio if by == "clock" else cpu_ratio
    return Row(
        name,
        "/s",
        fast,
        plain,
        ratio,
        cost,
        plain_cost,
        cpu_ratio,
        max(median(run.load / run.seconds for run in runs) for runs in (ours, bare)),
        "" if least is None else f"≥ {least} by {by}",
        None if least is None else judged >= least,
    )


def cost_row(
    name: str,
    unit: str,
    ours: Sequence[float],
    bare: Sequence[float],
    most: float | None = None,
) -> Row:
    """Return the row of a time or of memory, where less is better."""
    mine, plain = median(ours), median(bare)
    ratio = mine / plain
    return Row(
        name,
        unit,
        mine,
        plain,
        ratio,
        target="" if most is None else f"≤ {most}",
        met=None if most is None else ratio <= most,
    )


def as_table(rows: Sequence[Row], machine: dict[str, str]) -> str:
    """Return the table as Markdown."""
    head = (
        "measured", "coalserver", "bare", "ratio",
        "µs of CPU", "bare", "ratio", "load", "target",
    )  # fmt: skip
    lines = [head, tuple("---" if not place else "---:" for place in range(len(head)))]
    lines += [
        (
            row.name,
            _figure(row.ours, row.unit),
            _figure(row.bare, row.unit),
            f"{row.ratio:.2f}",
            _small(row.cpu_ours),
            _small(row.cpu_bare),
            "" if row.cpu_ratio is None else f"{row.cpu_ratio:.2f}",
            "" if row.load is None else f"{row.load:.0%}",
            row.target + {None: "", True: " ✓", False: " **missed**"}[row.met],
        )
        for row in rows
    ]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    where = ", ".join(
        value if name in ("cpu", "system") else f"{name} {value}" for name, value in machine.items()
    )
    return f"{table}\n\n{where}."


def as_document(rows: Sequence[Row], machine: dict[str, str]) -> dict[str, Any]:
    return {"machine": machine, "rows": [asdict(row) for row in rows]}


def _figure(value: float, unit: str) -> str:
    shown = f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    return f"{shown} {unit}" if unit[0] != "/" else shown + unit


def _small(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
