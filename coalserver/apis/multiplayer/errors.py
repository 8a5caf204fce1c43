"""What refusals are called in this dialect: status and sentence, as the document's error reference has them.

An endpoint is named as its path is, without `/api/` and ids: `game_room.php/actions/complete`.
"""

import re

from aiohttp import web

from coalserver.apis.multiplayer.error_messages import SENTENCES, Words
from coalserver.apis.multiplayer.faults import FAULTS, STRAYS
from coalserver.apis.multiplayer.render import JSON, stamp, stamp_or_null
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.player import Ban
from coalserver.web.api import Call
from coalserver.web.responses import document

_IDS = re.compile(r"/\{\w+\}")
_FILE = re.compile(r"/api/(\w+\.php)")
#: The files in which a wrong method is a 405; in the others there is no such endpoint.
STRICT = ("game_players.php", "game_data.php", "leaderboard.php", "time.php")


def endpoint_of(path: str) -> str:
    """A route's path as the tables of words name it."""
    return _IDS.sub("", path).replace("//", "/").removeprefix("/api/")


def words_for(refusal: Refusal, endpoint: str) -> Words:
    """Status and sentence: the most particular row there is."""
    why, facts = refusal.why, refusal.facts
    what = str(facts.get("what", "body" if "body" in facts.get("fields", ()) else ""))
    file = endpoint.partition("/")[0]
    for row in (
        (why, what, endpoint),
        (why, what, file),
        (why, what),
        (why, endpoint),
        (why, file),
    ):
        if row in SENTENCES:
            return SENTENCES[row]
    return SENTENCES[why]


def sentence(refusal: Refusal, endpoint: str) -> str:
    """The sentence alone, for what is no answer to a request."""
    return _filled(words_for(refusal, endpoint)[1], refusal.facts)


def refuse(refusal: Refusal, call: Call) -> web.StreamResponse:
    """`{"success": false, "error"}` with the status of the reason, and what belongs to some."""
    why, facts = refusal.why, refusal.facts
    status, said_of_it = words_for(refusal, endpoint_of(call.route.path))
    said: JSON = {"success": False, "error": _filled(said_of_it, facts)}
    headers = {}
    if why is Why.BANNED and isinstance(facts.get("ban"), Ban):
        said["ban_info"] = ban_info(facts["ban"])
    if why is Why.DATA_CHANGED:
        said["version"] = facts.get("version")
    if why is Why.BAD_TOKEN and call.route.path.endswith("/register"):
        said["message"] = "Authentication failed"
    if why is Why.RATE_LIMITED:
        headers["Retry-After"] = str(facts.get("wait", 60))
    return document(said, status, headers)


def astray(status: int, request: web.Request) -> web.StreamResponse:
    """The same shape for what no handler answered, or none that worked."""
    found = _FILE.match(request.path)
    file = found[1] if found else ""
    if status == 405 and file not in STRICT:
        status = 404
    words = STRAYS.get((status, file)) or STRAYS[status]
    return document({"success": False, "error": words[1]}, words[0])


def unkept(call: Call) -> web.StreamResponse:
    """A write has failed: what the document says of that at this endpoint, if anything."""
    endpoint = endpoint_of(call.route.path)
    sentence = FAULTS.get(endpoint) or FAULTS.get(endpoint.partition("/")[0])
    if sentence is None:
        return astray(500, call.request)
    return document({"success": False, "error": sentence}, 500)


def ban_info(ban: Ban) -> JSON:
    return {
        "ban_id": ban.code,
        "ban_duration": ban.duration,
        "ban_reason": ban.reason,
        "banned_at": stamp(ban.since),
        "banned_until": stamp_or_null(ban.until),
    }


class _Facts(dict[str, object]):
    """A fact that is not known leaves a gap, and no fault."""

    def __missing__(self, name: str) -> str:
        return "…"


def _filled(sentence: str, facts: JSON) -> str:
    if "{" not in sentence:
        return sentence
    return sentence.format_map(_Facts({**facts, "fields": flat(facts.get("fields", {}))}))


def flat(fields: object, path: str = "") -> str:
    """What a shape objects to, as one line: `limit: Not a whole number.`"""
    if isinstance(fields, dict):
        parts = (
            flat(inner, f"{path}.{name}" if path else str(name)) for name, inner in fields.items()
        )
        return " ".join(parts)
    texts = fields if isinstance(fields, list) else [fields]
    said = " ".join(map(str, texts))
    return f"{path}: {said}" if path and path != "body" else said
