"""Browser names: what a browser calls itself, in a form in which its owner knows it again."""

from coalserver.web.pages.i18n import N_, Language

#: The first that is found counts: many browsers name others as well.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("Linux", "Linux"),
)
UNKNOWN = N_("Unknown browser")
BOTH = N_("%(browser)s on %(system)s")
#: Of what is in no list.
LONGEST = 60


def browser_named(agent: str, texts: Language) -> str:
    """A browser and its system, by its User-Agent."""
    browser = _first(agent, BROWSERS)
    system = _first(agent, SYSTEMS)
    if browser and system:
        return texts(BOTH, browser=browser, system=system)
    return browser or agent[:LONGEST] or texts.gettext(UNKNOWN)


def _first(agent: str, known: tuple[tuple[str, str], ...]) -> str:
    return next((name for mark, name in known if mark in agent), "")
