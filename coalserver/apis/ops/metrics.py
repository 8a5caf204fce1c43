"""Metrics of hosted worlds for Prometheus (hosting.md, 8). See README.md in this folder."""

import asyncio
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from coalserver.core.hosting import Hosting
from coalserver.core.queries.metrics import WorldMetrics, world_metrics
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.text import constant_time_equals
from coalserver.observability.metrics import CONTENT_TYPE, Family, render_metrics
from coalserver.security.opaque_keys import SERVER, OpaqueKeys
from coalserver.web.addresses import unmapped
from coalserver.web.bearer import find_bearer_token
from coalserver.web.context import RequestContext

#: Headers that proxies add: a request with one of them does not come from this machine itself.
FORWARDING_HEADERS = frozenset(
    ("forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip")
)
FORWARDING_PREFIX = "x-forwarded-"


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """The token with which metrics can be read from other machines; empty: they cannot."""

    token: str = ""


async def metrics(ctx: RequestContext) -> web.StreamResponse:
    """Return the metrics of all hosted worlds in the text format of Prometheus.

    Readable with the token of the setting `metrics_token`, or without one from this machine. Raises TOKEN_REQUIRED,
    INVALID_TOKEN, RATE_LIMITED or, where no token is set, PERMISSION_DENIED.
    """
    _check_may_read(ctx)
    hosting = ctx.app.service(Hosting)
    keys = ctx.app.service(OpaqueKeys)
    worlds = await ctx.core.query_in_steps(
        world_metrics, figures=hosting.figures, key=partial(keys.of, SERVER)
    )
    # Of 2,000 worlds it takes 40 ms.
    body = await asyncio.to_thread(lambda: render_metrics(world_families(worlds)))
    return web.Response(
        body=body,
        headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"},
    )


def world_families(worlds: Sequence[WorldMetrics]) -> list[Family]:
    """Return the metrics of hosted worlds. What is unknown is left out."""

    def family(name: str, help: str, values: Sequence[float | None]) -> Family:
        known: dict[tuple[str, ...], float] = {
            (world.label,): value
            for world, value in zip(worlds, values, strict=True)
            if value is not None
        }
        name = f"coal_world_{name}"
        return Family(name, help, ("world",), known, is_counter=name.endswith("_total"))

    figures = [world.figures for world in worlds]
    return [
        family("up", "Whether the world is ready for players.", [float(one.up) for one in worlds]),
        family("players", "Players in the world.", [one.players for one in worlds]),
        family(
            "memory_bytes",
            "Resident memory of the processes of the world.",
            [0 if one.pid is None else one.memory_used for one in figures],
        ),
        family(
            "cpu_seconds_total",
            "Processor time of the processes of the world.",
            [one.cpu_seconds for one in figures],
        ),
        family("crashes_total", "Crashes of the world.", [one.crashes for one in worlds]),
        family(
            "save_seconds",
            "Seconds that the last saved game of the world took.",
            [one.save_seconds for one in figures],
        ),
    ]


def _check_may_read(ctx: RequestContext) -> None:
    expected = ctx.app.service(MetricsSettings).token
    token = find_bearer_token(ctx)
    if not token and _is_local(ctx.request):
        return
    if not expected:
        raise DomainError(ErrorCode.PERMISSION_DENIED)
    if not token:
        raise DomainError(ErrorCode.TOKEN_REQUIRED)
    limit_key = f"metrics {ctx.network}"
    if not constant_time_equals(token, expected):
        ctx.app.failure_limiter.record_and_raise(
            limit_key, error=DomainError(ErrorCode.INVALID_TOKEN)
        )


def _is_local(request: web.Request) -> bool:
    """Return whether a request comes from this machine and was not forwarded."""
    names = [name.lower() for name in request.headers]
    if any(name in FORWARDING_HEADERS or name.startswith(FORWARDING_PREFIX) for name in names):
        return False
    try:
        return ipaddress.ip_address(unmapped(request.remote or "")).is_loopback
    except ValueError:
        return False
