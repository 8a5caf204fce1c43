"""Forms of pages, as a browser without scripts fills and sends them."""

from html.parser import HTMLParser

from tests.apis.app import Answer
from tests.apis.browser import Browser

BOUNDARY = "a-boundary"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


class _Forms(HTMLParser):
    """Reads the fields of each form with the values that the page gives them."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: dict[str, dict[str, str]] = {}
        self._fields: dict[str, str] | None = None
        self._select = self._textarea = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._fields = self.forms.setdefault(given.get("action", ""), {})
        if self._fields is None:
            return
        if tag == "input" and (given.get("type") != "checkbox" or "checked" in given):
            self._fields[given["name"]] = given.get("value", "")
        elif tag == "select":
            self._select = given["name"]
        elif tag == "option" and ("selected" in given or self._select not in self._fields):
            self._fields[self._select] = given["value"]
        elif tag == "textarea":
            self._textarea = given["name"]
            self._fields[self._textarea] = ""

    def handle_data(self, data: str) -> None:
        if self._textarea and self._fields is not None:
            self._fields[self._textarea] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._fields is not None:
            # A browser ignores a line break right after the tag, and sends CRLF.
            text = self._fields[self._textarea].removeprefix("\n")
            self._fields[self._textarea] = text.replace("\r\n", "\n").replace("\n", "\r\n")
            self._textarea = ""
        elif tag == "form":
            self._fields = None


def form_of(answer: Answer, action: str) -> dict[str, str]:
    """Return the fields of the form of a page that goes to `action`."""
    reader = _Forms()
    reader.feed(answer.raw.decode())
    return dict(reader.forms[action])


async def fill(browser: Browser, page: str, action: str = "", **fields: str | None) -> Answer:
    """Open a page, change fields of its form and send it. None: a checkbox that is not ticked."""
    form = form_of(await browser.get(page), action or page)
    return await send_form(browser, action or page, form, **fields)


async def send_form(
    browser: Browser, action: str, form: dict[str, str], **fields: str | None
) -> Answer:
    changed = {name: value for name, value in {**form, **fields}.items() if value is not None}
    return await browser.post(action, **changed)


def multipart_form(content: bytes, **fields: str) -> bytes:
    """Return the body of a form with these fields, and a file at its end."""
    parts = {f'"{name}"': text.encode() for name, text in fields.items()}
    lines = b""
    for name, part in (parts | {'"file"; filename="a file"': content}).items():
        head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; name={name}\r\n\r\n"
        lines += head.encode() + part + b"\r\n"
    return lines + f"--{BOUNDARY}--\r\n".encode()


async def upload(
    browser: Browser, page: str, content: bytes, token: str | None = None, **fields: str
) -> Answer:
    """Upload a file with the form of a page and its CSRF token, or with another token."""
    token = await browser.csrf_token(page) if token is None else token
    body = multipart_form(content, csrf_token=token, **fields)
    return await browser.request("POST", f"{page}/upload", body, Content_Type=MULTIPART)
