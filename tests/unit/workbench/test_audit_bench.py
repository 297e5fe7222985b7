from __future__ import annotations

import json
from typing import TYPE_CHECKING

from workbench.audit.terminal import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_bench_writes_its_figures_with_the_machine_they_were_taken_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "bench" / "audit.json"
    status = main(["bench", "--events", "100", "--output", str(output)])
    document = json.loads(output.read_bytes())
    assert {"cpu", "cores", "python"} <= document["hardware"].keys()
    assert next(cost["case"] for cost in document["costs"]) == "SHA-256 chain"
    assert all(cost["record_us"] > 0 for cost in document["costs"])
    assert (status == 0) == (document["verdict"] == "pass")
    assert "µs a record at most" in capsys.readouterr().out
