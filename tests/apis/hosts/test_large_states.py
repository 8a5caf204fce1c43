"""Large states and patches: merged and rendered beside other requests, and once for all readers."""

import asyncio
from typing import Any

import pytest

from coalserver.core import patches
from coalserver.core.steps import MAX_WORK
from coalserver.domain.play.synced_state import MAX_PATCH_BYTES, SyncedState
from coalserver.web.streaming.render_cache import RenderCache
from tests.apis.app import TestApp
from tests.apis.hosts.clients import HostClient, Session, SyncSocket, make_hosted_session


def large_patch(number: int) -> dict[str, Any]:
    return {f"{number}-{name:x}": {"a": number} for name in range(2000)}


async def state_of(session: Session, client: HostClient) -> Any:
    answer = await client.get(session.path)
    assert answer.status == 200, answer.raw
    return answer.json["state"]


async def test_requests_are_answered_while_a_patch_is_merged(
    test_app: TestApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command does not wait, so that a patch with 15,000 objects held the loop for 22 ms."""
    session, (guest,) = await make_hosted_session(test_app)
    at_once = []
    monkeypatch.setattr(SyncedState, "apply_patch", lambda *given: at_once.append(given))
    merging, others = 0, 0

    async def ask() -> None:
        nonlocal others
        while merging == 0:
            await asyncio.sleep(0)
        while merging == 1:
            await asyncio.sleep(0)
            others += 1

    prepare = patches._prepare

    async def counted(*given: Any) -> Any:
        nonlocal merging
        merging = 1
        try:
            return await prepare(*given)
        finally:
            merging = 2

    monkeypatch.setattr(patches, "_prepare", counted)
    asking = asyncio.create_task(ask())
    patch = {f"{number:x}": {"a": 1} for number in range(15_000)}
    message = {"type": "update", "patch": patch, "source_of_truth_key": session.key}
    answer = await session.send_message(session.host, **message)
    assert answer.status == 200, answer.raw
    await asking
    assert others >= 5 and not at_once
    assert await state_of(session, guest) == patch


async def test_updates_of_one_session_keep_their_order_beside_large_patches(
    test_app: TestApp,
) -> None:
    session, (guest,) = await make_hosted_session(test_app)
    first, second = [await session.connect(session.host) for _ in range(2)]
    reader = await session.connect(guest)
    expected: dict[str, Any] = {}
    for number in range(6):
        await first.send(type="update", patch=large_patch(number), key=f"large {number}")
        await second.send(type="update", patch={f"small {number}": number}, key=f"small {number}")
        expected |= {**large_patch(number), f"small {number}": number}
    versions = []
    for socket in (first, second):
        for _ in range(6):
            versions.append((await socket.expect(type="done"))["version"])
    assert sorted(versions) == list(range(1, 13))
    assert await state_of(session, guest) == expected
    seen: dict[str, Any] = {}
    version = 0
    while version < 12:
        event = await reader.receive()
        assert event["version"] > version
        version = event["version"]
        seen = event["state"] if "state" in event else {**seen, **event["patch"]}
    assert seen == expected


async def test_update_of_an_other_kind_meanwhile_is_not_lost(
    test_app: TestApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole state from elsewhere, such as a snapshot of the housekeeping, makes the patch be prepared again."""
    session, (guest,) = await make_hosted_session(test_app)
    await session.send_message(
        session.host, type="update", state={"a": 1}, source_of_truth_key=session.key
    )
    prepare, calls = patches._prepare, []

    async def disturbed(before: SyncedState, room: int, *rest: Any) -> Any:
        prepared = await prepare(before, room, *rest)
        calls.append(before)
        if len(calls) <= disturbances:
            state = test_app.core.state.get(SyncedState, room)
            assert state is not None
            test_app.core.state.set(SyncedState, room, state.compact(float(len(calls))))
        return prepared

    monkeypatch.setattr(patches, "_prepare", disturbed)
    for number, disturbances in enumerate((0, 1, 9), 1):
        calls.clear()
        answer = await session.send_message(
            session.host, type="update", patch=large_patch(number), source_of_truth_key=session.key
        )
        assert answer.json["version"] == number + 1
        assert len(calls) == min(disturbances + 1, patches.MAX_ATTEMPTS)
        assert await state_of(session, guest) == {"a": 1} | large_patch(1) | (
            large_patch(2) if number > 1 else {}
        ) | (large_patch(3) if number > 2 else {})


async def test_patch_of_who_is_not_the_source_of_truth_is_not_merged(
    test_app: TestApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, (guest,) = await make_hosted_session(test_app)
    monkeypatch.setattr(patches, "_prepare", None)
    for client, key in ((guest, ""), (guest, "0" * 32), (session.host, "0" * 32)):
        message = {"type": "update", "patch": large_patch(1), "source_of_truth_key": key}
        assert (await session.send_message(client, **message)).status == 403


async def test_too_large_state_is_refused_as_before(test_app: TestApp) -> None:
    session, (guest,) = await make_hosted_session(test_app)
    for number, status in ((1, 200), (2, 422)):
        patch = {f"{number}": "x" * 200_000}
        message = {"type": "update", "patch": patch, "source_of_truth_key": session.key}
        answer = await session.send_message(session.host, **message)
        assert answer.status == status, answer.raw
    assert answer.json["detail"][0]["loc"] == ["body", "patch"]
    assert list(await state_of(session, guest)) == ["1"]


async def test_state_is_rendered_once_for_all_readers(
    test_app: TestApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, (guest,) = await make_hosted_session(test_app)
    for values in ({"state": {"a": "x" * MAX_PATCH_BYTES}}, {"patch": {"b": 1}}):
        await session.send_message(
            session.host, type="update", source_of_truth_key=session.key, **values
        )
    rendered = []
    snapshot = SyncedState.snapshot_in_steps

    def counted(synced: SyncedState) -> Any:
        rendered.append(synced.version)
        return snapshot(synced)

    monkeypatch.setattr(SyncedState, "snapshot_in_steps", counted)
    expected = {"a": "x" * MAX_PATCH_BYTES, "b": 1}
    for _ in range(3):
        assert await state_of(session, guest) == expected
        assert (await session.connect(guest)).state["state"] == expected
        assert (await session.poll_events(guest))[-1]["state"] == expected
    assert rendered == [2]


async def test_state_is_rendered_once_for_all_who_join_at_once(
    test_app: TestApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They ask for it while it is rendered for the first of them."""
    session, guests = await make_hosted_session(test_app, 6)
    for values in ({"state": {"a": "x" * MAX_PATCH_BYTES}}, {"patch": {"b": 1}}):
        await session.send_message(
            session.host, type="update", source_of_truth_key=session.key, **values
        )
    rendered, everybody = [], asyncio.Event()
    snapshot = SyncedState.snapshot_in_steps
    prepared = 0

    def counted(synced: SyncedState) -> Any:
        rendered.append(synced.version)
        while not everybody.is_set():
            yield MAX_WORK
        return (yield from snapshot(synced))

    prepare = RenderCache.get_or_render_in_turns

    async def prepare_counted(*given: Any) -> Any:
        nonlocal prepared
        prepared += 1
        if prepared == 2 * len(guests):
            everybody.set()
        return await prepare(*given)

    monkeypatch.setattr(SyncedState, "snapshot_in_steps", counted)
    monkeypatch.setattr(RenderCache, "get_or_render_in_turns", prepare_counted)
    found = await asyncio.gather(
        *(session.connect(guest) for guest in guests), *(state_of(session, one) for one in guests)
    )
    expected = {"a": "x" * MAX_PATCH_BYTES, "b": 1}
    states = [one.state["state"] if isinstance(one, SyncSocket) else one for one in found]
    assert states == [expected] * 2 * len(guests)
    assert rendered == [2]
