"""Private members of aiohttp that modules rely on: each module lists its own, and checks them at the start.

setup.cfg pins aiohttp's minor version; the check is for a patch release that renames one, and for an installation
with another version. A module whose members are missing works without what needs them.
"""

import logging
from collections.abc import Mapping, Sequence

log = logging.getLogger(__name__)

#: Names by the class that has them, as attributes, methods or slots.
Members = Mapping[type, Sequence[str]]


def missing_members(members: Members) -> list[str]:
    """Return the members that do not exist, as `Class.name`."""
    return [
        f"{owner.__name__}.{name}"
        for owner, names in members.items()
        for name in names
        if not hasattr(owner, name)
    ]


def has_members(members: Members, consequence: str) -> bool:
    """Return whether all members exist; log one warning with the consequence if not."""
    missing = missing_members(members)
    if missing:
        log.warning("This version of aiohttp has no %s: %s", ", ".join(missing), consequence)
    return not missing
