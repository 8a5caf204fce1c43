"""Static files, the page for missing ones, and headers that name no version."""

import pytest

from tests.apis.app import TestApp


@pytest.mark.parametrize(
    "path",
    [
        "/static/nothing.css",
        "/static/",
        "/static/css",
        "/static/../setup.cfg",
        "/static/%00",
        "/static/" + 300 * "x",
    ],
)
async def test_missing_file_is_the_page_for_404(test_app: TestApp, path: str) -> None:
    answer = await test_app.anonymous.get(path)
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert b"<h1" in answer.raw


async def test_existing_file_is_served_and_revalidated(test_app: TestApp) -> None:
    answer = await test_app.anonymous.get("/static/icon.svg")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/svg+xml")
    again = await test_app.anonymous.get("/static/icon.svg", If_None_Match=answer.headers["ETag"])
    assert again.status == 304


@pytest.mark.parametrize("path", ["/", "/static/icon.svg", "/nowhere", "/games", "/health"])
async def test_answer_names_no_version_of_the_server(test_app: TestApp, path: str) -> None:
    assert "Server" not in (await test_app.anonymous.get(path)).headers
