"""The log: one line a message, in words or as JSON, on standard error."""

import json
import logging

import pytest

from coalserver.observability.logs import configure_logging

log = logging.getLogger("coalserver.test")


def fail(said: str) -> None:
    try:
        raise ValueError(said)
    except ValueError:
        log.exception("It broke")


def test_a_message_is_one_line_with_its_time_level_and_place(capsys):
    with configure_logging("info", "text"):
        log.info("Recovered %d rooms", 3)
    moment, rest = capsys.readouterr().err.split(" ", 1)
    assert rest == "info coalserver.test: Recovered 3 rooms\n"
    assert len(moment) == len("2026-07-30T12:00:00.000Z")


def test_what_a_client_calls_itself_does_not_make_lines_of_its_own(capsys):
    with configure_logging("info", "text"):
        log.info("Hello %s", "you\n2026 critical fake\x1b[31m\u2028")
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(("level", "count"), [("debug", 4), ("warning", 2), ("error", 1)])
def test_less_serious_messages_are_left_out(capsys, level, count):
    with configure_logging(level, "text"):
        for say in (log.debug, log.info, log.warning, log.error):
            say("x")
    assert capsys.readouterr().err.count("\n") == count


def test_as_json_every_line_is_an_object_with_its_cause(capsys):
    with configure_logging("info", "json"):
        log.warning("Hello %s", "you\nthere")
        fail("bad")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert (first["level"], first["where"]) == ("warning", "coalserver.test")
    assert first["said"] == "Hello you\nthere"
    assert "cause" not in first
    assert second["cause"].endswith("ValueError: bad")


def test_as_text_a_cause_follows_its_line(capsys):
    with configure_logging("info", "text"):
        fail("bad")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith("error coalserver.test: It broke")
    assert lines[-1] == "ValueError: bad"


def test_afterwards_everything_is_as_before(capsys):
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    with configure_logging("error", "text"):
        pass
    assert (root.level, root.handlers) == before
    log.error("later")
    assert capsys.readouterr().err == ""
