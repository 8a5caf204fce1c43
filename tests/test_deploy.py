"""The recipes in docs/deploy: their syntax, and that they say what hosted worlds need."""

import re
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

from coalserver.config.schema import settings

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "docs" / "deploy"
NAMES = {setting.name for setting in settings()}


def read_ini(path: Path) -> ConfigParser:
    parser = ConfigParser(strict=True, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(path, "utf-8")
    return parser


def test_unit_leaves_worlds_to_coalserver():
    service = read_ini(DEPLOY / "coalserver.service")["Service"]
    assert service["KillMode"] == "process"
    # The ladder takes 10 + 120 + 15 seconds, and a save before it up to 120.
    assert int(service["TimeoutStopSec"]) == 300


def test_systemd_understands_the_unit(tmp_path):
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze not found")
    text = (DEPLOY / "coalserver.service").read_text("utf-8")
    unit = tmp_path / "coalserver.service"
    unit.write_text(text.replace("/opt/coalserver/bin/coalserver", "/bin/true"), "utf-8")
    result = subprocess.run(
        [program, "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert "coalserver.service" not in result.stderr


def test_settings_of_the_service_exist():
    found = read_ini(DEPLOY / "coalserver.ini")["coalserver"]
    assert set(found) <= NAMES
    assert not found["hosting_folder"].startswith(found["data"])


def test_container_gets_settings_and_time_to_stop():
    text = (DEPLOY / "Containerfile").read_text("utf-8")
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line and line[0] != "#"]
    known = {
        *("FROM", "RUN", "COPY", "USER", "ENV", "VOLUME"),
        *("EXPOSE", "STOPSIGNAL", "ENTRYPOINT", "CMD"),
    }
    assert {line.split()[0] for line in lines} == known
    assert 'ENTRYPOINT ["tini", "--"]' in lines and "--stop-timeout 300" in text
    compose = (DEPLOY / "compose.yaml").read_text("utf-8")
    assert "stop_grace_period: 5m" in compose and "\t" not in compose
    names = re.findall(r"COAL_([A-Z_]+)", text + compose)
    assert names and {name.lower() for name in names} <= NAMES
    for path in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE):
        assert all((ROOT / one).exists() for one in path.split())


def test_compose_file_is_valid():
    yaml = pytest.importorskip("yaml")
    document = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    (service,) = document["services"].values()
    build = service["build"]
    context = (DEPLOY / build["context"]).resolve()
    assert context == ROOT and (context / build["dockerfile"]).is_file()
    assert {one.partition(":")[0] for one in service["volumes"]} == set(document["volumes"])
