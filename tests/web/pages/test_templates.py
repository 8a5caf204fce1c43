"""Templates: compiled before the first page needs them."""

import aiohttp_jinja2
import pytest
from aiohttp import web

from coalserver.web.pages import pages


async def test_compiled_templates_are_not_compiled_by_a_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = web.Application()
    pages.setup_pages(app)
    await pages.compile_templates(app)
    templates = aiohttp_jinja2.get_env(app)
    monkeypatch.setattr(templates, "compile", None)
    names = templates.list_templates()
    assert "home.html" in names
    for name in names:
        assert templates.get_template(name).name == name
