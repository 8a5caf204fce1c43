"""The log as text and as JSON."""

import json
import logging

import pytest

from coalserver.observability.logs import configure_logging

log = logging.getLogger("coalserver.test")


def log_exception(message: str) -> None:
    try:
        raise ValueError(message)
    except ValueError:
        log.exception("It broke")


def test_text_line_has_time_level_and_logger(capsys):
    with configure_logging("info", "text"):
        log.info("Recovered %d rooms", 3)
    time, rest = capsys.readouterr().err.split(" ", 1)
    assert rest == "info coalserver.test: Recovered 3 rooms\n"
    assert len(time) == len("2026-07-30T12:00:00.000Z")


def test_control_characters_do_not_start_a_new_line(capsys):
    with configure_logging("info", "text"):
        log.info("Hello %s", "you\n2026 critical fake\x1b[31m\u2028")
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(("level", "count"), [("debug", 4), ("warning", 2), ("error", 1)])
def test_messages_below_the_level_are_dropped(capsys, level, count):
    with configure_logging(level, "text"):
        for log_message in (log.debug, log.info, log.warning, log.error):
            log_message("x")
    assert capsys.readouterr().err.count("\n") == count


def test_json_line_has_the_traceback(capsys):
    with configure_logging("info", "json"):
        log.warning("Hello %s", "you\nthere")
        log_exception("bad")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert (first["level"], first["where"]) == ("warning", "coalserver.test")
    assert first["said"] == "Hello you\nthere"
    assert "cause" not in first
    assert second["cause"].endswith("ValueError: bad")


def test_traceback_follows_the_text_line(capsys):
    with configure_logging("info", "text"):
        log_exception("bad")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith("error coalserver.test: It broke")
    assert lines[-1] == "ValueError: bad"


def test_logging_is_restored_afterwards(capsys):
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    with configure_logging("error", "text"):
        pass
    assert (root.level, root.handlers) == before
    log.error("later")
    assert capsys.readouterr().err == ""
