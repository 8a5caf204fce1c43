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
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = {
                "method": attributes.get("method", "get").lower(),
                "action": attributes.get("action", ""),
                "fields": [],
            }
            if "enctype" in attributes:
                self._open["enctype"] = attributes["enctype"]
            self.forms.append(self._open)
            if "id" in attributes:
                self._by_id[attributes["id"]] = self._open
        elif tag in FIELDS and attributes.get("name"):
            self._field(tag, attributes)
        elif tag == "a" and "href" in attributes:
            self.links.add(attributes["href"])
        elif tag == "script" and "src" in attributes:
            self.loaded.add(attributes["src"])
        elif tag == "link" and "href" in attributes:
            self.loaded.add(attributes["href"])

    def _field(self, tag: str, attributes: dict[str, str]) -> None:
        form = self._by_id.get(attributes.get("form", "")) or self._open
        kind = attributes.get("type", "text") if tag == "input" else tag
        if attributes["name"] == "csrf_token":
            self.csrf = self.csrf or attributes.get("value", "")
        if form is None:
            return
        shown = f"{attributes['name']}:{kind}" + (" required" if "required" in attributes else "")
        if kind == "hidden" and attributes["name"] != "csrf_token":
            shown += f"={attributes.get('value', '')}"
        if shown not in form["fields"]:
            form["fields"].append(shown)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None


def csrf_token(page: str) -> str:
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
