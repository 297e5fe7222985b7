from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workbench.versions import cluster, crd_releases, load_versions

if TYPE_CHECKING:
    from pathlib import Path

TOML = """
[kubernetes.level-1]
version = "1.36.4"
profile = "iris"
also = ["1.35"]
licence = "Apache-2.0"

[crds.queue]
version = "2.0.1"
licence = "MIT"
url = "https://example.com/v{version}/queue-{version}.yaml"
groups = ["queue.example.com"]
kinds = ["Queue"]
"""


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    file = tmp_path / "versions.toml"
    file.write_text(TOML)
    return file


def test_a_levels_own_minor_version_comes_before_the_others_it_supports(versions: Path) -> None:
    level = cluster(1, versions)
    assert (level.profile, level.version, level.minors) == ("iris", "1.36.4", ("1.36", "1.35"))


def test_a_level_without_a_cluster_is_named(versions: Path) -> None:
    with pytest.raises(LookupError) as caught:
        cluster(9, versions)
    assert str(caught.value) == "level 9: versions.toml has no [kubernetes.level-9], only level-1"


def test_a_releases_url_carries_its_version(versions: Path) -> None:
    (release,) = crd_releases(versions)
    assert release.url == "https://example.com/v2.0.1/queue-2.0.1.yaml"
    assert release.sha256 is None


def test_every_pinned_thing_has_a_version_and_a_licence() -> None:
    def leaves(table: dict[str, object], name: str) -> list[tuple[str, dict[str, object]]]:
        nested = {key: value for key, value in table.items() if isinstance(value, dict)}
        if not nested:
            return [(name, table)]
        return [leaf for key, value in nested.items() for leaf in leaves(value, f"{name}.{key}")]

    lacking = [
        name
        for name, table in leaves(load_versions(), "")
        if "licence" not in table or not {"version", "reference"} & set(table)
    ]
    assert not lacking
