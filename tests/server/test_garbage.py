"""Garbage collection: what is freed, and when. Lengths of pauses are measured by the benchmarks."""

import gc
import sys
import threading
import weakref
from collections.abc import Iterator

import pytest

from coalserver.server import garbage
from coalserver.server.garbage import (
    CHECK_SECONDS,
    MAX_FULL_SECONDS,
    MAX_YOUNG_OBJECTS,
    MIN_FULL_SECONDS,
    YOUNG_OBJECTS,
    GarbageCollection,
)


class Knot:
    """An object that refers to itself, as a leak would."""

    def __init__(self) -> None:
        self.itself = self


class Machine:
    """The time, the processor time and the memory that the collection reads."""

    def __init__(self) -> None:
        self.now = self.busy = 0.0
        #: Blocks of memory.
        self.blocks = 1_000_000

    def steady(self) -> float:
        return self.now

    def processor_time(self) -> float:
        return self.busy

    def allocated(self) -> int:
        return self.blocks

    def work(self, seconds: float, share: float) -> None:
        self.now += seconds
        self.busy += seconds * share


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture(scope="module", autouse=True)
def collected_tests() -> Iterator[None]:
    """Freeze the tests again, which the end of a GarbageCollection unfreezes."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture
def collection(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Iterator[GarbageCollection]:
    """A collection to which memory seems to have grown at each look."""
    monkeypatch.setattr(garbage, "GROWN_SHARE", 0)
    monkeypatch.setattr(garbage, "MIN_GROWN_BLOCKS", -1)
    collection = GarbageCollection(machine.steady, machine.processor_time, machine.allocated)
    collection.start()
    # Only the collection under test frees anything.
    gc.disable()
    yield collection
    gc.enable()
    collection.stop()


def leave_old_knots(collection: GarbageCollection, count: int = 20) -> list[weakref.ref[Knot]]:
    """Return references to knots that nothing else refers to, that have survived a collection."""
    knots = [Knot() for _ in range(count)]
    collection.run_once()
    return [weakref.ref(knot) for knot in knots]


def living(references: list[weakref.ref[Knot]]) -> int:
    return sum(reference() is not None for reference in references)


def test_cycles_of_many_rounds_are_freed_at_the_next_quiet_time(machine, collection):
    references = []
    for _ in range(50):
        references += leave_old_knots(collection)
        machine.work(CHECK_SECONDS, share=0.5)
    assert living(references) == 1000
    machine.work(MIN_FULL_SECONDS, share=0.5)
    collection.run_once()
    assert living(references) == 1000, "the server was busy"
    machine.work(CHECK_SECONDS, share=0.01)
    collection.run_once()
    assert living(references) == 0


def test_a_server_that_is_never_quiet_frees_cycles_once_a_day(machine, collection):
    for _ in range(3):
        references = leave_old_knots(collection)
        machine.work(MAX_FULL_SECONDS - 1, share=1)
        collection.run_once()
        assert living(references) == 20
        machine.work(CHECK_SECONDS, share=1)
        collection.run_once()
        assert living(references) == 0


def test_full_collections_at_quiet_times_are_hours_apart(machine, collection):
    machine.work(MIN_FULL_SECONDS, share=0)
    collection.run_once()
    references = leave_old_knots(collection)
    machine.work(MIN_FULL_SECONDS - 1, share=0)
    collection.run_once()
    assert living(references) == 20
    machine.work(CHECK_SECONDS, share=0)
    collection.run_once()
    assert living(references) == 0


def test_nothing_is_looked_at_while_the_memory_does_not_grow(machine):
    collection = GarbageCollection(machine.steady, machine.processor_time, machine.allocated)
    collection.start()
    try:
        references = leave_old_knots(collection)
        # What 10,000 listeners take is not enough.
        for blocks, left in ((1_500_000, 20), (2_000_000, 20), (2_000_001, 0)):
            machine.blocks = blocks
            machine.work(10 * MAX_FULL_SECONDS, share=0)
            collection.run_once()
            assert living(references) == left
        # What remains is no reason to look again; after some of it was freed, less is enough.
        references = leave_old_knots(collection)
        for blocks, left in ((3_000_000, 20), (500_000, 20), (1_500_000, 20), (1_500_001, 0)):
            machine.blocks = blocks
            machine.work(10 * MAX_FULL_SECONDS, share=0)
            collection.run_once()
            assert living(references) == left
    finally:
        collection.stop()


def test_a_busy_server_looks_at_all_when_its_memory_has_grown_manifold(machine):
    machine.blocks = 2_000_000
    collection = GarbageCollection(machine.steady, machine.processor_time, machine.allocated)
    collection.start()
    try:
        references = leave_old_knots(collection)
        for blocks, left in ((8_000_000, 20), (8_000_001, 0)):
            machine.blocks = blocks
            machine.work(CHECK_SECONDS, share=1)
            collection.run_once()
            assert living(references) == left
        # Where it has found nothing, it looks again after another such growth.
        references = leave_old_knots(collection)
        machine.blocks = 32_000_000
        machine.work(CHECK_SECONDS, share=1)
        collection.run_once()
        assert living(references) == 20
    finally:
        collection.stop()


def test_young_cycles_are_freed_at_once(collection):
    references = [weakref.ref(Knot()) for _ in range(20)]
    collection.run_once()
    assert living(references) == 0


@pytest.fixture
def thawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few frozen objects are enough to look at all."""
    monkeypatch.setattr(garbage, "THAW_SHARE", 0)


@pytest.mark.usefixtures("thawing")
def test_too_many_young_objects_are_not_looked_at_before_the_full_collection(machine, collection):
    frozen = gc.get_freeze_count()
    references = [weakref.ref(Knot()) for _ in range(MAX_YOUNG_OBJECTS)]
    collection.run_once()
    assert gc.get_freeze_count() >= frozen + MAX_YOUNG_OBJECTS
    assert living(references) == MAX_YOUNG_OBJECTS
    machine.work(MIN_FULL_SECONDS, share=0)
    collection.run_once()
    assert living(references) == 0


@pytest.mark.usefixtures("thawing")
def test_frozen_objects_are_looked_at_at_quiet_times_only(machine, collection):
    references = [weakref.ref(Knot()) for _ in range(MAX_YOUNG_OBJECTS)]
    collection.run_once()
    machine.work(MAX_FULL_SECONDS, share=1)
    collection.run_once()
    assert living(references) == MAX_YOUNG_OBJECTS
    machine.work(MIN_FULL_SECONDS, share=0)
    collection.run_once()
    assert living(references) == 0


def test_few_frozen_objects_are_not_worth_a_look_at_all(machine, collection, monkeypatch):
    monkeypatch.setattr(garbage, "THAW_SHARE", 1)
    crowd = [weakref.ref(Knot()) for _ in range(MAX_YOUNG_OBJECTS)]
    collection.run_once()
    references = leave_old_knots(collection)
    machine.work(MIN_FULL_SECONDS, share=0)
    collection.run_once()
    assert (living(crowd), living(references)) == (MAX_YOUNG_OBJECTS, 0)


@pytest.mark.usefixtures("thawing")
def test_cycles_are_freed_at_quiet_times_also_after_too_many_young_objects(machine, collection):
    crowd = [Knot() for _ in range(MAX_YOUNG_OBJECTS)]
    collection.run_once()
    for _ in range(3):
        references = leave_old_knots(collection)
        machine.work(MIN_FULL_SECONDS, share=0)
        collection.run_once()
        assert living(references) == 0
    references = [weakref.ref(knot) for knot in crowd]
    crowd.clear()
    machine.work(MIN_FULL_SECONDS, share=0)
    collection.run_once()
    assert living(references) == 0


def test_objects_that_replace_others_do_not_gather_among_the_young(collection):
    kept = [[] for _ in range(YOUNG_OBJECTS)]
    collection.run_once()
    for _ in range(20):
        for number in range(len(kept)):
            kept[number] = [kept]
        collection.run_once()
        assert len(gc.get_objects(0)) < YOUNG_OBJECTS


def test_counting_young_objects_disturbs_no_thread_that_builds_a_tuple(collection):
    """CPython cannot resize a tuple to which a list of all objects refers."""
    errors, done = [], threading.Event()

    def build_tuples():
        while not (done.is_set() or errors):
            try:
                tuple([number] for number in range(40))
            except SystemError as error:
                errors.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    threads = [threading.Thread(target=build_tuples) for _ in range(3)]
    try:
        for thread in threads:
            thread.start()
        for _ in range(2000):
            collection._on_collection("start", {"generation": 0})
    finally:
        done.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(interval)
    assert errors == []


def test_what_exists_at_the_start_is_looked_at_again_only_after_the_end(collection):
    assert gc.get_freeze_count() > 0
    assert gc.get_threshold()[0] == YOUNG_OBJECTS
    collection.stop()
    assert gc.get_freeze_count() == 0
    assert gc.get_threshold()[0] != YOUNG_OBJECTS
    collection.start()
