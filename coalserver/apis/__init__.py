"""The APIs, one package each. No API imports another; a new package is discovered automatically."""

from importlib import import_module
from pkgutil import iter_modules

from coalserver.web.api import Api


def all_apis() -> list[Api]:
    """Return the APIs of the packages in this folder, in the order of their names."""
    names = sorted(module.name for module in iter_modules(__path__) if module.ispkg)
    return [import_module(f"{__name__}.{name}").API for name in names]
