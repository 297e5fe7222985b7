from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from workbench.conformance import Outcome, conforms, run

if TYPE_CHECKING:
    from typing import Any


def test_level_1_conforms_over_rest_and_grpc(iris_server: Any) -> None:
    results = run(iris_server.url, "iris", grpc_address=f"127.0.0.1:{iris_server.grpc_port}")
    unmet = {each.check.name: each.detail for each in results if each.outcome is not Outcome.PASSED}
    assert unmet == {}
    assert conforms(results, strict=True)


def test_level_1_conforms_with_a_flower_s_own_lengths_by_the_command(iris_server: Any) -> None:
    command = [sys.executable, "-m", "workbench.conformance", iris_server.url, "--model", "iris", "--version", "1"]
    values = ["--value", "features=5.1,3.5,1.4,0.2", "--grpc", f"127.0.0.1:{iris_server.grpc_port}"]
    done = subprocess.run([*command, *values], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "conforms: " in done.stdout
