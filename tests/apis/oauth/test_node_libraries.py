"""openid-client and simple-oauth2, as they come from the package registry, against the server."""

import asyncio
import json
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest

from tests.apis.app import TestApp
from tests.apis.browser import Browser
from tests.apis.oauth.libraries import (
    REDIRECT_URI,
    make_registration,
    open_authorization_url,
)
from tests.minecraft.programs import require_npm_packages
from tests.processes import TIMEOUT_SECONDS, environment

HERE = Path(__file__).parent / "node"


async def run_program(
    test_app: TestApp, browser: Browser, library: str, method: str, **more: Any
) -> None:
    """Run the program of a library; the browser opens the authorization URLs that it prints."""
    require_npm_packages(library)
    registration = await make_registration(test_app, browser, method)
    params = {
        "origin": registration.origin,
        "resource": registration.resource,
        "client_id": registration.client_id,
        "client_secret": registration.client_secret,
        "method": method,
        "redirect_uri": REDIRECT_URI,
        **more,
    }
    process = await asyncio.create_subprocess_exec(
        "node",
        str(HERE / f"{library}.mjs"),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=environment(),
    )
    assert process.stdin and process.stdout and process.stderr

    def send(document: dict[str, Any]) -> None:
        assert process.stdin
        process.stdin.write(json.dumps(document).encode() + b"\n")

    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            send(params)
            done = False
            async for line in process.stdout:
                message = json.loads(line)
                if "open" in message:
                    location = await open_authorization_url(
                        test_app, browser, message["open"], message["choice"]
                    )
                    send({"redirect": location})
                done = done or "done" in message
            errors = await process.stderr.read()
            assert await process.wait() == 0 and done, errors.decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize(
    ("method", "pkce"),
    [
        ("client_secret_basic", True),
        ("client_secret_basic", False),
        ("client_secret_post", True),
        ("client_secret_post", False),
        ("none", True),
    ],
)
async def test_openid_client_runs_the_code_flow(
    test_app: TestApp, ann: Browser, method: str, pkce: bool
) -> None:
    await run_program(test_app, ann, "openid-client", method, pkce=pkce, register=False)


@pytest.mark.parametrize("method", ["client_secret_post", "none"])
async def test_openid_client_registers_itself(test_app: TestApp, ann: Browser, method: str) -> None:
    await run_program(test_app, ann, "openid-client", method, pkce=True, register=True)


@pytest.mark.parametrize("body_format", ["form", "json"])
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_simple_oauth2_runs_the_code_flow(
    test_app: TestApp, ann: Browser, method: str, body_format: str
) -> None:
    await run_program(test_app, ann, "simple-oauth2", method, body_format=body_format)
