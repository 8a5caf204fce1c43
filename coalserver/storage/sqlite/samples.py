"""Samples on disk: a row for each series and step, see `coalserver.domain.samples`.

The document of a row has, for each figure by its name, the number of its measurements, their sum and their peak.
"""

import json
import sqlite3
from collections.abc import Sequence

from coalserver.domain.samples import (
    KEPT_SECONDS,
    Sample,
    SampleRow,
    Tallies,
    Tally,
    merge,
    step_start,
)

#: `step` in seconds, `at` the start of the step.
CREATE = (
    "CREATE TABLE sample (series TEXT NOT NULL, step INTEGER NOT NULL, at INTEGER NOT NULL,"
    " doc TEXT NOT NULL, PRIMARY KEY (series, step, at)) WITHOUT ROWID"
)
#: Each step of the recursion is one look-up in the index.
_ALL_SERIES = (
    "WITH RECURSIVE found (series) AS (SELECT min(series) FROM sample UNION ALL"
    " SELECT (SELECT min(series) FROM sample WHERE sample.series > found.series) FROM found"
    " WHERE found.series IS NOT NULL) SELECT series FROM found WHERE series IS NOT NULL"
)


def write(db: sqlite3.Connection, samples: Sequence[Sample]) -> None:
    """Count samples in their rows of every step. Called within a transaction."""
    for sample in samples:
        for step in KEPT_SECONDS:
            key = (sample.series, step, step_start(sample.at, step))
            row = db.execute(
                "SELECT doc FROM sample WHERE series = ? AND step = ? AND at = ?", key
            ).fetchone()
            tallies = merge(_load(row[0]), sample.tallies) if row else sample.tallies
            db.execute(
                "INSERT INTO sample VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET doc = excluded.doc",
                (*key, json.dumps(tallies, separators=(",", ":"))),
            )


def rows(
    db: sqlite3.Connection, series: str, step: int, since: float, before: float, limit: int
) -> list[SampleRow]:
    """Return the rows whose steps start in a time, oldest first."""
    found = db.execute(
        "SELECT at, doc FROM sample WHERE series = ? AND step = ? AND at >= ? AND at < ?"
        " ORDER BY at LIMIT ?",
        (series, step, since, before, limit),
    )
    return [SampleRow(at, _load(doc)) for at, doc in found]


def delete_expired(db: sqlite3.Connection, now: float) -> None:
    """Delete the rows that are older than rows of their steps are kept."""
    for (series,) in db.execute(_ALL_SERIES).fetchall():
        for step, kept in KEPT_SECONDS.items():
            db.execute(
                "DELETE FROM sample WHERE series = ? AND step = ? AND at < ?",
                (series, step, now - kept),
            )


def _load(document: str) -> Tallies:
    return {name: Tally(*tally) for name, tally in json.loads(document).items()}
