from __future__ import annotations

import json
from typing import TYPE_CHECKING

from workbench import hardware
from workbench.hardware import describe, hardware_stamp

if TYPE_CHECKING:
    from pathlib import Path


def test_the_stamp_names_the_machine_and_survives_json() -> None:
    stamp = hardware_stamp()
    assert json.loads(json.dumps(stamp)) == stamp
    assert stamp["cores"] >= 1
    assert stamp["ram_gib"] > 0
    assert stamp["date"].endswith("+00:00")


def test_the_stamp_as_one_line_names_cpu_cores_memory_kernel_and_python() -> None:
    stamp = hardware_stamp()
    line = describe(stamp)
    assert line.startswith(f"{stamp['cpu']}, {stamp['cores']} cores, {stamp['ram_gib']:g} GiB, ")
    assert stamp["kernel"] in line
    assert stamp["python"] in line


def test_a_machine_without_cpuinfo_still_gets_a_name(tmp_path: Path) -> None:
    assert hardware._cpu_model(tmp_path / "absent")


def test_the_cpu_name_is_read_from_cpuinfo(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: Example 9000\n", encoding="utf-8")
    assert hardware._cpu_model(cpuinfo) == "Example 9000"


def test_memory_is_bounded_by_the_control_group(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    limit.write_text("1048576\n", encoding="ascii")
    assert hardware._ram_bytes(limit) == 1048576
    limit.write_text("max\n", encoding="ascii")
    assert hardware._ram_bytes(limit) > 1048576
