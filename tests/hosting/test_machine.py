"""What the machine offers to hosted worlds (hosting.md, 6)."""

import socket
from pathlib import Path

import pytest

from coalserver.hosting import machine


def test_budget_is_a_share_of_the_memory_unless_it_is_configured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine, "machine_memory", lambda: 8 << 30)
    assert machine.memory_budget() == 6144
    assert machine.memory_budget(configured=4000) == 4000
    assert machine.memory_budget(configured=4000, chosen=3000) == 3000
    assert machine.memory_budget(configured=4000, chosen=5000) == 4000


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/a/b\n", {"a/memory.max": "2000", "a/b/memory.max": "max"}, 2000),
        ("0::/a/b\n", {"a/memory.max": "2000", "a/b/memory.max": "1000"}, 1000),
        # In a container only the own part of the tree is seen.
        ("0::/a/b\n", {"memory.max": "3000"}, 3000),
        ("5:cpu,memory:/a\n", {"memory/a/memory.limit_in_bytes": "4000"}, 4000),
        ("5:memory:/a\n", {"memory/a/memory.limit_in_bytes": str(2**63 - 4096)}, None),
        ("0::/\n", {}, None),
    ],
)
def test_limit_of_the_cgroup(
    tmp_path: Path, own: str, files: dict[str, str], expected: int | None
) -> None:
    (tmp_path / "own").write_text(own)
    for name, text in files.items():
        path = tmp_path / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    assert machine.cgroup_memory(tmp_path / "own", tmp_path / "cgroup") == expected


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_bound_port_is_found_on_any_address(address: str) -> None:
    with socket.create_server((address, 0)) as listener:
        port = listener.getsockname()[1]
        assert machine.bound_ports([port]) == {port}
    assert machine.bound_ports([port], "127.0.0.1") == set()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("mc.example", "https://play.example", "10.0.0.1", "10.0.0.2"), "mc.example"),
        (("", "https://play.example:8443/coal", "10.0.0.1", "10.0.0.2"), "play.example"),
        (("", "", "10.0.0.1", "10.0.0.2"), "10.0.0.1"),
        (("", "", "", "10.0.0.2, ::1"), "10.0.0.2"),
        (("", "", "", "0.0.0.0"), "192.0.2.1"),
    ],
)
def test_host_that_players_connect_to(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, str, str, str], expected: str
) -> None:
    monkeypatch.setattr(machine, "first_address", lambda: "192.0.2.1")
    assert machine.public_host(*arguments) == expected


def test_address_names_the_port_unless_it_is_the_usual_one() -> None:
    assert machine.join_address("mc.example", 25565) == "mc.example"
    assert machine.join_address("mc.example", 25566) == "mc.example:25566"
    assert machine.join_address("::1", 25566) == "[::1]:25566"
