"""What exercise 8 must do: the Dockerfile is read as Docker reads it, and held to the rules one by one."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from course.exercises import expect, expect_equal
from course.exercises.image import see_in_docker

if TYPE_CHECKING:
    from pathlib import Path

PINNED = re.compile(r"@sha256:[0-9a-f]{64}\Z")
SECRET = re.compile(r"(?i)(?:^|_)(?:api_?key|key|token|secret|password)s?\Z")
INSTALLERS = re.compile(r"\b(?:pip3?|uv|conda|apt|apt-get|apk|curl|wget)\b")


@dataclass(frozen=True)
class Stage:
    """A stage: the image that it begins with, its name, and its instructions as word and rest."""

    base: str
    name: str
    instructions: list[tuple[str, str]]

    def all(self, word: str) -> list[str]:
        """What follows each instruction of that word."""
        return [rest for found, rest in self.instructions if found == word]


def check_every_base_is_pinned_by_its_digest(answer: Path) -> None:
    stages = read(answer)
    names = {stage.name for stage in stages if stage.name}
    for stage in stages:
        expect(
            stage.base in names or bool(PINNED.search(stage.base)), f"FROM {stage.base}: expected …@sha256:<64 digits>"
        )


def check_what_is_installed_comes_from_another_stage(answer: Path) -> None:
    *builders, last = read(answer)
    expect(bool(builders), "one stage: expected a builder that installs, and a stage that ships")
    expect_equal("the name of the first stage", builders[0].name, "builder")
    for run in last.all("RUN"):
        found = INSTALLERS.search(run)
        expect(found is None, f"RUN {run[:60]} in the last stage: expected no {found[0] if found else ''} there")
    copied = [rest for rest in last.all("COPY") if "--from=" in rest]
    expect(bool(copied), "no COPY --from=builder: expected the last stage to take the environment from the builder")
    names = {stage.name for stage in builders}
    expect(last.base not in names, f"FROM {last.base}: expected the last stage to begin without what the builder has")
    expect(not last.all("ADD"), "ADD in the last stage: expected COPY, which fetches and unpacks nothing")


def check_packages_are_held_to_their_hashes(answer: Path) -> None:
    installs = [run for stage in read(answer) for run in stage.all("RUN") if re.search(r"\b(?:pip3?|uv)\b", run)]
    expect(any("requirements" in run for run in installs), "nothing installs requirements.txt: expected the builder to")
    for command in (part for run in installs for part in re.split(r"&&|;|\|\|", run)):
        fine = "install" not in command or "pip" not in command or "--require-hashes" in command
        expect(fine, f"RUN {command.strip()[:60]}: expected --require-hashes")


def check_only_what_runs_is_copied(answer: Path) -> None:
    for stage in read(answer):
        for rest in stage.all("COPY") + stage.all("ADD"):
            *sources, _ = _words(rest)
            whole = [source for source in sources if source.rstrip("/") in {".", "", "*"}]
            expect(not whole, f"COPY {rest}: expected the folders that run, not all that lies around (.git, .env, …)")
    code = [rest for rest in read(answer)[-1].all("COPY") if "iris_api" in rest]
    expect(bool(code), "no COPY of iris_api in the last stage: expected the code that runs")


def check_no_secret_is_in_a_layer(answer: Path) -> None:
    for stage in read(answer):
        for word in ("ARG", "ENV"):
            for rest in stage.all(word):
                names = [part.partition("=")[0] for part in shlex.split(rest) if "=" in part] or [rest.split()[0]]
                found = [name for name in names if SECRET.search(name)]
                expect(
                    not found, f"{word} {', '.join(found)}: expected it from who runs the container, not in the image"
                )


def check_it_runs_as_a_number_that_is_not_root(answer: Path) -> None:
    users = read(answer)[-1].all("USER")
    user = users[-1].partition(":")[0] if users else "root"
    expect(user.isdecimal() and int(user) > 0, f"USER {user}: expected a number above 0 (runAsNonRoot reads no names)")


def check_signals_reach_the_server(answer: Path) -> None:
    last = read(answer)[-1]
    started = last.all("ENTRYPOINT") + last.all("CMD")
    expect(bool(started), "no CMD: expected python -m iris_api")
    program, *words = [part for rest in started for part in exec_form(rest)] or [""]
    expect_equal("the program that starts the server", program.rpartition("/")[2], "python")
    expect_equal("its arguments", words, ["-m", "iris_api"])


def check_docker_can_ask_how_it_is(answer: Path) -> None:
    checks = read(answer)[-1].all("HEALTHCHECK")
    expect(bool(checks), "no HEALTHCHECK: expected one that asks /readyz")
    _, found, command = checks[-1].partition("CMD ")
    expect(bool(found), f'HEALTHCHECK {checks[-1]}: expected CMD ["…"]')
    expect(any("/readyz" in word for word in exec_form(command)), "HEALTHCHECK: expected it to ask /readyz")


def check_it_starts_answers_and_stops_where_docker_is(answer: Path) -> None:
    seen = see_in_docker((answer / "Dockerfile").read_text(encoding="utf-8"))
    if seen is None:  # no Docker here, or no Python image in it: what was read has to do
        return
    expect(not seen.trouble, seen.trouble)
    expect(seen.uid > 0, f"the server runs as user {seen.uid}: expected one that is not root")
    expect_equal("the exit code after SIGTERM", seen.stopped, 0)


def _words(rest: str) -> list[str]:
    """What is copied and where to, in either of the two forms that Docker knows."""
    plain = " ".join(word for word in rest.split() if not word.startswith("--"))
    return [str(word) for word in json.loads(plain)] if plain.startswith("[") else shlex.split(plain)


def exec_form(rest: str) -> list[str]:
    """The words of a command that is started without a shell."""
    try:
        words = json.loads(rest)
    except ValueError:
        words = None
    expect(isinstance(words, list), f'{rest}: expected the exec form, ["…", "…"]: a shell does not pass SIGTERM on')
    return [str(word) for word in words]


def read(answer: Path) -> list[Stage]:
    """The stages of the answer, with the ARGs before the first one filled in."""
    text = (answer / "Dockerfile").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    found = [line.strip() for line in re.sub(r"\\\s*\n", " ", lines).splitlines() if line.strip()]
    stages: list[Stage] = []
    arguments: dict[str, str] = {}
    for line in found:
        word, _, rest = line.partition(" ")
        word, rest = word.upper(), rest.strip()
        if word == "ARG" and not stages:
            name, _, value = rest.partition("=")
            arguments[name] = value
        elif word == "FROM":
            base, _, name = re.sub(r"--\S+\s+", "", rest).partition(" ")
            base = re.sub(r"\$\{?(\w+)\}?", lambda each: arguments.get(each[1], each[0]), base)
            stages.append(Stage(base, re.sub(r"(?i)^as\s+", "", name.strip()), []))
        elif stages:
            stages[-1].instructions.append((word, rest))
    expect(bool(stages), "no FROM: expected a Dockerfile")
    return stages
