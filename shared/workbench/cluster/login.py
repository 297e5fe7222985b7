"""``make cluster-login``: lets a job of a pipeline into a cluster as who it is, without a key that anybody could keep.

The cluster's API server trusts the engine's OpenID Connect issuer
(https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-authentication-configuration), so the
job's own short token is enough. kubectl asks this module for it before each call: on GitHub a new one each time, for
they last only minutes; elsewhere the one that the engine put into ``CLUSTER_ID_TOKEN``.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import httpx

from workbench.cluster.shell import ClusterError, kubectl, run
from workbench.terminal import say

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CONTEXT", "identity_token", "main", "write_context"]

CONTEXT = "release"
_ENOUGH_S = 30


def identity_token(environment: Mapping[str, str] = os.environ) -> str:
    """The token by which the engine says who this job is.

    Raises:
        ClusterError: there is none, or GitHub did not give one.
    """
    if given := environment.get("CLUSTER_ID_TOKEN"):
        return given
    asked = environment.get("ACTIONS_ID_TOKEN_REQUEST_URL")
    if not asked:
        raise ClusterError("CLUSTER_ID_TOKEN: not set; a job needs it, or on GitHub the permission `id-token: write`")
    headers = {"Authorization": f"bearer {environment.get('ACTIONS_ID_TOKEN_REQUEST_TOKEN', '')}"}
    try:
        url = httpx.URL(asked).copy_merge_params({"audience": environment.get("CLUSTER_AUDIENCE", "")})
        answer = httpx.get(url, headers=headers, timeout=_ENOUGH_S, follow_redirects=True).raise_for_status()
        return str(answer.json()["value"])
    except (httpx.HTTPError, httpx.InvalidURL, KeyError, ValueError) as error:
        raise ClusterError(f"GitHub gave no identity token: {error}") from None


def write_context(environment: Mapping[str, str] = os.environ) -> None:
    """Writes the context ``release`` into the kubeconfig: the cluster at ``CLUSTER_SERVER``.

    ``CLUSTER_CA`` is the PEM certificate of its authority, in base64.

    Raises:
        ClusterError: a variable is missing or is not what it has to be; the token is not there.
    """
    server, authority = environment.get("CLUSTER_SERVER", ""), environment.get("CLUSTER_CA", "")
    if not server.startswith("https://"):
        raise ClusterError(f"CLUSTER_SERVER {server}: expected the API server's address, https://…")
    if not _is_certificate(authority):
        raise ClusterError("CLUSTER_CA: expected the PEM certificate of the cluster's authority in base64")
    identity_token(environment)
    for name, value in (("server", server), ("certificate-authority-data", authority)):
        run([kubectl(), "config", "set", f"clusters.{CONTEXT}.{name}", value], quiet=True)
    credentials = ["--exec-api-version=client.authentication.k8s.io/v1", "--exec-interactive-mode=Never"]
    module = ["--exec-arg=-m", "--exec-arg=workbench.cluster.login", "--exec-arg=token"]
    command = f"--exec-command={sys.executable}"
    run([kubectl(), "config", "set-credentials", CONTEXT, *credentials, command, *module], quiet=True)
    run([kubectl(), "config", "set-context", CONTEXT, f"--cluster={CONTEXT}", f"--user={CONTEXT}"], quiet=True)
    say(f"kubeconfig: context {CONTEXT} is {server}, for as long as this job lasts")


def credential(token: str) -> dict[str, Any]:
    """What kubectl expects of a program that it asks for credentials."""
    return {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": token},
    }


def main(arguments: list[str]) -> int:
    """Writes the context, or with the word ``token`` prints the credential; 1 with the reason if it cannot."""
    try:
        if arguments == ["token"]:
            say(json.dumps(credential(identity_token())))
        else:
            write_context()
    except ClusterError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _is_certificate(text: str) -> bool:
    try:
        return b"-----BEGIN CERTIFICATE-----" in base64.b64decode(text, validate=True)
    except binascii.Error:
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
