"""A pipeline's job comes into a cluster by its own short token; the kubeconfig holds no secret."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from workbench.cluster.login import identity_token, main, write_context
from workbench.cluster.shell import ClusterError, kubectl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AUTHORITY = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n").decode()
CLUSTER = {"CLUSTER_SERVER": "https://cluster.example.com:6443", "CLUSTER_CA": AUTHORITY}


@pytest.fixture
def github() -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """What stands in for GitHub's token service: its address, and what it was asked with which authorisation."""
    asked: list[tuple[str, str | None]] = []

    class TokenService(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Authorization"]))
            self.send_response(200 if "audience=shop" in self.path else 403)
            self.end_headers()
            self.wfile.write(b'{"value": "the-token"}')

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), TokenService)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/token?api=1", asked
    server.shutdown()
    server.server_close()


def test_an_engine_that_gave_the_token_is_not_asked_again() -> None:
    assert (
        identity_token({"CLUSTER_ID_TOKEN": "given", "ACTIONS_ID_TOKEN_REQUEST_URL": "http://127.0.0.1:9"}) == "given"
    )


def test_github_makes_a_token_for_the_clusters_audience(github: tuple[str, list[tuple[str, str | None]]]) -> None:
    url, asked = github
    job = {"ACTIONS_ID_TOKEN_REQUEST_URL": url, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "proof"}
    assert identity_token(job | {"CLUSTER_AUDIENCE": "shop"}) == "the-token"
    assert asked == [("/token?api=1&audience=shop", "bearer proof")]
    with pytest.raises(ClusterError, match=r"^GitHub gave no identity token: .*403"):
        identity_token(job | {"CLUSTER_AUDIENCE": "other"})


def test_a_job_that_may_not_have_a_token_says_what_it_lacks() -> None:
    with pytest.raises(ClusterError, match=r"^CLUSTER_ID_TOKEN: not set; .* `id-token: write`$"):
        identity_token({})


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (
            {"CLUSTER_SERVER": "http://cluster"},
            "CLUSTER_SERVER http://cluster: expected the API server's address, https",
        ),
        (
            {"CLUSTER_CA": "not base64!"},
            "CLUSTER_CA: expected the PEM certificate of the cluster's authority in base64",
        ),
        ({"CLUSTER_CA": base64.b64encode(b"a key").decode()}, "CLUSTER_CA: expected the PEM certificate"),
    ],
)
def test_a_cluster_is_reached_over_tls_alone(given: dict[str, str], fault: str) -> None:
    with pytest.raises(ClusterError) as caught:
        write_context(CLUSTER | {"CLUSTER_ID_TOKEN": "t"} | given)
    assert str(caught.value).startswith(fault)


def test_kubectl_asks_for_the_token_which_the_kubeconfig_does_not_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".run" / "kubeconfig"
    for name, value in (CLUSTER | {"KUBECONFIG": str(file), "CLUSTER_ID_TOKEN": "the-token"}).items():
        monkeypatch.setenv(name, value)
    assert main([]) == 0
    assert "the-token" not in file.read_text()
    view = [kubectl(), "config", "view", "--raw", "--output=json"]
    config = json.loads(subprocess.run(view, check=True, capture_output=True).stdout)
    assert [each["name"] for each in config["contexts"]] == ["release"]
    assert config["clusters"][0]["cluster"] == {
        "server": CLUSTER["CLUSTER_SERVER"],
        "certificate-authority-data": AUTHORITY,
    }
    plugin = config["users"][0]["user"]["exec"]
    assert plugin["command"] == sys.executable
    answer = subprocess.run(
        [plugin["command"], *plugin["args"]], env=os.environ, check=True, capture_output=True
    ).stdout
    assert json.loads(answer) == {
        "apiVersion": plugin["apiVersion"],
        "kind": "ExecCredential",
        "status": {"token": "the-token"},
    }
