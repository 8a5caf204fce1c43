"""Downloads for operators of Minecraft servers."""

import pytest

from coalserver.site.downloads import FILES
from coalserver.web.pages.pages import assets
from tests.apis.app import ApiClient

FOLDER = assets("static") / "mc"


@pytest.mark.parametrize("name", FILES)
async def test_file_is_served_unchanged_without_login(test_app, name):
    answer = await ApiClient(test_app).request("GET", f"/mc/{name}")
    assert (answer.status, answer.raw) == (200, (FOLDER / name).read_bytes())
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_all_files_of_the_folder_are_served():
    assert {path.name for path in FOLDER.iterdir() if path.is_file()} == set(FILES)


@pytest.mark.parametrize("name", ["nothing.py", "..%2Ficon.svg", "..%2F..%2Fsetup.cfg", ""])
async def test_other_file_is_not_found(test_app, name):
    assert (await ApiClient(test_app).request("GET", f"/mc/{name}")).status == 404
