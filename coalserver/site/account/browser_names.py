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
BROWSER_ON_SYSTEM = N_("%(browser)s on %(system)s")
#: Of what is in no list.
MAX_LENGTH = 60


def describe_browser(agent: str, language: Language) -> str:
    """A browser and its system, by its User-Agent."""
    browser = _first_match(agent, BROWSERS)
    system = _first_match(agent, SYSTEMS)
    if browser and system:
        return language(BROWSER_ON_SYSTEM, browser=browser, system=system)
    return browser or agent[:MAX_LENGTH] or language.gettext(UNKNOWN)


def _first_match(agent: str, markers: tuple[tuple[str, str], ...]) -> str:
    return next((name for marker, name in markers if marker in agent), "")
