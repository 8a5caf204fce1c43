"""The interface for authors of rules: everything that a rules package imports from coalserver.

`Rules` describes what each function receives and returns; `coalserver/games/noughts.py` is a complete example.
`DomainError` and `ErrorCode` are for `Rules.datum`, which raises STORAGE_ITEM_REFUSED.
"""

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.game import Option, Rules, refuse

__all__ = ["DomainError", "ErrorCode", "Option", "Rules", "refuse"]
