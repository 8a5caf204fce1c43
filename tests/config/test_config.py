"""The configuration: order of its sources, conversion of values and error messages."""

import dataclasses
import ipaddress
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from coalserver.config import Config
from coalserver.config.schema import (
    ConfigError,
    SwitchField,
    VersionSection,
    setting,
    settings,
    text,
    validate_texts,
)
from coalserver.config.sources import as_dict, as_file, load


def write_file(path: Path, *lines: str, section: str = "coalserver") -> dict[str, str]:
    """Write a file with these lines; return the arguments that name it."""
    path.write_text("\n".join((f"[{section}]", *lines)), "utf-8")
    return {"config": str(path)}


def write_text(path: Path, content: str) -> dict[str, str]:
    """Write a file with this content; return the arguments that name it."""
    path.write_text(content, "utf-8")
    return {"config": str(path)}


def load_error(args: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as error:
        load(args, environ or {})
    return str(error.value)


def test_defaults_apply_without_any_source():
    assert load({}, {}) == Config()


def test_defaults_match_the_readme():
    config = Config()
    assert (config.host, config.port, str(config.data)) == ("127.0.0.1", 8080, "data")
    assert (config.poll_seconds, config.away_after, config.seat_grace, config.closed_kept) == (
        45,
        75,
        300,
        86400,
    )
    assert (config.event_days, config.event_count, config.body_limit) == (7, 10_000, 2**20)
    assert (config.idle_room_days, config.guest_token_days, config.account_token_days) == (
        7,
        30,
        90,
    )
    assert (config.seats_at_once, config.hosts_game) == (50, "hosts")
    assert (config.hosts_login, config.hosts_grace) == ("open", 30)


def test_flags_override_environment_file_and_defaults(tmp_path):
    args = write_file(tmp_path / "c.ini", "port = 1", "poll_seconds = 1", "seat_grace = 1")
    environ = {"COAL_PORT": "2", "COAL_POLL_SECONDS": "2"}
    config = load({**args, "port": "3"}, environ)
    assert (config.port, config.poll_seconds, config.seat_grace, config.away_after) == (3, 2, 1, 75)


def test_config_is_immutable():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().port = 1  # type: ignore[misc]


def test_other_environment_variables_are_ignored():
    assert load({}, {"PORT": "1", "COALPORT": "1", "coal_port": "1"}) == Config()


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"COAL_PROT": "1"}, "There is no setting prot (COAL_PROT in the environment); did you"),
        ({"COAL_XYZZY": "1"}, "There is no setting xyzzy (COAL_XYZZY in the environment)."),
        ({"COAL_PORT": "x"}, "port must be a whole number from 0 to 65,535, not 'x' (COAL_PORT"),
        ({"COAL_PORT": "70000"}, "port must be"),
        ({"COAL_PORT": "-1"}, "port must be"),
        ({"COAL_PORT": ""}, "port must be"),
        ({"COAL_PORT": "80.5"}, "port must be"),
        ({"COAL_POLL_SECONDS": "nan"}, "poll_seconds must be a number from 1 to 300, not 'nan'"),
        ({"COAL_EVENT_DAYS": "inf"}, "event_days must be a number"),
        ({"COAL_LOG_LEVEL": "loud"}, "log_level must be one of debug, info, warning, error,"),
        ({"COAL_HOST": ""}, "host must be a host name or an address"),
        ({"COAL_DATA": ""}, "data must be a path"),
        ({"COAL_HOSTS_GAME": "No"}, "hosts_game must be at most 32 characters"),
        ({"COAL_TRUSTED_PROXIES": "10.0.0.1/8"}, "trusted_proxies must be addresses or networks"),
        ({"COAL_BASE_URL": "play.example"}, "base_url must be https:// or http:// and a host"),
        ({"COAL_BASE_URL": "https://a/b?c"}, "base_url must be"),
        ({"COAL_BASE_URL": "https://a/b?"}, "base_url must be"),
        ({"COAL_BASE_URL": "https://a/b#c"}, "base_url must be"),
        ({"COAL_BASE_URL": "https://a#"}, "base_url must be"),
        ({"COAL_BASE_URL": "https://a/b//c"}, "base_url must be"),
        ({"COAL_BASE_URL": "https://a//b"}, "base_url must be"),
        ({"COAL_BASE_URL": "https://a/../b"}, "base_url must be"),
        ({"COAL_BASE_URL": "https://a/.well-known"}, "base_url must be"),
        ({"COAL_BASE_URL": "https://a/b%20c"}, "base_url must be"),
        ({"COAL_BASE_URL": "https://a/b;c"}, "base_url must be"),
        ({"COAL_BASE_URL": "https://a/é"}, "base_url must be"),
        ({"COAL_BASE_URL": "https://me:pw@a"}, "base_url must be"),
        ({"COAL_BASE_URL": "https://a:x"}, "base_url must be"),
        ({"COAL_BASE_URL": "https://[::1"}, "base_url must be"),
        ({"COAL_BASE_URL": "https://a b"}, "base_url must be"),
        ({"COAL_BASE_URL": "https:///"}, "base_url must be"),
        ({"COAL_BASE_URL": "https://:80"}, "base_url must be"),
        ({"COAL_BASE_URL": "ftp://a"}, "base_url must be"),
    ],
)
def test_invalid_setting_is_described_in_one_line(environ, expected):
    message = load_error({}, environ)
    assert message.startswith(expected)
    assert "\n" not in message


def test_error_names_the_source_of_the_setting(tmp_path):
    assert load_error({"port": "x"}).endswith("(--port).")
    args = write_file(tmp_path / "c.ini", "port = x")
    assert load_error(args).endswith(f"(in {tmp_path}/c.ini).")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("[coalserver]\nprot = 1\n", "There is no setting prot (in "),
        ("[coalserver]\nPort = 1\n", "There is no setting Port (in "),
        (
            "[server]\nport = 1\n",
            "has a section [server]; there are [coalserver] and [version NAME].",
        ),
        (
            "[DEFAULT]\nport = 1\n",
            "has a section [DEFAULT]; there are [coalserver] and [version NAME].",
        ),
        ("port = 1\n", "is not an INI file: "),
        ("[coalserver]\nport = 1\nport = 2\n", "is not an INI file: "),
        ("[coalserver]\nport\n", "is not an INI file: "),
    ],
)
def test_invalid_file_is_refused(tmp_path, content, expected):
    path = tmp_path / "c.ini"
    path.write_text(content)
    message = load_error({"config": str(path)})
    assert expected in message
    assert "\n" not in message


def test_unreadable_file_is_refused(tmp_path):
    assert (
        load_error({"config": "/no/such"}) == "/no/such cannot be read: No such file or directory."
    )
    (tmp_path / "b").write_bytes(b"\xff\xfe")
    assert "is not an INI file" in load_error({"config": str(tmp_path / "b")})


def test_percent_sign_in_a_file_is_literal(tmp_path):
    assert load(write_file(tmp_path / "c.ini", "data = /x/%y"), {}).data == Path("/x/%y")


def test_empty_file_and_section_change_nothing(tmp_path):
    (tmp_path / "empty").write_text("")
    assert load({"config": str(tmp_path / "empty")}, {}) == Config()
    assert load(write_file(tmp_path / "c.ini"), {}) == Config()


def test_values_are_converted():
    config = load(
        {},
        {
            "COAL_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8,::1",
            "COAL_BASE_URL": "https://play.example:8443/",
            "COAL_DATA": "~/coal",
            "COAL_POLL_SECONDS": "2.5",
        },
    )
    networks = ("127.0.0.1/32", "10.0.0.0/8", "::1/128")
    assert config.trusted_proxies == tuple(map(ipaddress.ip_network, networks))
    assert config.base_url == "https://play.example:8443"
    assert config.data == Path.home() / "coal"
    assert config.poll_seconds == 2.5


@pytest.mark.parametrize(
    ("text", "base_url"),
    [
        ("https://play.example/coal", "https://play.example/coal"),
        ("https://play.example/coal/", "https://play.example/coal"),
        ("http://[::1]:8080/Apps/coal_2.0~a-b//", "http://[::1]:8080/Apps/coal_2.0~a-b"),
    ],
)
def test_base_url_may_have_a_path(text, base_url):
    assert load({}, {"COAL_BASE_URL": text}).base_url == base_url


def test_printed_settings_can_be_loaded_again(tmp_path):
    config = load({"trusted_proxies": "10.0.0.0/8,::1", "data": "/x y", "poll_seconds": "1.5"}, {})
    assert json.loads(json.dumps(as_dict(config)))["trusted_proxies"] == [
        "10.0.0.0/8",
        "::1/128",
    ]
    (tmp_path / "c.ini").write_text(as_file(config))
    assert load({"config": str(tmp_path / "c.ini")}, {}) == config


VERSIONS = """[coalserver]
hosting_ports = 25565 - 25566
[version Bedrock 1.0]
command = /opt/bedrock --port {port} "a b"
ready = ^Server started
stop = SIGINT
no_eula = Yes
[version other]
command = other
"""


def test_versions_are_sections_of_the_file(tmp_path):
    config = load(write_text(tmp_path / "c.ini", VERSIONS), {})
    bedrock = VersionSection(
        "Bedrock 1.0",
        '/opt/bedrock --port {port} "a b"',
        ready="^Server started",
        stop="SIGINT",
        no_eula=True,
    )
    assert config.versions == (bedrock, VersionSection("other", "other"))
    assert config.hosting_ports == "25565-25566"
    (tmp_path / "d.ini").write_text(as_file(config))
    assert load({"config": str(tmp_path / "d.ini")}, {}) == config
    assert as_dict(config)["versions"][1]["command"] == "other"


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("[version x]\n", "has no command."),
        ("[version x]\ncommand = 'a\n", "No closing quotation."),
        ("[version x]\ncommand = a\nready = (\n", "unterminated subpattern at position 0."),
        ("[version x]\ncommand = a\nredy = a\n", "has no option redy; did you mean ready?"),
        ("[version x]\ncommand = a\nno_eula = maybe\n", "must be yes or no."),
        ("[version ä]\ncommand = a\n", "the name of a version has at most 60"),
        ("[version x]\ncommand = a\n[version  x]\ncommand = a\n", "has the version x twice."),
    ],
)
def test_wrong_version_is_refused(tmp_path, section, expected):
    assert expected in load_error(write_text(tmp_path / "c.ini", section))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hosting_ports", "25565"),
        ("hosting_ports", "2-1"),
        ("hosting_ports", "0-9"),
        ("hosting_ports", "1-65535"),
        ("hosting_bind", "localhost"),
        ("hosting_manifests", "https://x"),
        ("hosting_start_seconds", "0.5"),
        ("hosting_user", "a b"),
    ],
)
def test_wrong_setting_of_hosting_is_refused(name, value):
    assert f"{name} must be " in load_error({name: value})


def test_every_default_is_a_valid_value():
    for field in settings():
        if field.meta.secret:
            continue
        texts = {field.name: field.to_text(field.default)}
        assert validate_texts(texts, {})[field.name] == field.default


@dataclasses.dataclass(frozen=True, slots=True)
class WithSecret:
    """A configuration with a secret."""

    mail: bool = setting(False, "whether to send mail", SwitchField())
    mail_password: str = setting("", "its password", text("x+", "x"), secret=True)


def parse_with_secret(**texts: str) -> dict[str, Any]:
    return validate_texts(texts, dict.fromkeys(texts, "in a test"), WithSecret)


def test_secret_is_not_shown():
    _, secret = settings(WithSecret)
    assert secret.to_json("xxx") == "(set)"
    assert secret.to_json("") == "(not set)"


def test_error_does_not_repeat_a_secret():
    with pytest.raises(ConfigError) as error:
        parse_with_secret(mail_password="hunter2")
    assert "hunter2" not in str(error.value)


def test_switch_accepts_synonyms_in_any_case():
    assert parse_with_secret(mail="yes") == {"mail": True}
    assert parse_with_secret(mail="OFF") == {"mail": False}
    with pytest.raises(ConfigError, match="mail must be one of yes, true, on, 1, no"):
        parse_with_secret(mail="maybe")
