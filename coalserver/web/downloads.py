"""Downloads: the header that gives a file its name."""

import re
from urllib.parse import quote

#: What a file's name cannot hold on every system.
UNUSABLE = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u2028\u2029\u200e\u200f\u202a-\u202e]+')


def attachment(name: str, plain: str, ending: str) -> str:
    """Return a Content-Disposition for a file to be stored as `<name><ending>` (RFC 6266).

    `plain` is an ASCII name without quotes, for clients that do not read others.
    """
    usable = UNUSABLE.sub("_", name).strip(" .") or plain
    disposition = f'attachment; filename="{plain}{ending}"'
    if usable == plain:
        return disposition
    return f"{disposition}; filename*=UTF-8''{quote(usable + ending, safe='')}"
