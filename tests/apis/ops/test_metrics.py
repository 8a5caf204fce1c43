"""Metrics of hosted worlds in the text format of Prometheus (hosting.md, 8)."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from coalserver.core.commands.hosting import update_run
from coalserver.core.commands.worlds import archive_world, create_world
from coalserver.domain.minecraft.hosting.hosted_world import Figures, Trouble, TroubleCode
from coalserver.domain.minecraft.hosting.transitions import Run, crashed, with_trouble
from coalserver.domain.minecraft.world import WorldStatus
from coalserver.security.opaque_keys import SERVER, OpaqueKeys
from tests.apis.app import UNLIMITED, Answer, ClientFactory, TestApp, run_test_app
from tests.apis.hosting import Stage, set_stage

TOKEN = "t0k3n"


@pytest.fixture
async def app(aiohttp_client: ClientFactory) -> AsyncIterator[TestApp]:
    """An application whose metrics other machines can read with a token."""
    config = replace(UNLIMITED, metrics_token=TOKEN)
    async with run_test_app(make_client=aiohttp_client, config=config) as app:
        yield app


async def add_world(app: TestApp, name: str, status: str = "unknown", **kwargs: Any) -> int:
    world = await app.core.execute(create_world, name=name, hosted=True, **kwargs)
    stage = Stage(WorldStatus(status))
    await app.core.execute(set_stage, world_id=world.id, stage=stage)
    return world.id


async def scrape(app: TestApp, **headers: str) -> dict[str, dict[str, float]]:
    """Return the values of each metric by world."""
    answer = await app.anonymous.get("/metrics", **headers)
    assert answer.status == 200, answer.raw
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(answer.raw.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[sample.labels["world"]] = sample.value
    return found


async def test_metrics_of_worlds(app: TestApp, monkeypatch: pytest.MonkeyPatch) -> None:
    mill = await add_world(app, "The Mill", "running", short_name="mill")
    await add_world(app, "New")
    measured = {
        mill: Figures(pid=7, cpu=3.0, memory_used=1 << 30, cpu_seconds=12.5, save_seconds=2.25)
    }
    monkeypatch.setattr(app.world_hosting, "figures", lambda world: measured.get(world, Figures()))
    assert await scrape(app) == {
        "coal_world_up": {"mill": 1.0, "New": 0.0},
        "coal_world_players": {"mill": 0.0, "New": 0.0},
        "coal_world_memory_bytes": {"mill": float(1 << 30), "New": 0.0},
        "coal_world_cpu_seconds_total": {"mill": 12.5, "New": 0.0},
        "coal_world_crashes_total": {"mill": 0.0, "New": 0.0},
        "coal_world_save_seconds": {"mill": 2.25},
    }


async def test_metrics_have_help_and_type(app: TestApp) -> None:
    await add_world(app, "Mill")
    text = (await app.anonymous.get("/metrics")).raw.decode()
    for name, kind in {
        "up": "gauge", "players": "gauge", "memory_bytes": "gauge", "cpu_seconds_total": "counter",
        "crashes_total": "counter", "save_seconds": "gauge",
    }.items():  # fmt: skip
        assert f"# TYPE coal_world_{name} {kind}\n" in text
        assert f"# HELP coal_world_{name} " in text


async def test_names_of_worlds_are_escaped(app: TestApp) -> None:
    name = 'a"b\\c {x="1"} ü'
    await add_world(app, name)
    assert list((await scrape(app))["coal_world_up"]) == [name]


async def test_worlds_of_one_name_are_told_apart(app: TestApp) -> None:
    ids = [await add_world(app, "Mill"), await add_world(app, "Mill")]
    keys = app.app_context.service(OpaqueKeys)
    wanted = [f"Mill {keys.of(SERVER, id)}" for id in ids]
    assert list((await scrape(app))["coal_world_up"]) == wanted


async def test_crashes_are_counted_for_ever(app: TestApp) -> None:
    world = await add_world(app, "Mill", "running")

    def crash(run: Run, now: float) -> Run:
        return crashed(run, now, 1.0).to(WorldStatus.RUNNING, now)

    for _ in range(4):
        await app.core.execute(update_run, world_id=world, transition=crash)
        app.clock.advance(3600)
    assert (await scrape(app))["coal_world_crashes_total"] == {"Mill": 4.0}


async def test_archived_worlds_and_those_of_agents_have_none(app: TestApp) -> None:
    gone = await add_world(app, "Gone")
    await app.core.execute(archive_world, world_id=gone)
    await app.core.execute(create_world, name="Elsewhere")
    assert await scrape(app) == {}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Authorization": f"Bearer {TOKEN}"}, 200),
        ({"Authorization": f"bearer {TOKEN}", "X-Forwarded-For": "192.0.2.1"}, 200),
        ({"Authorization": "Bearer other"}, 401),
        ({"Authorization": "Bearer t0k3n\u00fc"}, 401),
        ({"X-Forwarded-For": "127.0.0.1"}, 401),
        ({"X-Forwarded-Proto": "https"}, 401),
        ({"Forwarded": "for=127.0.0.1"}, 401),
        ({"Via": "1.1 proxy"}, 401),
        ({"x-real-ip": "127.0.0.1"}, 401),
        ({"Authorization": "Basic abc", "X-Forwarded-For": "192.0.2.1"}, 401),
    ],
)
async def test_token_or_this_machine_can_read_metrics(
    app: TestApp, headers: dict[str, str], status: int
) -> None:
    answer = await app.anonymous.get("/metrics", **headers)
    assert answer.status == status
    if status == 401:
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert set(answer.json) == {"error"}


@pytest.mark.parametrize(
    "headers", [{"X-Forwarded-For": "127.0.0.1"}, {"Authorization": "Bearer "}, {"Authorization": "Bearer x"}]
)  # fmt: skip
async def test_without_a_token_only_this_machine_may_read(
    test_app: TestApp, headers: dict[str, str]
) -> None:
    assert (await test_app.anonymous.get("/metrics")).status == 200
    answer = await test_app.anonymous.get("/metrics", **headers)
    assert answer.status == (200 if headers == {"Authorization": "Bearer "} else 403)


async def test_other_machines_need_the_token(app: TestApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiohttp.web.Request.remote", "192.0.2.7")
    assert (await app.anonymous.get("/metrics")).status == 401
    answer = await app.anonymous.get("/metrics", Authorization=f"Bearer {TOKEN}")
    assert answer.status == 200


async def test_wrong_tokens_are_limited(app: TestApp) -> None:
    answers: list[Answer] = []
    for _ in range(200):
        answers.append(await app.anonymous.get("/metrics", Authorization="Bearer wrong"))
        if answers[-1].status == 429:
            break
    assert answers[0].status == 401 and answers[-1].status == 429
    assert int(answers[-1].headers["Retry-After"]) > 0
    # A program that knows the token is not locked out.
    assert (await app.anonymous.get("/metrics", Authorization=f"Bearer {TOKEN}")).status == 200


async def test_head_has_no_body_and_other_methods_are_refused(app: TestApp) -> None:
    answer = await app.anonymous.request("HEAD", "/metrics")
    assert (answer.status, answer.raw) == (200, b"")
    answer = await app.anonymous.post("/metrics", {})
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


async def test_pages_of_other_origins_cannot_read_metrics(app: TestApp) -> None:
    answer = await app.anonymous.get("/metrics", Origin="https://elsewhere.example")
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"


async def test_health_counts_worlds(test_app: TestApp) -> None:
    def trouble(code: TroubleCode) -> Any:
        return lambda run, now: with_trouble(run, Trouble(code, now))

    for number, status in enumerate(
        ("unknown", "stopped", "saving", "queued_start", "loading", "loaded", "queued_restart", "running",
         "queued_stop")
    ):  # fmt: skip
        world = await add_world(test_app, f"world {number}", status)
        code = TroubleCode.STOPPED_INSIDE if status == "unknown" else TroubleCode.HUNG
        if status in ("unknown", "running"):
            await test_app.core.execute(update_run, world_id=world, transition=trouble(code))
    await test_app.core.execute(create_world, name="Elsewhere")
    document = (await test_app.anonymous.get("/health")).json
    assert document["worlds"] == {"running": 2, "starting": 4, "stopped": 3, "trouble": 1}
