from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import yaml

from workbench.manifests import Document, check_policy, validate
from workbench.manifests.documents import parse
from workbench.manifests.pods import pod_templates, selects

# One of everything, all of it right. Each test spoils one place.
RIGHT = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: web, namespace: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, tier: front}}
    spec:
      serviceAccountName: web
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true, runAsUser: 10001, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: web
          image: registry.example.com:5000/web:1.2
          ports: [{name: http, containerPort: 80}]
          securityContext:
            readOnlyRootFilesystem: true
            allowPrivilegeEscalation: false
            capabilities: {drop: [ALL]}
          resources:
            requests: {cpu: 100m, memory: 64Mi}
            limits: {cpu: "1", memory: 128Mi}
          startupProbe: {httpGet: {path: /readyz, port: http}}
          readinessProbe: {httpGet: {path: /readyz, port: http}}
          livenessProbe: {httpGet: {path: /healthz, port: 80}}
          lifecycle: {preStop: {sleep: {seconds: 5}}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  selector: {app: web}
  ports: [{name: http, port: 8080, targetPort: http}]
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  endpoints: [{port: http}]
---
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  podMetricsEndpoints: [{port: http}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{ports: [{port: http}]}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: shop}
spec:
  maxUnavailable: 1
  selector: {matchExpressions: [{key: tier, operator: In, values: [front]}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 3
"""
POD = ("Deployment", "spec", "template", "spec")
BOX = (*POD, "containers", 0)
GONE = object()


def documents() -> list[Document]:
    return parse(RIGHT, "x.yaml")


def spoil(path: tuple[str | int, ...], value: object) -> list[Document]:
    """The right documents with one value changed; the path starts with the document's kind."""
    spoiled = deepcopy(documents())
    place: Any = next(document.body for document in spoiled if document.kind == path[0])
    for step in path[1:-1]:
        place = place[step]
    if value is GONE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return spoiled


def test_the_right_documents_are_right() -> None:
    native = [document for document in documents() if "Monitor" not in document.kind]
    assert validate(native) == []
    assert check_policy(documents()) == []


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            (*POD, "serviceAccountName"),
            "default",
            "serviceAccountName 'default': expected a service account of its own",
        ),
        ((*POD, "automountServiceAccountToken"), GONE, "automountServiceAccountToken None: expected false"),
        ((*POD, "hostNetwork"), True, "hostNetwork True: a workload shares nothing with its node"),
        ((*POD, "hostPID"), True, "hostPID True: a workload shares nothing"),
        (
            (*POD, "volumes"),
            [{"name": "v", "hostPath": {"path": "/"}}],
            "volumes[0].hostPath {'path': '/'}: a workload",
        ),
        ((*POD, "securityContext", "runAsNonRoot"), GONE, "expected runAsNonRoot: true and no user 0"),
        ((*POD, "securityContext", "runAsUser"), 0, "expected runAsNonRoot: true and no user 0"),
        ((*BOX, "securityContext", "runAsNonRoot"), False, "expected runAsNonRoot: true and no user 0"),
        ((*POD, "securityContext", "seccompProfile"), GONE, "seccompProfile.type None: expected RuntimeDefault"),
        ((*BOX, "securityContext", "readOnlyRootFilesystem"), False, "readOnlyRootFilesystem False: expected True"),
        ((*BOX, "securityContext", "allowPrivilegeEscalation"), GONE, "allowPrivilegeEscalation None: expected False"),
        (
            (*BOX, "securityContext", "capabilities"),
            {"drop": ["ALL"], "add": ["SYS_ADMIN"]},
            "expected {'drop': ['ALL']}",
        ),
        ((*BOX, "securityContext", "privileged"), True, "privileged True: expected false"),
        ((*BOX, "image"), "web", "image 'web': expected a pinned tag or a digest"),
        ((*BOX, "image"), "web:latest", "image 'web:latest': expected a pinned tag"),
        ((*BOX, "image"), "registry.example.com:5000/web", "expected a pinned tag"),
        ((*BOX, "resources", "limits", "memory"), GONE, "resources.limits.memory None: every container says"),
        ((*BOX, "resources"), GONE, "resources.requests.cpu None: every container says"),
        ((*BOX, "startupProbe"), GONE, "startupProbe None: expected a probe"),
        ((*BOX, "readinessProbe"), GONE, "readinessProbe None: expected a probe"),
        ((*BOX, "livenessProbe", "httpGet", "port"), 81, "livenessProbe 81: expected one of the container's ports"),
        (
            (*BOX, "livenessProbe"),
            {"httpGet": {"path": "/readyz", "port": "http"}},
            "liveness must not ask what readiness",
        ),
        ((*POD, "terminationGracePeriodSeconds"), 5, "expected less than the grace period, 5 s: no time to drain"),
        (("Service", "spec", "selector", "app"), "wab", "$.spec.selector {'app': 'wab'}: selects no pod here"),
        (("Service", "metadata", "namespace"), "other", "$.spec.selector {'app': 'web'}: selects no pod here"),
        (
            ("Service", "spec", "ports", 0, "targetPort"),
            "grpc",
            "targetPort 'grpc': expected a port of web's containers",
        ),
        (("Service", "spec", "ports", 0, "targetPort"), GONE, "targetPort 8080: expected a port of web's containers"),
        (("Service", "metadata", "labels"), {}, "ServiceMonitor/web: $.spec.selector"),
        (
            ("ServiceMonitor", "spec", "endpoints", 0, "port"),
            "metrics",
            "expected a named port of the Service, one of http",
        ),
        (("PodMonitor", "spec", "podMetricsEndpoints", 0, "port"), "m", "expected a named port of the selected pods"),
        (
            ("NetworkPolicy", "spec", "ingress", 0, "ports", 0, "port"),
            8080,
            "expected a port the selected pods listen on",
        ),
        (("NetworkPolicy", "spec", "podSelector"), {"matchLabels": {"app": "x"}}, "selects no pod here"),
        (
            ("PodDisruptionBudget", "spec", "selector", "matchExpressions", 0, "operator"),
            "NotIn",
            "selects no pod here",
        ),
        (("PodDisruptionBudget", "spec", "maxUnavailable"), 0, "maxUnavailable 0: no node could ever be drained"),
        (("HorizontalPodAutoscaler", "spec", "scaleTargetRef", "name"), "wab", "no such object here"),
        (
            ("Deployment", "spec", "strategy"),
            {"rollingUpdate": {"maxSurge": 1}},
            "$.spec.strategy.type None: expected RollingUpdate: without it `kubectl apply` always says",
        ),
        (("Deployment", "spec", "replicas"), 3, "$.spec.replicas 3: leave it out: HorizontalPodAutoscaler web sets it"),
    ],
)
def test_a_breach_of_the_house_rules_is_named(path: tuple[str | int, ...], value: object, message: str) -> None:
    found = [str(problem) for problem in check_policy(spoil(path, value))]
    assert any(message in problem for problem in found), found


@pytest.mark.parametrize(
    ("predictor", "message"),
    [
        ("{componentSpecs: [{spec: {}}]}", "replicas None: expected a number: without it the operator rewrites"),
        ("{replicas: 1, componentSpecs: [{spec: {}}]}", None),
        ("{replicas: 2, componentSpecs: [{hpaSpec: {}}]}", "replicas 2: leave it out: the predictor's hpaSpec sets it"),
        ("{componentSpecs: [{hpaSpec: {}}]}", None),
    ],
)
def test_a_predictor_says_how_many_pods_it_has_where_no_autoscaler_does(predictor: str, message: str | None) -> None:
    text = f"{{kind: SeldonDeployment, metadata: {{name: r}}, spec: {{predictors: [{predictor}]}}}}"
    found = [str(problem).partition("$.spec.predictors[0].")[2] for problem in check_policy(parse(text, "x.yaml"))]
    assert [problem[: len(message or "")] for problem in found] == ([message] if message else [])


def test_a_digest_is_a_pinned_image() -> None:
    assert check_policy(spoil((*BOX, "image"), f"web@sha256:{'0' * 64}")) == []


def test_init_containers_keep_the_security_rules_but_need_no_probes() -> None:
    box = yaml.safe_load(RIGHT.split("---")[1])["spec"]["template"]["spec"]["containers"][0]
    quiet = {key: value for key, value in box.items() if "Probe" not in key}
    assert check_policy(spoil((*POD, "initContainers"), [quiet])) == []
    found = check_policy(spoil((*POD, "initContainers"), [quiet | {"image": "web"}]))
    assert [problem.path for problem in found] == ["$.spec.template.spec.initContainers[0].image"]


def test_a_service_without_a_selector_is_left_alone() -> None:
    assert check_policy(spoil(("Service", "spec", "selector"), GONE)) == []


def test_the_pod_of_a_cron_job_is_found_and_needs_no_probes() -> None:
    deployment = next(document for document in documents() if document.kind == "Deployment")
    job = {"spec": {"template": deployment.body["spec"]["template"]}}
    body = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "n"}, "spec": {"jobTemplate": job}}
    (pod,) = pod_templates([Document("x.yaml", body)])
    assert pod.path == "$.spec.jobTemplate.spec.template"
    assert pod.ports == {80, "http"}


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [("In", ["a"], True), ("NotIn", ["a"], False), ("Exists", [], True), ("DoesNotExist", [], False)],
)
def test_match_expressions_mean_what_kubernetes_means(operator: str, values: list[str], expected: bool) -> None:  # noqa: FBT001 (a parameter of the test)
    selector = {"matchExpressions": [{"key": "k", "operator": operator, "values": values}]}
    assert selects(selector, {"k": "a"}) is expected
