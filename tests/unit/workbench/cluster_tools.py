"""Stand-ins of the tools that ``workbench.cluster`` calls, on PATH; they write their arguments down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.versions import ROOT, Cluster

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("minikube", "kubectl", "docker", "cosign", "helm", "kind", "k3d", "k3s", "ctr")
CONTENT = "0123456789ab"
DIGEST = f"sha256:{'d1' * 32}"

LEVEL = Cluster(1, "iris", "1.36.4", ("1.35",))
OVERLAY = ROOT / "01-beginner-iris-api" / "deploy" / "overlays" / "minikube"
PIPELINE = Cluster(2, "recommender", "1.26.15", ("1.25",))
PIPELINE_OVERLAY = ROOT / "02-intermediate-seldon-pipeline" / "deploy" / "overlays" / "minikube"
SHOP = Cluster(3, "shop", "1.36.4", ("1.35",))
SHOP_VALUES = ROOT / "03-advanced-multimodel-kserve" / "deploy" / "shop-serving" / "values" / "minikube.yaml"
TAG = f"dev-{CONTENT}"

STAND_IN = """#!/bin/sh
called="$(basename "$0") $*"
case "$called" in
  "docker version "*) echo "20.10.24 20.10.24"; exit 0 ;;
  "docker buildx version") exit 1 ;;
esac
echo "$called" >> {folder}/log
case "$called" in
  *"$(cat {folder}/failing)"*) exit 3 ;;
esac
case "$called" in
  *" apply "*) cat > {folder}/applied.yaml ;;
  *" delete "*" -f -") cat > {folder}/deleted.yaml ;;
  *" import -") cat > {folder}/imported ;;
  "docker save "*) echo "an image" ;;
  "docker image inspect --format={{{{.Id}}}} "*) echo "sha256:{content}cdef" ;;
  "docker image inspect --format={{{{json .RepoDigests}}}} "*) echo '["x@sha256:1","host:5000/p/iris-api@{digest}"]' ;;
  *" current-context") cat {folder}/current ;;
  *" get job "*) cat {folder}/job ;;
  "helm template "*) cat {folder}/chart.yaml ;;
esac
"""


class Tools:
    """The stand-ins; each succeeds unless it is told to fail."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "failing").write_text("no command at all")
        (folder / "current").write_text("theirs\n")
        (folder / "job").write_text("")
        (folder / "chart.yaml").write_text("")
        for name in NAMES:
            (folder / name).write_text(STAND_IN.format(folder=folder, content=CONTENT, digest=DIGEST))
            (folder / name).chmod(0o755)

    def current(self, context: str) -> None:
        """What the kubeconfig calls its current context."""
        (self.folder / "current").write_text(f"{context}\n")

    def chart(self, text: str) -> None:
        """What every chart would install."""
        (self.folder / "chart.yaml").write_text(text)

    def job_failed(self) -> None:
        """A Job of the last deployment did."""
        (self.folder / "job").write_text("True")

    def fail(self, part_of_a_command: str) -> None:
        (self.folder / "failing").write_text(part_of_a_command)

    @property
    def calls(self) -> list[str]:
        log = self.folder / "log"
        return log.read_text().splitlines() if log.exists() else []

    def called(self, part: str) -> list[str]:
        return [call for call in self.calls if part in call]

    @property
    def applied(self) -> str:
        return (self.folder / "applied.yaml").read_text()
