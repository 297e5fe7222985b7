from __future__ import annotations

from typing import TYPE_CHECKING

import kubernetes_validate
import pytest

from workbench.manifests import CrdCatalogue, ManifestError, find_crds, is_native, validate
from workbench.manifests.documents import parse
from workbench.manifests.validation import supported_versions

if TYPE_CHECKING:
    from pathlib import Path

CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: queues.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Queue, plural: queues, singular: queue, listKind: QueueList}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          required: [spec]
          properties:
            metadata: {type: object}
            spec:
              type: object
              properties:
                size: {type: integer, maximum: 9}
                mode: {type: string, enum: [fast, safe]}
                name: {type: string, pattern: "^[a-z]+$"}
                limit: {x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}]}
                workers:
                  type: array
                  x-kubernetes-list-type: map
                  x-kubernetes-list-map-keys: [name]
                  items: {type: object, properties: {name: {type: string}, port: {type: integer}}}
                tags: {type: array, x-kubernetes-list-type: set, items: {type: string}}
    - name: v1alpha1
      served: false
      storage: false
      schema: {openAPIV3Schema: {type: object}}
"""

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: web:1
          resources: {requests: {cpu: 500m, memory: 1.5Gi}}
          ports: [{containerPort: 80}]
"""


@pytest.fixture(scope="module")
def crds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crds")
    (folder / "several.yaml").write_text(f"# a licence\n---\nkind: Namespace\n---\n{CRD}")
    return folder


def problems(text: str, crds: Path, kubernetes: str = "1.36") -> list[str]:
    return [str(problem) for problem in validate(parse(text, "x.yaml"), kubernetes, crds)]


def queue(spec: str, version: str = "v1", metadata: str = "{name: jobs}") -> str:
    return f"apiVersion: example.com/{version}\nkind: Queue\nmetadata: {metadata}\nspec: {spec}\n"


@pytest.mark.parametrize("kubernetes", supported_versions())
def test_a_right_deployment_is_valid_for_every_version(crds: Path, kubernetes: str) -> None:
    assert problems(DEPLOYMENT, crds, kubernetes) == []


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        (
            "containerPort: 80",
            "containerport: 80",
            ".ports[0].containerport 80: unknown field; did you mean containerPort?",
        ),
        ("containerPort: 80", "hostPort: 80", ".ports[0] {'hostPort': 80}: lacks 'containerPort', which is required"),
        ("containerPort: 80", 'containerPort: "80"', ".ports[0].containerPort '80': expected integer"),
        ("image: web:1", "image: web:1\n          zzz: 1", "containers[0].zzz 1: unknown field"),
        ("image: web:1", "image:", "containers[0].image None: give a value or leave the field out"),
        ("500m", "500mm", ".requests.cpu '500mm': expected a quantity such as 500m, 1.5 or 256Mi"),
        ("1.5Gi", "512MB", ".requests.memory '512MB': expected a quantity such as 500m, 1.5 or 256Mi"),
        (
            "[{containerPort: 80}]",
            "[{containerPort: 80, protocol: TCP}, {containerPort: 80, protocol: TCP}]",
            ".ports[1] {'containerPort': 80, 'protocol': 'TCP'}: is given twice in this list",
        ),
        ("name: web}\nspec", "name: Web_1}\nspec", "$.metadata.name 'Web_1': expected a lower-case DNS name"),
        ("kind: Deployment", "kind: Deploymint", "$.kind 'Deploymint': apps/v1 has no such kind in Kubernetes 1.36"),
        ("apps/v1", "apps/v1beta9", "$.kind 'Deployment': apps/v1beta9 has no such kind in Kubernetes 1.36"),
        ("kind: Deployment", "", "$.kind None: every object needs one, a string"),
    ],
)
def test_a_mistake_in_a_deployment_is_named(crds: Path, right: str, wrong: str, message: str) -> None:
    assert right in DEPLOYMENT
    found = problems(DEPLOYMENT.replace(right, wrong, 1), crds)
    assert any(message in problem for problem in found)
    assert all(problem.startswith("x.yaml: ") for problem in found)


def test_every_mistake_is_reported_not_only_the_first(crds: Path) -> None:
    text = DEPLOYMENT.replace("name: web\n", "name: web\n          tty: maybe\n").replace("selector", "selectr")
    assert len(problems(text, crds)) == 3  # the wrong type, the unknown field, the one that is now missing


def test_an_api_that_a_version_no_longer_has_is_refused_there_alone(crds: Path) -> None:
    text = "apiVersion: flowcontrol.apiserver.k8s.io/v1beta3\nkind: FlowSchema\nmetadata: {name: a}\n"
    assert problems(text, crds, "1.31") == []
    assert "no such kind in Kubernetes 1.36" in problems(text, crds, "1.36")[0]


def test_kubernetes_validate_agrees_on_the_schema(crds: Path) -> None:
    wrong = DEPLOYMENT.replace("containerPort", "containerport")
    (document,) = parse(wrong, "x.yaml")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document.body, "1.36", strict=True)
    assert problems(wrong, crds)


def test_a_right_custom_resource_is_valid(crds: Path) -> None:
    spec = "{size: 3, mode: fast, limit: 50%, workers: [{name: a}, {name: b}], tags: [x, z]}"
    assert problems(queue(spec, metadata="{name: jobs, labels: {a: b}}"), crds) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (queue("{siez: 3}"), "x.yaml: Queue/jobs: $.spec.siez 3: unknown field; did you mean size?"),
        (queue("{size: many}"), "x.yaml: Queue/jobs: $.spec.size 'many': expected integer"),
        (queue("{size: 10}"), "x.yaml: Queue/jobs: $.spec.size 10: 10 is greater than the maximum of 9"),
        (queue("{size: null}"), "x.yaml: Queue/jobs: $.spec.size None: expected integer"),
        (queue("{mode: slow}"), "x.yaml: Queue/jobs: $.spec.mode 'slow': expected one of fast, safe"),
        (queue("{name: A1}"), "x.yaml: Queue/jobs: $.spec.name 'A1': expected a string like ^[a-z]+\\Z"),
        (queue("{limit: 1.5}"), "x.yaml: Queue/jobs: $.spec.limit 1.5: expected integer or expected string"),
        (
            queue("{workers: [{name: a}, {name: a, port: 1}]}"),
            (
                "x.yaml: Queue/jobs: $.spec.workers[1] {'name': 'a', 'port': 1}: "
                "is given twice in this list ({'name': 'a'})"
            ),
        ),
        (queue("{tags: [x, x]}"), "x.yaml: Queue/jobs: $.spec.tags[1] 'x': is given twice in this list ('x')"),
        (
            queue("{}", metadata="{name: jobs, lables: {a: b}}"),
            "x.yaml: Queue/jobs: $.metadata.lables {'a': 'b'}: unknown field; did you mean labels?",
        ),
        (queue("{}") + "sepc: 1\n", "x.yaml: Queue/jobs: $.sepc 1: unknown field; did you mean spec?"),
        (
            queue("{}", version="v1alpha1"),
            "x.yaml: Queue/jobs: $.apiVersion 'example.com/v1alpha1': Queue is served as example.com/v1",
        ),
    ],
)
def test_a_mistake_in_a_custom_resource_is_named(crds: Path, text: str, message: str) -> None:
    assert problems(text, crds) == [message]


def test_an_unknown_kind_is_an_error_that_names_it(crds: Path) -> None:
    text = "apiVersion: example.org/v1\nkind: Mystery\nmetadata: {name: a}\n"
    expected = f"example.org/v1 has no such kind in Kubernetes 1.36 nor a CRD in {crds}"
    assert problems(text, crds) == [f"x.yaml: Mystery/a: $.kind 'Mystery': {expected}"]


def test_without_schemas_a_custom_resource_fails_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.manifests.validation.find_crds", lambda: None)
    (found,) = validate(parse(queue("{}"), "x.yaml"))
    assert "no CRD schemas here: `make crds` fetches them" in str(found)
    assert not tmp_path.joinpath("crds").exists()


def test_a_custom_kind_does_not_pass_for_a_namesake_of_kubernetes() -> None:
    knative, plain = parse(
        "apiVersion: apps.example.com/v1\nkind: Deployment\n---\napiVersion: apps/v1\nkind: Deployment\n", "x.yaml"
    )
    assert is_native(plain)
    assert not is_native(knative)


def test_a_version_without_schemas_is_refused() -> None:
    with pytest.raises(ManifestError, match=r"Kubernetes 1\.9: no schemas for this version, expected one of 1\.25, "):
        validate([], "1.9")


def test_crd_dir_comes_first_then_the_cache_then_the_folder_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, beside, chosen = tmp_path / "cache", tmp_path / "beside", tmp_path / "chosen"
    monkeypatch.delenv("CRD_DIR", raising=False)
    assert find_crds(cache, beside) is None
    beside.mkdir()
    (beside / "a.yaml").write_text("")
    assert find_crds(cache, beside) == beside
    cache.mkdir()
    assert find_crds(cache, beside) == beside  # an empty cache holds nothing
    (cache / "a.yaml").write_text("")
    assert find_crds(cache, beside) == cache
    monkeypatch.setenv("CRD_DIR", str(chosen))
    with pytest.raises(ManifestError, match=f"CRD_DIR {chosen}: not a folder"):
        find_crds(cache, beside)
    chosen.mkdir()
    assert find_crds(cache, beside) == chosen


def test_a_definition_is_found_by_group_and_kind_not_by_a_mention(crds: Path) -> None:
    catalogue = CrdCatalogue(crds)
    found = catalogue.find("example.com", "Queue")
    assert found is not None
    assert found["metadata"]["name"] == "queues.example.com"
    assert catalogue.find("example.com", "QueueList") is None
