"""Images on their way to a release: what the scan lets through, how they are pushed, signed and found again.

Scripts that note what they are asked stand in for Docker, Grype and Cosign, which need a registry, a database of
vulnerabilities and Sigstore.
"""

from __future__ import annotations

import json
import os
import tomllib
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.workbench.fake_docker import FakeDocker, make_client
from workbench.images import programs, publish, scan
from workbench.images.__main__ import main
from workbench.images.exceptions import FILE, LONGEST, ExceptionsError, Exempt, read_exceptions
from workbench.images.programs import ProgramError, find_program, modules
from workbench.images.provenance import Job, job, provenance
from workbench.images.publish import PublishError, Released, fetch, verify, write_checksums
from workbench.images.scan import ScanError, Vulnerability, findings, judge

if TYPE_CHECKING:
    from pathlib import Path

TODAY = date(2026, 11, 29)
DIGEST = f"sha256:{'d1' * 32}"
THERE = {"REGISTRY": "host:5000/team/", "RELEASE": "v1.2.0"}
ENTRY = '[[exception]]\nid = "CVE-1"\npackage = "libc6"\nuntil = {until}\nreason = "Not reached."\n'


def matched(id_: str, severity: str, package: str, *fixed: str) -> dict[str, Any]:
    """A match as Grype writes it, without what the gate does not read."""
    fix = {"versions": list(fixed), "state": "fixed" if fixed else "wont-fix"}
    return {
        "vulnerability": {"id": id_, "severity": severity, "fix": fix},
        "artifact": {"name": package, "version": "2.36-9"},
    }


REPORT = json.dumps(
    {
        "matches": [
            matched("CVE-1", "High", "libc6", "2.36-10"),
            matched("CVE-1", "High", "libc6", "2.36-10"),
            matched("CVE-2", "Critical", "msgspec", "0.22.1"),
            matched("CVE-3", "Critical", "perl-base"),
            matched("CVE-4", "Medium", "tar", "1.35"),
        ]
    }
)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs, which is all that is found; Docker in it pushes and pulls."""
    folder = tmp_path / "bin"
    answers = {"version": "28.2.2 28.2.2", "image": f'["other/iris-api@sha256:1","host:5000/team/iris-api@{DIGEST}"]'}
    make_client(folder, answers, fails=())
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(programs, "FOLDER", tmp_path / "nothing")
    for name in ("DOCKER", *THERE, "SIGNER", "SIGNER_ISSUER", "GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL"):
        monkeypatch.delenv(name, raising=False)
    return folder


def program(folder: Path, name: str, script: str) -> Path:
    (folder / name).write_text(f'#!/bin/sh\necho "$*" >> {folder}/{name}.log\n{script}\n')
    (folder / name).chmod(0o755)
    return folder / f"{name}.log"


# --- exceptions that end ----------------------------------------------------------------------------------------------


def written(folder: Path, text: str) -> Path:
    file = folder / "vulnerabilities.toml"
    file.write_text(text)
    return file


def test_an_exception_holds_to_the_end_of_its_last_day(tmp_path: Path) -> None:
    file = written(tmp_path, ENTRY.format(until=TODAY))
    assert read_exceptions(TODAY, file) == [Exempt("CVE-1", "libc6", TODAY, "Not reached.")]
    with pytest.raises(ExceptionsError) as caught:
        read_exceptions(TODAY + timedelta(days=1), file)
    assert str(caught.value) == (
        "vulnerabilities.toml: exception CVE-1 in libc6: ended on 2026-11-29; update the package and delete the "
        "exception, or decide anew until when"
    )


def test_an_exception_does_not_last_longer_than_three_months(tmp_path: Path) -> None:
    last = TODAY + LONGEST
    assert read_exceptions(TODAY, written(tmp_path, ENTRY.format(until=last)))
    with pytest.raises(ExceptionsError, match=rf"until {last + timedelta(days=1)}, expected {last} at the latest$"):
        read_exceptions(TODAY, written(tmp_path, ENTRY.format(until=last + timedelta(days=1))))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (ENTRY.format(until='"2026-12-01"'), "exception 1: until: expected id, package, until (a date) and reason"),
        (ENTRY.format(until="2026-12-01T00:00:00"), "exception 1: until: expected"),
        (ENTRY.format(until="2026-12-01").replace("Not reached.", ""), "exception 1: reason: expected"),
        (ENTRY.format(until="2026-12-01") + 'who = "me"\n', "exception 1: who: expected"),
        ("[[exception]]", "exception 1: id, package, reason, until: expected"),
        ("[[exception", "not TOML: "),
    ],
)
def test_an_exception_that_is_not_whole_says_what_is_wrong(text: str, fault: str, tmp_path: Path) -> None:
    with pytest.raises(ExceptionsError) as caught:
        read_exceptions(TODAY, written(tmp_path, text))
    assert str(caught.value).startswith(f"vulnerabilities.toml: {fault}")


def test_the_exceptions_of_this_repository_are_whole() -> None:
    tables = tomllib.loads(FILE.read_text(encoding="utf-8")).get("exception", [])
    first_end = min((table["until"] for table in tables), default=TODAY)  # CI's own scan judges the ends
    assert len(read_exceptions(first_end, FILE)) == len(tables)


# --- the scan ---------------------------------------------------------------------------------------------------------


def test_what_is_severe_and_can_be_updated_does_not_pass() -> None:
    found = findings(REPORT)
    assert len(found) == 4
    verdict = judge(found, [])
    assert [each.id for each in verdict.to_update] == ["CVE-2", "CVE-1"]
    assert verdict.to_update[0] == Vulnerability("CVE-2", "Critical", "msgspec", "2.36-9", ("0.22.1",))
    assert [each.id for each in verdict.unfixed] == ["CVE-3"]


def test_an_exception_is_for_one_package() -> None:
    for package, refused in (("libc6", ["CVE-2"]), ("tar", ["CVE-2", "CVE-1"])):
        verdict = judge(findings(REPORT), [Exempt("CVE-1", package, TODAY, "Not reached.")])
        assert [each.id for each in verdict.to_update] == refused


def test_make_scan_prints_what_to_update_and_keeps_the_report(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scan.scan, "__defaults__", (tmp_path,))
    (tools / "report").write_text(REPORT)
    asked = program(tools, "grype", f"cat {tools}/report")
    assert main(["scan", "1"]) == 1
    assert asked.read_text() == "docker:iris-api:dev --output=json --quiet\n"
    assert capsys.readouterr().out == (
        "iris-api:dev: 2 to update, 0 accepted for now, 1 without a fix (high or critical)\n"
        "  update: CVE-2 Critical: msgspec 2.36-9, fixed in 0.22.1\n"
        "  update: CVE-1 High: libc6 2.36-9, fixed in 2.36-10\n"
    )
    assert (tmp_path / "iris-api.grype.json").read_text() == REPORT
    (tools / "report").write_text('{"matches": []}')
    assert main(["scan", "1"]) == 0


def test_a_scan_that_failed_is_not_one_that_found_nothing(tools: Path) -> None:
    program(tools, "grype", "echo 'db could not be loaded' >&2; exit 1")
    with pytest.raises(ScanError) as caught:
        scan.scan("iris-api:dev")
    assert str(caught.value) == "image iris-api:dev: grype: exit code 1: db could not be loaded"


@pytest.mark.usefixtures("tools")
def test_a_program_that_is_not_there_says_how_it_is_made() -> None:
    with pytest.raises(ProgramError) as caught:
        find_program("grype")
    assert str(caught.value) == ("grype: not there; `make release-tools` builds it (it needs Go), or put one on PATH")


def test_the_programs_are_built_in_pinned_versions() -> None:
    assert [each.partition("@")[0].rpartition("/")[2] for each in modules()] == ["grype", "cosign"]
    assert all(each.partition("@")[2].startswith("v") for each in modules())


# --- push and sign ----------------------------------------------------------------------------------------------------


@pytest.fixture
def bill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The image's bill of materials, where `make image-1` writes it."""
    monkeypatch.setattr(publish, "FOLDER", tmp_path)
    (tmp_path / "iris-api.cdx.json").write_text("{}")
    return tmp_path / "iris-api.cdx.json"


def engine(tools: Path) -> FakeDocker:
    return FakeDocker(tools / "docker", tools / "log")


def test_an_image_is_pushed_and_signed_by_its_digest_with_bill_and_provenance(tools: Path, bill: Path) -> None:
    asked = program(
        tools, "cosign", f'for a in "$@"; do case $a in --predicate=*) cat "${{a#*=}}" >> {tools}/said;; esac; done'
    )
    released = publish.publish(engine(tools).engine, "iris-api:dev", os.environ | THERE)
    assert released == Released("host:5000/team/iris-api", "v1.2.0", DIGEST)
    assert engine(tools).asked[:2] == [
        "tag iris-api:dev host:5000/team/iris-api:v1.2.0",
        "push host:5000/team/iris-api:v1.2.0",
    ]
    signed, attested, proven = asked.read_text().splitlines()
    assert signed == f"sign --yes host:5000/team/iris-api@{DIGEST}"
    assert attested == f"attest --yes --type=cyclonedx --predicate={bill} host:5000/team/iris-api@{DIGEST}"
    assert proven.startswith("attest --yes --type=slsaprovenance1 --predicate=")
    said = json.loads((tools / "said").read_text().removeprefix("{}"))
    assert said["buildDefinition"]["externalParameters"] == {"image": "iris-api", "release": "v1.2.0"}


def test_nothing_is_pushed_without_a_bill_of_materials_or_a_program_that_signs(tools: Path, bill: Path) -> None:
    with pytest.raises(ProgramError, match=r"^cosign: not there"):
        publish.publish(engine(tools).engine, "iris-api:dev", THERE)
    bill.unlink()
    with pytest.raises(PublishError, match=r"^image iris-api:dev: no bill of materials iris-api\.cdx\.json"):
        publish.publish(engine(tools).engine, "iris-api:dev", THERE)
    assert engine(tools).asked == []


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({}, "a release: expected REGISTRY=host/path and RELEASE=tag, for example RELEASE=v1.2.0"),
        ({"REGISTRY": "host"}, "a release: expected REGISTRY=host/path and RELEASE=tag, for example RELEASE=v1.2.0"),
        ({"REGISTRY": "host", "RELEASE": "a b"}, "RELEASE a b: expected a tag: "),
        ({"REGISTRY": "host", "RELEASE": "-x"}, "RELEASE -x: expected a tag: "),
    ],
)
def test_a_release_has_a_registry_and_a_tag(given: dict[str, str], fault: str) -> None:
    with pytest.raises(PublishError) as caught:
        publish.repository("iris-api", given)
    assert str(caught.value).startswith(fault)


def test_digests_are_written_as_sha256sum_writes_them(tmp_path: Path) -> None:
    file = write_checksums(1, [Released("host/a", "v1", DIGEST), Released("host/b", "v1", DIGEST)], tmp_path)
    assert file.name == "published-1.sha256"
    assert file.read_text() == f"{'d1' * 32}  host/a\n{'d1' * 32}  host/b\n"


# --- find a release again ---------------------------------------------------------------------------------------------


def test_a_release_is_pulled_and_checked_for_whose_signature_it_has(tools: Path) -> None:
    asked = program(tools, "cosign", "exit 0")
    released = fetch(engine(tools).engine, "iris-api", THERE)
    assert engine(tools).asked[0] == "pull --quiet host:5000/team/iris-api:v1.2.0"
    verify(released, {"SIGNER": "https://ci/release|https://ci/fix", "SIGNER_ISSUER": "https://issuer"})
    assert asked.read_text() == (
        "verify --certificate-identity-regexp=^(?:https://ci/release|https://ci/fix)$ "
        f"--certificate-oidc-issuer=https://issuer --output=json host:5000/team/iris-api@{DIGEST}\n"
    )


def test_a_release_that_somebody_else_signed_is_refused(tools: Path) -> None:
    program(tools, "cosign", "echo 'no matching signatures' >&2; exit 10")
    released = Released("host/iris-api", "v1", DIGEST)
    with pytest.raises(PublishError) as caught:
        verify(released, {"SIGNER": "a", "SIGNER_ISSUER": "b"})
    assert str(caught.value) == f"image host/iris-api@{DIGEST}: cosign verify: exit code 10: no matching signatures"
    for given in ({}, {"SIGNER": "a"}, {"SIGNER_ISSUER": "b"}):
        with pytest.raises(PublishError, match="expected SIGNER and SIGNER_ISSUER"):
            verify(released, given)


# --- where it comes from ----------------------------------------------------------------------------------------------

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.example.com",
    "GITHUB_REPOSITORY": "team/serving",
    "GITHUB_WORKFLOW_REF": "team/serving/.github/workflows/release.yaml@refs/tags/v1.2.0",
    "GITHUB_RUN_ID": "7",
}
GITLAB = {
    "GITLAB_CI": "true",
    "CI_PROJECT_URL": "https://gitlab.example.com/p",
    "CI_JOB_URL": "https://gitlab.example.com/j",
}
JENKINS = {"JENKINS_URL": "https://ci", "JOB_URL": "https://ci/job/a", "BUILD_URL": "https://ci/job/a/3"}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (
            GITHUB,
            Job(
                "https://github.example.com/team/serving/.github/workflows/release.yaml@refs/tags/v1.2.0",
                "https://github.example.com/team/serving/actions/runs/7",
            ),
        ),
        (GITLAB, Job("https://gitlab.example.com/p//.gitlab-ci.yml", "https://gitlab.example.com/j")),
        (JENKINS, Job("https://ci/job/a", "https://ci/job/a/3")),
        ({}, Job("a person's machine", "none")),
    ],
)
def test_provenance_names_the_job_that_builds(environment: dict[str, str], expected: Job) -> None:
    assert job(environment) == expected


def test_provenance_names_the_commit_and_the_base_by_their_digests() -> None:
    predicate = provenance("iris-api", "v1.2.0", GITHUB)
    source, base = predicate["buildDefinition"]["resolvedDependencies"]
    assert set(source["digest"]) == {"gitCommit"}
    assert base["uri"].startswith("pkg:docker/python@3.")
    assert len(base["digest"]["sha256"]) == 64
    assert predicate["runDetails"]["metadata"]["invocationId"].endswith("/runs/7")
