"""Refusals of uploaded archives in the language of a page.

Hosting says in English why an archive is refused (`coalserver.hosting.archives`); these are its sentences. A test
compares them.
"""

import re
from functools import cache

from coalserver.web.pages.i18n import N_, Language

#: Sentences by the text before their reason.
SENTENCES = {
    "This archive is not safe: ": N_("This archive is not safe: {reason}."),
    "Not a Minecraft world: ": N_("Not a Minecraft world: {reason}."),
    "The saved game could not be made: ": N_("The saved game could not be made: {reason}."),
    "The saved game could not be changed: ": N_("The saved game could not be changed: {reason}."),
}
REASONS = (
    N_("there is no level.dat"),
    N_("there are {count} folders with a level.dat"),
    N_("unpacked it is larger than {limit} MiB"),
    N_("unpacked it is more than {ratio} times as large"),
    N_("it has more than {entries} entries"),
    N_("its names are too long"),
    N_("it is damaged"),
    N_("its directory is damaged"),
    N_("its end is damaged"),
    N_("it is not a zip archive, or is cut off"),
    N_("there is something behind its end"),
    N_("it is only a part of an archive"),
    N_("there is something before its beginning, or it is cut off"),
    N_("there is something before its beginning"),
    N_("{name} is damaged"),
    N_("{name} comes twice"),
    N_("{name} overlaps another entry"),
    N_("{name} is cut off"),
    N_("{name} is described in two ways"),
    N_("{name} is a file and a folder"),
    N_("{name} is encrypted"),
    N_("{name} is compressed in an unknown way"),
    N_("{name} is a symbolic link"),
    N_("{name} is a special file"),
    N_("{name} has no name"),
    N_("{name} has a name with control characters"),
    N_("{name} has an absolute name"),
    N_("{name} has a backslash in its name"),
    N_("{name} names a drive"),
    N_("{name} leads out of its folder"),
    N_("{name} has a name that is too long"),
    N_("{name} lies in too many folders"),
)


def archive_refusal(sentence: str, language: Language) -> str:
    """Return the sentence of a refused archive in a language; a reason of the system stays as it is."""
    for start, template in SENTENCES.items():
        if sentence.startswith(start):
            reason = sentence.removeprefix(start).removesuffix(".")
            return language.gettext(template).format(reason=translate_reason(reason, language))
    return sentence


def translate_reason(reason: str, language: Language) -> str:
    """Return a reason in a language, with its values."""
    for template in REASONS:
        if found := _pattern(template).fullmatch(reason):
            return language.gettext(template).format(**found.groupdict())
    return reason


@cache
def _pattern(template: str) -> "re.Pattern[str]":
    parts = re.split(r"\{(\w+)\}", template)
    # Every second part is the name of a value.
    return re.compile(
        "".join(
            f"(?P<{part}>.+)" if number % 2 else re.escape(part)
            for number, part in enumerate(parts)
        ),
        re.DOTALL,
    )
