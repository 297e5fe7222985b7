from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from planner.day.requirements import load_instances
from planner.token_day.__main__ import main
from planner.token_day.token_design import TokenDesign, fit_of, load_token_design
from planner.token_day.token_needs import load_needs
from servekit.errors import InvalidValueError
from tests.unit.planner.token_day.token_days import CALIBRATION, FOLDER, TOKEN_TASKS, token_needs, token_reference

if TYPE_CHECKING:
    from pathlib import Path

(TASK,) = TOKEN_TASKS
RIGHT = (FOLDER / "starter-tokens.toml").read_text()


def loaded(folder: Path, text: str) -> TokenDesign:
    file = folder / "design.toml"
    file.write_text(text)
    return load_token_design(file, token_needs(TASK), load_instances(), CALIBRATION)


def test_the_starter_is_a_design_and_says_the_defaults(tmp_path: Path) -> None:
    design = loaded(tmp_path, RIGHT)
    bare = loaded(tmp_path, '[servers]\ninstance = "c7i.large"\nreplicas = 1\n')
    assert (design.servers.replicas, design.admission.by, design.canary.questions) == (6, "none", 0)
    for part in ("admission", "budget", "retries", "canary"):
        assert getattr(design, part) == getattr(bare, part)


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("replicas = 6 ", "replicas = 0 ", r"Expected `int` >= 1 - at `\$.servers.replicas`"),
        ("replicas = 6 ", "replicas = 9999 ", "servers.replicas 9999: expected at most 500: the account's limit"),
        ("blocks = 128", "blocks = 39", r"engine.blocks 39: expected at least 40: a request may have 1,280 tokens"),
        ("blocks = 128", "blocks = 90_000", "engine.blocks 90000: expected a replica that fits into 16 GiB"),
        ("blocks = 128", "block = 128", r"engine.block set: expected only blocks, .*; did you mean blocks\?"),
        ("c7i.2xlarge", "p5.48xlarge", "servers.instance p5.48xlarge: expected one with a price: c7i.large"),
        ("[retries]", "[retry]", r"retry set: expected only servers, .*; did you mean retries\?"),
        (
            'by = "none"         # "none", "requests" or "tokens" (',
            'by = "tokens" # (',
            "budget.per_minute 0.0: expected some tokens",
        ),
        ('metric = "none"', 'metric = "cpu"\nx = 1', "autoscaling.x set: expected only metric"),
        ("max_replicas = 6", "max_replicas = 501", "autoscaling.max_replicas 501: expected at most 500"),
        ("steps = []", "steps = [50, 10]", r"canary.steps \[50.0, 10.0\]: expected shares that grow"),
        ("deadline_s = 0", "deadline_s = nan", "admission.deadline_s nan: expected a finite number"),
    ],
)
def test_a_design_that_nobody_could_build_is_refused_with_the_reason(
    tmp_path: Path, right: str, wrong: str, message: str
) -> None:
    assert right in RIGHT
    with pytest.raises(InvalidValueError, match=message):
        loaded(tmp_path, RIGHT.replace(right, wrong, 1))


def test_as_many_replicas_fit_as_cores_and_memory_allow() -> None:
    machines = load_instances()
    engine = token_reference(TASK).engine
    assert [fit_of(engine, machines[name], CALIBRATION) for name in ("c7i.large", "c7i.2xlarge", "m7i.4xlarge")] == [
        1, 7, 14,
    ]  # fmt: skip


def test_requirements_of_another_form_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (FOLDER / f"{TASK}.toml").read_text()
    file = tmp_path / "task.toml"
    file.write_text(text.replace("answered = 0.995", "answered = 1.5"))
    with pytest.raises(InvalidValueError, match=r"Expected `float` <= 1.0 - at `\$.answered`"):
        load_needs(file)
    assert main(["requirements", str(file)]) == 2
    assert "refused: requirements" in capsys.readouterr().err
    assert main(["requirements", str(FOLDER / f"{TASK}.toml")]) == 0
    assert "60 questions/s at 20:00" in capsys.readouterr().out
