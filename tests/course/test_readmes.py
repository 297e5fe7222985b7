"""Every README's commands, run in order in a copy of the checkout, on ports of their own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assistant.weights import WeightsError, find_weights
from course.drill.bank import read_bank
from course.incidents import read_stories
from course.readmes import Step, read_steps, run
from tests.clones import give_steps_time
from tests.ports import free_block
from tests.tiny_shop import TINY, trained_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
LEVELS = {
    "01-beginner-iris-api": ("1", {"8100": "IRIS_PORT", "8101": "IRIS_GRPC_PORT"}),
    "02-intermediate-seldon-pipeline": (
        "2",
        {
            "8200": "RECOMMENDER_PORT",
            "8210": "RECOMMENDER_PREPROCESSOR_PORT",
            "8220": "RECOMMENDER_MODEL_PORT",
            "8225": "RECOMMENDER_SECOND_MODEL_PORT",
            "8230": "RECOMMENDER_POSTPROCESSOR_PORT",
            "8240": "RECOMMENDER_VALKEY_PORT",
            "8250": "RECOMMENDER_SPARE_PORT",
        },
    ),
    "03-advanced-multimodel-kserve": (
        "3",
        {
            "8300": "SHOP_PORT",
            "8301": "SHOP_ENVOY_ADMIN_PORT",
            "8310": "SHOP_GATEWAY_PORT",
            "8320": "SHOP_TRITON_HTTP_PORT",
            "8321": "SHOP_TRITON_GRPC_PORT",
            "8322": "SHOP_TRITON_METRICS_PORT",
            "8340": "SHOP_FEATURES_PORT",
            "8341": "SHOP_CACHE_PORT",
        },
    ),
}
ASSISTANT = "03-advanced-multimodel-kserve/assistant"
LESSONS = {**LEVELS, ASSISTANT: ("3", LEVELS["03-advanced-multimodel-kserve"][1] | {"8350": "SHOP_ASSISTANT_PORT"})}

# The measurements are run for real but cut short: what they measure on a busy test machine is not looked at.
SHORTENED = {
    "LADDER_ROUNDS": "1",
    "LADDER_SECONDS": "0.05",
    "FORMATS_SECONDS": "0.002",
    "OVERHEAD_REQUESTS": "20",
    "CLIENT_USERS": "200",
    "TELEMETRY_TRACE_RATIO": "1",
    # nor is anything refused or given up for being slow
    "SHOP_EDGE_SLOW_MS": "10000",
    "SHOP_EDGE_CONCURRENCY": "1000",
    "SHOP_EDGE_TIMEOUT_S": "60",
    "SHOP_TARGET_MS": "10000",
    "SHOP_DEADLINE_MS": "30000",
    "ASSISTANT_FIRST_TOKEN_S": "60",
    **{f"SHOP_WORLD_{name.upper()}": str(value) for name, value in TINY.model_dump().items()},
}
SHORT_SLA = {
    "warmup_s = 2": "warmup_s = 0.3",
    "warmup_s = 3": "warmup_s = 0.3",
    # 300 requests are the least that prove a p99
    "duration_s = 10": "longest_s = 10\nduration_s = 4",
    "duration_s = 15": "longest_s = 15\nduration_s = 8",
    "p99_ms = 50": "p99_ms = 5000",
    "p99_ms = 100": "p99_ms = 5000",
    "achieved_ratio = 0.95": "achieved_ratio = 0",
    # the assistant's
    "first_token_p99_ms = 1000": "first_token_p99_ms = 60000",
    "per_token_p99_ms = 250": "per_token_p99_ms = 60000",
    "cancel_ms = 200": "cancel_ms = 60000",
    "duration_s = 30": "duration_s = 3",
    "items = 13": "items = 2",
}
LONG_TIMEOUT = "[generator]\ntimeout_s = 60\n"
STEP_S = 1200
"""How long a command may take: training and a release do much, beside other tests."""

SHORT_OUTPUT = {
    "for 10 s": "for … s",
    "≤ 50 ms": "≤ 5000 ms",
    "≤ 100 ms": "≤ 5000 ms",
    "943 users, 0 of": "200 users, 0 of",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files git knows or would add, with the environment linked in: a lesson must not touch a running level."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    made = ("*_pb2*.py", "__pycache__/*.pyc")  # compiled, so that a lesson's commands need not
    found = [path for top in ("shared", "0*") for name in made for path in ROOT.glob(f"{top}/**/{name}")]
    generated = [str(path.relative_to(ROOT)) for path in found]
    for name in filter(None, [*names, *generated]):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    (tmp_path / ".venvs").symlink_to(ROOT / ".venvs")
    return tmp_path


@pytest.fixture
def trained(request: pytest.FixtureRequest) -> Callable[[str], tuple[Path, str]]:
    """Gives a level's models, and where a checkout has them."""

    def trained(level: str) -> tuple[Path, str]:
        if level.startswith("01"):
            return request.getfixturevalue("model_dir"), ".run/1/models/iris/1"
        if level.startswith("03"):
            return trained_once(request.getfixturevalue("tmp_path_factory")), ".run/3"
        return request.getfixturevalue("recommender_models"), ".run/2/models/recommender"

    return trained


@pytest.fixture
def environment(checkout: Path, level: str) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """The environment of the lesson's commands, and which port replaces which."""
    number, variables = LESSONS[level]
    first = min(map(int, variables))
    base = free_block(60)
    ports = {shown: str(base + int(shown) - first) for shown in variables}
    settings = {variables[shown]: port for shown, port in ports.items()}
    settings["CONSOLE_PORT"] = ports["8090"] = str(base + 59)
    # the checkout's own code, not that of the environment it borrows
    path = os.pathsep.join(str(checkout / each) for each in ("shared", level.partition("/")[0], "infra/pipelines"))
    # neither the flags of a `make test` around this one, nor its coverage: a copy of the code must not count there
    around = ("ARGS", "COV", "MAKE", "MFLAGS", "MLFLOW")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(around)}
    yield {**inherited, **settings, **SHORTENED, "PYTHONPATH": path, "COLUMNS": "200"}, ports
    subprocess.run(["make", f"down-{number}", "console-down"], cwd=checkout, capture_output=True, check=False)


def replaced(text: str, replacements: dict[str, str]) -> str:
    return re.sub("|".join(replacements), lambda shown: replacements[shown.group()], text)


def made_patient(folder: Path) -> None:
    """Neither the load generator nor a step of the graph gives up an answer that a busy machine delays."""
    sla = folder / "sla.toml"
    text = sla.read_text()
    if "[generator]" in text:
        sla.write_text(text.replace("[generator]\n", LONG_TIMEOUT))
    elif "[mix]" in text:  # the assistant's load has no such limit
        sla.write_text(text.replace("[mix]", f"{LONG_TIMEOUT}\n[mix]"))
    give_steps_time(folder, 60_000)


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
def test_the_lesson_prints_what_it_says(
    level: str,
    checkout: Path,
    environment: tuple[dict[str, str], dict[str, str]],
    trained: Callable[[str], tuple[Path, str]],
) -> None:
    models, place = trained(level)  # so that the lesson trains once, when it says so
    shutil.copytree(models, checkout / place)
    if level.startswith("03"):  # a canary needs a version 2, whatever a gate says of so small a shop
        optimise = Step(
            "MLFLOW_TRACKING_URI=off .venvs/main/bin/python -m shop.commands.optimize --quick --force", "", 0
        )
        run(optimise, checkout, environment[0], STEP_S)
    assert_said(level, checkout, environment)
    assert_trained_again(models, checkout / place)


@pytest.mark.slow
@pytest.mark.parametrize("level", [ASSISTANT])
def test_the_assistants_lesson_prints_what_it_says(
    level: str,
    checkout: Path,
    environment: tuple[dict[str, str], dict[str, str]],
    trained: Callable[[str], tuple[Path, str]],
) -> None:
    if not (ROOT / ".venvs/assistant/bin/python").exists():
        pytest.skip(".venvs/assistant: missing: make assistant-parts makes it")
    try:
        weights = find_weights()
    except WeightsError as error:
        pytest.skip(str(error))
    models, place = trained(level)
    shutil.copytree(models, checkout / place)
    (checkout / place / "optimize.json").write_text("{}")  # the INT8 versions are another lesson's
    (checkout / ".cache").mkdir()
    (checkout / ".cache/assistant").symlink_to(weights.parent)
    assert_said(level, checkout, environment)
    drawn, shown = ((root / level / "batching.svg").read_text() for root in (checkout, ROOT))
    assert drawn == shown, "the engine's steps are others now: draw the picture again, by the lesson's own command"


def assert_said(level: str, checkout: Path, environment: tuple[dict[str, str], dict[str, str]]) -> None:
    """Every command of a README prints what stands below it."""
    variables, ports = environment
    sla = checkout / level / "sla.toml"
    sla.write_text(replaced(sla.read_text(), ports | SHORT_SLA))
    made_patient(checkout / level)
    wrong = []
    for step in read_steps((ROOT / level / "README.md").read_text()):
        if step.skipped:
            continue
        try:
            output = replaced(step.output, ports | SHORT_OUTPUT)
            run(Step(replaced(step.command, ports), output, step.line), checkout, variables, STEP_S)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            wrong.append(str(error))
    assert not wrong, "\n\n".join(wrong)


def assert_trained_again(models: Path, again: Path) -> None:
    """Another training on the same data, later, writes the same bytes."""
    for path in models.rglob("model.json"):
        one, two = (json.loads(card.read_bytes()) for card in (path, again / path.relative_to(models)))
        assert one.pop("created") < two.pop("created")
        assert one == two, f"{path}: if an older version of the code trained it, delete it"


@pytest.mark.parametrize("readme", ["README.md", *(f"{level}/README.md" for level in LESSONS)])
def test_every_make_target_a_readme_names_exists(readme: str) -> None:
    text = (ROOT / readme).read_text()
    targets = {
        target
        for command in re.findall(r"\bmake ([a-z0-9 -]+)", text)
        for target in re.findall(r"[a-z]+(?:-[a-z]+)*-\d", command)
    }
    for target in sorted(targets):
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{readme}: make {target}: {done.stderr}"


@pytest.mark.parametrize("number", [number for number, _ in LEVELS.values()])
def test_up_trains_where_nothing_is_trained_yet(number: str) -> None:
    planned = ["make", "-n", f"up-{number}", f"ARTEFACT_{number}=nothing/yet"]
    done = subprocess.run(planned, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ".commands.train" in done.stdout.split(".commands.stack up")[0]


PAGES = sorted(
    str(page.relative_to(ROOT))
    for pattern in ("*.md", *(f"{folder}/**/*.md" for folder in ("0*", "shared", "infra", "tests", "interview")))
    for page in ROOT.glob(pattern)
)


def anchors(markdown: str) -> set[str]:
    """What links may follow a file's name with, after ``#``: GitHub makes it of each heading."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", markdown, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_within_the_repository_leads_somewhere(page: str) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", (ROOT / page).read_text()):
        file = (ROOT / page).parent / target if target else ROOT / page
        assert file.exists(), f"{page}: {target}: no such file or folder"
        assert not anchor or anchor in anchors(file.read_text()), f"{page}: {target}#{anchor}: no such heading"


def test_the_course_map_counts_what_there_is() -> None:
    text = (ROOT / "README.md").read_text()
    levels = Counter(story.level for story in read_stories(ROOT / "interview" / "incidents").values())
    assert f"| {levels.total()}: {levels[1]}, {levels[2]} and {levels[3]} |" in text
    assert f"| {len(read_bank())}, a fifth on operation and a fifth on language models |" in text
    assert f"scores it | {len(list((ROOT / 'interview' / 'design').glob('*.md')))} |" in text


@pytest.mark.parametrize("package", ["servekit", "workbench", "course"])
def test_the_map_of_shared_names_every_module(package: str) -> None:
    text = (ROOT / "shared" / "README.md").read_text()
    section = text.partition(f"\n## {package}: ")[2].partition("\n## ")[0]
    first_cells = " ".join(re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE))
    inside = (ROOT / "shared" / package).iterdir()
    modules = {path.stem for path in inside if path.suffix in {"", ".py"} and path.name[0] not in "_."}
    assert set(re.findall(r"`(?:\w+\.)?(\w+)`", first_cells)) == modules
