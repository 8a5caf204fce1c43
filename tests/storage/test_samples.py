"""Samples: a row for each step, kept the shorter the shorter the step is."""

from coalserver.core.ports import Batch
from coalserver.domain.samples import KEPT_SECONDS, MINUTE, Sample, SampleRow, Tally
from tests.storage.conftest import ReopenableStore

HOUR = 3600
#: The start of an hour.
START = 1_700_000_000 // HOUR * HOUR


def sample(at: float, *players: float, series: str = "world 1") -> Sample:
    tally = Tally(len(players), sum(players), max(players))
    return Sample(series, at, {"players": tally})


async def rows(place: ReopenableStore, step: int, series: str = "world 1") -> list[SampleRow]:
    return await place.store.samples(series, step, 0, START * 2, 1_000)


async def test_sample_counts_in_a_row_of_every_step(place: ReopenableStore) -> None:
    samples = [sample(START + 5, 1, 3), sample(START + 65, 2), sample(START + 950, 6)]
    await place.store.write(Batch(samples=samples))
    await place.restart()
    assert await rows(place, 60) == [
        SampleRow(START, {"players": Tally(2, 4, 3)}),
        SampleRow(START + 60, {"players": Tally(1, 2, 2)}),
        SampleRow(START + 900 + 0, {"players": Tally(1, 6, 6)}),
    ]
    assert await rows(place, 900) == [
        SampleRow(START, {"players": Tally(3, 6, 3)}),
        SampleRow(START + 900, {"players": Tally(1, 6, 6)}),
    ]
    (hour,) = await rows(place, 3600)
    assert hour == SampleRow(START, {"players": Tally(4, 12, 6)})
    assert hour.tallies["players"].mean == 3


async def test_sample_of_the_same_minute_is_added(place: ReopenableStore) -> None:
    await place.store.write(Batch(samples=[sample(START + 1, 1)]))
    await place.store.write(
        Batch(
            samples=[Sample("world 1", START + 59, {"cpu": Tally.of(50.0)}), sample(START + 2, 4)]
        )
    )
    assert await rows(place, MINUTE) == [
        SampleRow(START, {"players": Tally(2, 5, 4), "cpu": Tally(1, 50.0, 50.0)})
    ]


async def test_series_are_apart(place: ReopenableStore) -> None:
    await place.store.write(Batch(samples=[sample(START, 1), sample(START, 2, series="world 10")]))
    assert [row.tallies["players"].total for row in await rows(place, 60)] == [1]
    assert [row.tallies["players"].total for row in await rows(place, 60, "world 10")] == [2]
    assert await rows(place, 60, "world 2") == []


async def test_rows_are_read_within_a_time_and_a_limit(place: ReopenableStore) -> None:
    await place.store.write(
        Batch(samples=[sample(START + minute * 60, minute) for minute in range(10)])
    )
    found = await place.store.samples("world 1", 60, START + 120, START + 420, 3)
    assert [row.at for row in found] == [START + 120, START + 180, START + 240]
    found = await place.store.samples("world 1", 60, START + 120, START + 240, 99)
    assert [row.at for row in found] == [START + 120, START + 180]


async def test_rows_are_deleted_at_the_end_of_their_time(place: ReopenableStore) -> None:
    for series in ("world 1", "world 2"):
        samples = [
            sample(START + days * 86400, days + 1, series=series) for days in (0, 1, 40, 730)
        ]
        await place.store.write(Batch(samples=samples))
    now = START + 730 * 86400
    await place.store.delete_expired_samples(now)
    for series in ("world 1", "world 2"):
        assert [row.at for row in await rows(place, 60, series)] == [now]
        assert [row.at for row in await rows(place, 900, series)] == [now]
        assert len(await rows(place, 3600, series)) == 4
    await place.store.delete_expired_samples(now + 12 * HOUR)
    assert len(await rows(place, 3600)) == 3
    await place.store.delete_expired_samples(now + 3 * 365 * 86400)
    assert [await rows(place, step) for step in KEPT_SECONDS] == [[], [], []]
