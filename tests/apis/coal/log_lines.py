"""Lines of a world's log, in the format of COAL's own log settings."""

#: The day of all lines and of the document's samples, in Chicago.
DAY = "2013-04-13"
#: The end of that day, as a UTC timestamp.
AT = 1365915600.0


def log_line(clock: str, text: str) -> str:
    return f"{DAY} {clock} [INFO] {text}"


def login_line(clock: str, name: str) -> str:
    return log_line(
        clock, f"{name}[/192.0.2.7:52142] logged in with entity id 8 at (1.5, 64.0, -2.25)"
    )


def logout_line(clock: str, name: str) -> str:
    return log_line(clock, f"{name} lost connection: Disconnected")


def chat_line(clock: str, name: str, text: str) -> str:
    return log_line(clock, f"<{name}> {text}")


def start_line(clock: str, version: str = "1.5.1") -> str:
    return log_line(clock, f"Starting minecraft server version {version}")


def stop_line(clock: str) -> str:
    return log_line(clock, "Stopping server")
