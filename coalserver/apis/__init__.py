"""How we speak: one folder per API. Each is a stranger to the others; a new folder is a new dialect."""

from importlib import import_module
from pkgutil import iter_modules

from coalserver.web.api import Api


def all_apis() -> list[Api]:
    """The dialects in the folders beside this file, by name."""
    names = sorted(module.name for module in iter_modules(__path__) if module.ispkg)
    return [import_module(f"{__name__}.{name}").API for name in names]
