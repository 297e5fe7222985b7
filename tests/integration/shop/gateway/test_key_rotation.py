"""Keys change while a gateway runs: by its file, and by the way in which a cluster changes a Secret's volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shop.gateway.adapters.api_key_file import ApiKeyFile
from shop.gateway.domain.api_keys import ApiKeys, KeysError
from tests.patience import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.shop.gateway.conftest import GatewayProcess

PATH, BODY = "/v1/recommendations", {"user": 7, "k": 3}


def status(gateway: GatewayProcess, key: str) -> int:
    return gateway.client.post(PATH, json=BODY, headers={"x-api-key": key}).status_code


def test_a_key_is_rotated_without_a_restart(start_gateway: Callable[..., GatewayProcess], tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("web-2026:old\n")
    gateway = start_gateway(SHOP_API_KEYS_FILE=str(path), SHOP_CACHE="false")
    assert (status(gateway, "old"), status(gateway, "new")) == (200, 401)
    path.write_text("web-2026:old\nweb-2027:new\n")
    until(lambda: status(gateway, "new") == 200)
    assert status(gateway, "old") == 200, "both are valid until the old one is taken out"
    path.write_text("web-2027:new\n")
    until(lambda: status(gateway, "old") == 401)
    assert status(gateway, "new") == 200
    assert gateway.metric("serving_key_requests_total", key="web-2026") >= 2
    assert gateway.metric("serving_key_requests_total", key="web-2027") >= 2


def holders(keys: ApiKeys, *sent: str) -> list[str]:
    return [keys.holder([(b"x-api-key", key.encode())]) for key in sent]


def test_a_secrets_volume_is_followed(tmp_path: Path) -> None:
    """The kubelet writes a new folder and points a link to it, all files at once."""
    for name, text in (("1", "web:old"), ("2", "web:new")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "keys").write_text(text)
    data, path = tmp_path / "..data", tmp_path / "keys"
    data.symlink_to("1")
    path.symlink_to("..data/keys")
    keys = ApiKeys({})
    file = ApiKeyFile(path, keys)
    assert holders(keys, "old") == ["web"]
    (tmp_path / "..data_tmp").symlink_to("2")
    (tmp_path / "..data_tmp").rename(data)
    file.look()
    assert holders(keys, "new") == ["web"]


@pytest.mark.parametrize("text", ["", "\n\n", "web", "web:a,web:b", "web:\xe9", None])
def test_a_file_that_is_wrong_changes_nothing_and_is_named_once(
    tmp_path: Path, text: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    path, keys = tmp_path / "keys", ApiKeys({})
    path.write_text("web:k-rubber-duck")
    file = ApiKeyFile(path, keys)
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    for _ in range(3):
        file.look()
    assert holders(keys, "k-rubber-duck") == ["web"]
    (said,) = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
    assert said.startswith(f"SHOP_API_KEYS_FILE {path}")
    assert said.endswith("; the keys stay as they were")
    assert "rubber-duck" not in caplog.text
    path.write_text("app:l")
    file.look()
    assert holders(keys, "l") == ["app"]
    with pytest.raises(KeysError, match=f"^SHOP_API_KEYS_FILE {tmp_path}: Is a directory$"):
        ApiKeyFile(tmp_path, keys)
