"""Lines as they stand in the log of a world, in the form that COAL's own log settings write."""

#: The day of all lines, as the document's samples have it; in Chicago.
DAY = "2013-04-13"
#: The end of that day, in UTC.
AT = 1365915600.0


def line(clock: str, text: str) -> str:
    return f"{DAY} {clock} [INFO] {text}"


def logged_in(clock: str, name: str) -> str:
    return line(clock, f"{name}[/192.0.2.7:52142] logged in with entity id 8 at (1.5, 64.0, -2.25)")


def left(clock: str, name: str) -> str:
    return line(clock, f"{name} lost connection: Disconnected")


def said(clock: str, name: str, text: str) -> str:
    return line(clock, f"<{name}> {text}")


def starting(clock: str, version: str = "1.5.1") -> str:
    return line(clock, f"Starting minecraft server version {version}")


def stopping(clock: str) -> str:
    return line(clock, "Stopping server")
