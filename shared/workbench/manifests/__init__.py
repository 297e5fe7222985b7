"""Kubernetes manifests, built and validated offline as strictly as a server with field validation would.

``build`` renders a kustomize overlay with the environment's own kubectl, ``build_chart`` a Helm chart with Helm's own
engine, ``load`` reads YAML files. ``validate`` checks documents: Kubernetes' own kinds against the published schemas
of a version, custom resources against their CRD, unknown fields refused everywhere. ``check_policy`` adds what a schema
cannot say: security contexts, probes, resources, selectors that select something; with ``standard_workloads`` it sees
the pods that KServe will make, too.

Not covered offline: admission webhooks, CEL rules (``x-kubernetes-validations``) and defaults that other rules read.
"""

from __future__ import annotations

from workbench.manifests.crds import CRDS_REMEDY, CrdCatalogue, find_crds
from workbench.manifests.documents import Document, ManifestError, Problem, load
from workbench.manifests.helm import build_chart, chart_notes, lint_chart, render_chart
from workbench.manifests.kserve import standard_workloads
from workbench.manifests.kustomize import build, find_kubectl
from workbench.manifests.policy import check_policy
from workbench.manifests.validation import is_native, validate

__all__ = [
    "CRDS_REMEDY",
    "CrdCatalogue",
    "Document",
    "ManifestError",
    "Problem",
    "build",
    "build_chart",
    "chart_notes",
    "check_policy",
    "find_crds",
    "find_kubectl",
    "is_native",
    "lint_chart",
    "load",
    "render_chart",
    "standard_workloads",
    "validate",
]
