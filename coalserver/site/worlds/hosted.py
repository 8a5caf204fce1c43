"""What pages show of a hosted world: the text of its state, its trouble, and when it starts or pauses by itself.

Prescribed by hosting.md, sections 2, 3 and 12. Sentences are in the language of the reader; a reason within
one, such as that of a failed download, is in the words of the program it comes from.
"""

import math
from typing import Any

from coalserver.core.queries.hosting import get_run, idle_seconds_left, version_of_world
from coalserver.domain.accounts.account import Account
from coalserver.domain.minecraft.hosting.crash import failed_at
from coalserver.domain.minecraft.hosting.hosted_world import AT_REST, Trouble
from coalserver.domain.minecraft.hosting.refusals import (
    REFUSAL_SENTENCES,
    TROUBLE_SENTENCES,
    RefusedOrder,
    trouble_text,
)
from coalserver.domain.minecraft.hosting.transitions import Run
from coalserver.domain.minecraft.world import STOPPING, WorldStatus
from coalserver.web.context import RequestContext
from coalserver.web.pages.i18n import N_, Language

#: Texts of states (hosting.md, 2), where those of a connected world are others.
STATE_TEXTS = {
    WorldStatus.UNKNOWN: N_("Not started yet"),
}
STARTS_AGAIN = N_("Starts again in {seconds} s")
PAUSES = N_("Pauses in {minutes} min")
#: States with a progress, by state.
PROGRESS_TEXTS = {
    WorldStatus.LOADING: N_("Preparing, {percent} %"),
    WorldStatus.SAVING: N_("Saving, {percent} %"),
}
#: Values of sentences that are words.
VALUE_TEXTS = {"no Java": N_("no Java")}


def refusal_sentence(refusal: RefusedOrder, language: Language) -> str:
    """Return the sentence of a refused order."""
    values = {name: _value(value, language) for name, value in refusal.values}
    return language.gettext(REFUSAL_SENTENCES[refusal.code]).format(**values)


def trouble_sentence(trouble: Trouble, language: Language) -> str:
    """Return the sentence of a trouble. One whose text is stored with it stays in English."""
    sentence = TROUBLE_SENTENCES[trouble.code]
    if len(trouble.values) > sentence.count("{}"):
        return trouble_text(trouble)
    missing = ["?"] * sentence.count("{}")
    return language.gettext(sentence).format(*trouble.values, *missing)


def _value(value: str, language: Language) -> str:
    return language.gettext(VALUE_TEXTS[value]) if value in VALUE_TEXTS else value


def state_text(run: Run, language: Language, now: float, *, public: bool) -> str | None:
    """Return the text of a state; None where it is the one of all worlds.

    The sentence of a trouble is for members only.
    """
    status, hosted = run.status, run.hosted
    if status is WorldStatus.QUEUED_START and (seconds := seconds_to_start(run, now)):
        return language.gettext(STARTS_AGAIN).format(seconds=seconds)
    if status in PROGRESS_TEXTS and run.world.percent is not None:
        return language.gettext(PROGRESS_TEXTS[status]).format(percent=run.world.percent)
    if status is WorldStatus.STOPPED and hosted.trouble is not None and not public:
        return trouble_sentence(hosted.trouble, language)
    text = STATE_TEXTS.get(status)
    return None if text is None else language.gettext(text)


def seconds_to_start(run: Run, now: float) -> int | None:
    """Return the seconds until a world that has crashed is started again, rounded up; None if it does not wait."""
    if run.status is not WorldStatus.QUEUED_START or run.hosted.starts_at is None:
        return None
    return max(0, math.ceil(run.hosted.starts_at - now))


def hosted_fields(
    ctx: RequestContext, run: Run, account: Account | None, language: Language
) -> dict[str, Any]:
    """Return what templates and scripts show of a hosted world besides its state."""
    fields: dict[str, Any] = {"starts_in": seconds_to_start(run, ctx.now)}
    if account is None:
        return fields
    trouble = run.hosted.trouble
    pauses_in = ctx.core.query(idle_seconds_left, run=run, now=ctx.now)
    if account.admin:
        fields["failed_at"] = failed_at(run.hosted)
    return {
        **fields,
        "pauses_in": pauses_in,
        "pauses": _pauses_text(pauses_in, language),
        # That of a stopped world is the text of its state.
        "trouble": trouble_sentence(trouble, language)
        if trouble is not None and run.status is not WorldStatus.STOPPED
        else "",
        "saving": run.hosted.saving,
        "manage": f"/admin/servers/{run.world.id}",
        "needs_eula": may_start(run, account) and needs_eula(ctx, run),
    }


def _pauses_text(seconds: int | None, language: Language) -> str:
    if seconds is None:
        return ""
    return language.gettext(PAUSES).format(minutes=max(1, math.ceil(seconds / 60)))


def may_start(run: Run, account: Account) -> bool:
    """Return whether a start is possible in the state of a world, and this account may order it."""
    if run.status not in AT_REST and run.status not in STOPPING:
        return False
    return account.admin or run.hosted.members_may_start


def needs_eula(ctx: RequestContext, run: Run) -> bool:
    """Return whether a world cannot be started until an admin agrees to the Minecraft EULA."""
    if run.hosted.eula is not None:
        return False
    version = ctx.core.query(version_of_world, world=run.world)
    return version is None or not version.no_eula


def requested_run(ctx: RequestContext) -> Run:
    """Return the hosted world that the path names, with its run.

    Raises WORLD_NOT_FOUND, also for a world hosted elsewhere.
    """
    return ctx.core.query(get_run, world_id=ctx.int_param("world"))
