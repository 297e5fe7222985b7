"""Level 3's chart keeps an audit log of payments: where it lies, and whose key seals it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.shop_chart import VARIANTS, changed, gateway_environment, of_kind, variant


@pytest.mark.parametrize("name", VARIANTS)
def test_payments_are_audited_on_a_volume_that_outlives_the_pods(name: str) -> None:
    pod = of_kind(variant(name), "Deployment")["gateway"]["spec"]["template"]["spec"]
    (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "audit"]
    assert volume == {"name": "audit", "persistentVolumeClaim": {"claimName": "audit"}}
    claim = of_kind(variant(name), "PersistentVolumeClaim")["audit"]
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce" if name == "minikube" else "ReadWriteMany"]
    (mount,) = [mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == "audit"]
    assert gateway_environment(variant(name))["AUDIT_DIR"].startswith(f"{mount}/")


def test_the_audit_logs_key_comes_from_a_secret_and_another_secret_begins_another_log() -> None:
    def audit(secret: str) -> dict[str, Any]:
        documents = changed("defaults", gateway={"audit": {"keySecret": secret}})
        (container,) = of_kind(documents, "Deployment")["gateway"]["spec"]["template"]["spec"]["containers"]
        entries = [entry for entry in container["env"] if entry["name"].startswith("AUDIT_")]
        return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in entries}

    assert audit("") == {"AUDIT_DIR": "/audit/plain"}
    for secret in ("key-2026", "key-2027"):
        reference = {"secretKeyRef": {"name": secret, "key": "key"}}
        assert audit(secret) == {"AUDIT_DIR": f"/audit/{secret}", "AUDIT_KEY": reference}


def test_without_an_audit_log_nothing_is_claimed_for_one() -> None:
    documents = changed("cpu", gateway={"audit": {"enabled": False}})
    assert "audit" not in of_kind(documents, "PersistentVolumeClaim")
    pod = of_kind(documents, "Deployment")["gateway"]["spec"]["template"]["spec"]
    assert "audit" not in {volume["name"] for volume in pod["volumes"]}
    assert not [entry for entry in pod["containers"][0]["env"] if entry["name"].startswith("AUDIT_")]
