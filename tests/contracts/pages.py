"""Pages as a contract: forms with their fields, links and loaded files, without texts."""

from html.parser import HTMLParser
from typing import Any

FIELDS = ("input", "select", "textarea", "button")


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, Any]] = []
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.csrf = ""
        self._open: dict[str, Any] | None = None
        self._by_id: dict[str, dict[str, Any]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = {
                "method": given.get("method", "get").lower(),
                "action": given.get("action", ""),
                "fields": [],
            }
            if "enctype" in given:
                self._open["enctype"] = given["enctype"]
            self.forms.append(self._open)
            if "id" in given:
                self._by_id[given["id"]] = self._open
        elif tag in FIELDS and given.get("name"):
            self._field(tag, given)
        elif tag == "a" and "href" in given:
            self.links.add(given["href"])
        elif tag == "script" and "src" in given:
            self.loaded.add(given["src"])
        elif tag == "link" and "href" in given:
            self.loaded.add(given["href"])

    def _field(self, tag: str, given: dict[str, str]) -> None:
        form = self._by_id.get(given.get("form", "")) or self._open
        kind = given.get("type", "text") if tag == "input" else tag
        if given["name"] == "csrf_token":
            self.csrf = self.csrf or given.get("value", "")
        if form is None:
            return
        shown = f"{given['name']}:{kind}" + (" required" if "required" in given else "")
        if kind == "hidden" and given["name"] != "csrf_token":
            shown += f"={given.get('value', '')}"
        if shown not in form["fields"]:
            form["fields"].append(shown)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None


def seal(page: str) -> str:
    """Return the CSRF token of a page's forms."""
    return _read(page).csrf


def outline(page: str) -> dict[str, Any]:
    """Return the forms and links of a page."""
    read = _read(page)
    forms: list[dict[str, Any]] = []
    for form in read.forms:
        if form not in forms:
            forms.append(form)
    # Only the origin of loaded files is a contract.
    return {"forms": forms, "links": sorted(read.links)}


def _read(page: str) -> _Page:
    read = _Page()
    read.feed(page)
    read.close()
    return read
