"""``make ladder-1``: the tutorial's server and each improvement on it, measured side by side."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from iris_api.commands.ladder_report import conclude, ladder_table, write_report
from iris_api.domain.flower import as_dict
from iris_api.settings import IrisSettings
from iris_api.training.golden import Golden, read_golden
from servekit.loopback import client
from workbench.bench import Peer, compare, free_ports
from workbench.load import Request
from workbench.terminal import make_console

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LADDER", "main", "train_tutorial_model"]

LADDER = Path(__file__).parents[2] / "ladder"


def main() -> int:
    """Prints the table, writes it as JSON; ``LADDER_ROUNDS`` and ``LADDER_SECONDS`` (a round's) shorten a try-out."""
    settings = IrisSettings()
    golden = read_golden(settings.model_dir)
    bodies = [msgspec.json.encode(as_dict(row)) for row in golden.features]
    console = make_console()
    with tempfile.TemporaryDirectory(prefix="iris-ladder-") as folder, console.status("") as status:
        train_tutorial_model(Path(folder, "model.joblib"))
        rows = compare(
            _peers(settings, folder),
            [Request("/v1/predict", body) for body in bodies],
            lambda peer: _checked_answers(peer, bodies, golden),
            rounds=int(os.environ.get("LADDER_ROUNDS", "6")),
            seconds=float(os.environ.get("LADDER_SECONDS", "2")),
            progress=status.update,
        )
    console.print(ladder_table(rows, console))
    write_report(rows, Path(".run/bench/ladder-1.json"))
    conclude(rows, console)
    return 0


def train_tutorial_model(path: Path) -> None:
    """Writes the tutorial's model as a pickle, as tutorials do; only the ladder's servers load it."""
    import joblib  # noqa: PLC0415 - scikit-learn takes a second to import

    from iris_api.training.fit import train  # noqa: PLC0415
    from iris_api.training.iris_data import iris_rows  # noqa: PLC0415

    joblib.dump(train(*iris_rows())[0], path)


def _peers(settings: IrisSettings, folder: str) -> list[Peer]:
    models = {
        "LADDER_JOBLIB": str(Path(folder, "model.joblib")),
        "LADDER_ONNX": str(settings.model_dir.resolve() / "model.onnx"),
    }
    rungs = sorted(path.stem for path in LADDER.glob("rung_*.py"))
    *ports, port, grpc_port = free_ports(len(rungs) + 2)
    ours = {"IRIS_PORT": str(port), "IRIS_GRPC_PORT": str(grpc_port), "TELEMETRY_TRACE_FILE": f"{folder}/traces.jsonl"}
    peers = [_rung(module, port, models) for module, port in zip(rungs, ports, strict=True)]
    return [*peers, Peer("the API, observed", [sys.executable, "-m", "iris_api"], port, ours)]


def _rung(module: str, port: int, environment: dict[str, str]) -> Peer:
    # every rung gets the fastest server settings there are
    server = ["uvicorn", "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    command = [sys.executable, "-m", *server, "--app-dir", str(LADDER), "--port", str(port), f"{module}:app"]
    return Peer(" ".join(module.split("_")[1:]), command, port, environment)


def _checked_answers(peer: Peer, bodies: list[bytes], golden: Golden) -> list[bytes]:
    """The beginnings of the peer's answers to all flowers, up to the species; every answer has been checked."""
    headers = {"content-type": "application/json"}
    with client(base_url=f"http://127.0.0.1:{peer.port}", headers=headers) as http:
        answers = [http.post("/v1/predict", content=body).raise_for_status().content for body in bodies]
    predictions = [msgspec.json.decode(answer)["predictions"][0] for answer in answers]
    probabilities: NDArray[np.float64] = np.array([each["probabilities"] for each in predictions])
    if not np.allclose(probabilities, golden.probabilities, rtol=0, atol=1e-5):
        raise SystemExit(f"{peer.name}: its answers are not those of scikit-learn, so its speed does not count")
    # batched with others, a row may differ from itself alone in the last bit: its digits are not compared under load
    return [answer.split(b'"probabilities"')[0] for answer in answers]


if __name__ == "__main__":
    sys.exit(main())
