"""``make crds`` against a real HTTP server that plays the upstream releases."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

import pytest

from workbench.manifests import validate
from workbench.manifests.documents import parse
from workbench.manifests.download import download
from workbench.versions import Release

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def definition(group: str, kind: str) -> str:
    return f"""apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: {kind.lower()}s.{group}}}
spec:
  group: {group}
  names: {{kind: {kind}}}
  versions:
    - {{name: v1, served: true, schema: {{openAPIV3Schema: {{type: object, properties: {{size: {{type: integer}}}}}}}}}}
"""


INSTALL = "---\n".join(
    [
        "# a licence text\n",
        definition("example.com", "Queue"),
        definition("other.example.com", "Thing"),
        "kind: Deployment\nmetadata: {name: controller}\n",
        definition("example.com", "Worker"),
    ]
)
SHA256 = hashlib.sha256(INSTALL.encode()).hexdigest()


class Upstream(BaseHTTPRequestHandler):
    seen: ClassVar[Counter[str]] = Counter()

    def do_GET(self) -> None:
        self.seen[self.path] += 1
        if self.path == "/moved":  # GitHub answers a release's download with a redirect to its storage
            self.send_response(302)
            self.send_header("Location", "/v1.0.0/install.yaml")
            self.end_headers()
            return
        known = self.path.endswith("/install.yaml")
        body = INSTALL.encode() if known else b"not found"
        self.send_response(200 if known else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def upstream() -> Iterator[str]:
    Upstream.seen.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def release(
    url: str, version: str = "1.0.0", kinds: tuple[str, ...] = ("Queue",), sha256: str | None = None
) -> Release:
    return Release("queue", version, f"{url}/v{version}/install.yaml", ("example.com",), kinds, sha256)


def fetch(folder: Path, *releases: Release) -> tuple[list[str], list[str]]:
    said: list[str] = []
    errors = download(releases, folder, said.append)
    return said, [str(error) for error in errors]


def test_the_definitions_of_the_wanted_groups_are_kept_and_used(upstream: str, tmp_path: Path) -> None:
    said, errors = fetch(tmp_path, release(upstream, sha256=SHA256))
    assert errors == []
    assert said == ["queue 1.0.0: 2 definitions, 0.0 MB"]
    kept = (tmp_path / "queue-1.0.0.yaml").read_text()
    assert "kind: Queue" in kept
    assert "Thing" not in kept
    assert "controller" not in kept
    wrong = parse("apiVersion: example.com/v1\nkind: Worker\nmetadata: {name: a}\nsize: big\n", "x.yaml")
    assert [problem.path for problem in validate(wrong, crd_dir=tmp_path)] == ["$.size"]


def test_a_cached_release_is_not_fetched_again(upstream: str, tmp_path: Path) -> None:
    fetch(tmp_path, release(upstream))
    assert fetch(tmp_path, release(upstream)) == (["queue 1.0.0: in the cache"], [])
    assert sum(Upstream.seen.values()) == 1


def test_another_version_replaces_the_cached_one_and_no_other_release(upstream: str, tmp_path: Path) -> None:
    (tmp_path / "queue-extras-1.0.0.yaml").write_text("")
    fetch(tmp_path, release(upstream))
    fetch(tmp_path, release(upstream, version="2.0.0"))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["queue-2.0.0.yaml", "queue-extras-1.0.0.yaml"]


def test_a_redirect_is_followed(upstream: str, tmp_path: Path) -> None:
    moved = Release("queue", "1.0.0", f"{upstream}/moved", ("example.com",), ("Queue",))
    assert fetch(tmp_path, moved)[1] == []


def test_a_file_that_is_not_the_pinned_one_is_refused(upstream: str, tmp_path: Path) -> None:
    _, (error,) = fetch(tmp_path, release(upstream, sha256="0" * 64))
    assert error == f"queue 1.0.0: {upstream}/v1.0.0/install.yaml: sha256 {SHA256}: expected {'0' * 64} (versions.toml)"
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_the_expected_kinds_is_refused(upstream: str, tmp_path: Path) -> None:
    _, (error,) = fetch(tmp_path, release(upstream, kinds=("Queue", "Topic", "Thing")))
    assert error.endswith("no definition of Thing, Topic in this file, expected one of each")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_version_says_where_to_look_and_the_others_still_come(upstream: str, tmp_path: Path) -> None:
    absent = Release("gone", "9.9.9", f"{upstream}/gone", ("example.com",), ("Queue",))
    said, errors = fetch(tmp_path, absent, release(upstream))
    assert errors == [f"gone 9.9.9: {upstream}/gone: HTTP 404; is the version in versions.toml right?"]
    assert said == ["queue 1.0.0: 2 definitions, 0.0 MB"]


def test_offline_the_command_fails_with_the_remedy_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    with socket.socket() as closed:  # bound, never listening: nobody else gets the port meanwhile
        closed.bind(("127.0.0.1", 0))
        result = crds_command(tmp_path, f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert result.returncode == 1
    assert "queue 1.0.0: http://127.0.0.1:" in result.stderr
    assert "is this machine online, and HTTPS_PROXY right? CRD_DIR can name a folder" in result.stderr
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_command_fills_the_cache_and_the_second_run_needs_no_network(upstream: str, tmp_path: Path) -> None:
    first = crds_command(tmp_path, upstream)
    assert (first.returncode, first.stdout) == (0, "queue 1.0.0: 2 definitions, 0.0 MB\n")
    second = crds_command(tmp_path, upstream)
    assert (second.returncode, second.stdout) == (0, "queue 1.0.0: in the cache\n")


def crds_command(folder: Path, url: str) -> subprocess.CompletedProcess[str]:
    versions = folder / "versions.toml"
    versions.write_text(
        f'[crds.queue]\nversion = "1.0.0"\nlicence = "MIT"\nurl = "{url}/v{{version}}/install.yaml"\n'
        'groups = ["example.com"]\nkinds = ["Queue"]\n'
    )
    options = ["--versions", str(versions), "--folder", str(folder / "cache")]
    command = [sys.executable, "-m", "workbench.manifests", "crds", *options]
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
