from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from planner.day.fleet_design import FleetDesign, load_design, replicas_per_node
from planner.day.requirements import load_instances, load_requirements
from planner.prices import load_prices
from servekit.errors import InvalidValueError
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

NEEDS = load_requirements(ROOT / "interview/design/news-feed.toml")
INSTANCES = load_instances()
VALKEY = load_prices().valkey_node
RIGHT = """\
regions = 1
zones = 3
[servers]
instance = "c7i.2xlarge"
cores = 7
replicas = 3
[cache]
nodes = 3
gib = 20
copies = 1
[autoscaling]
metric = "cpu"
target = 0.5
max_replicas = 30
[canary]
steps = [1, 10]
"""


def loaded(folder: Path, text: str) -> FleetDesign:
    file = folder / "design.toml"
    file.write_text(text)
    return load_design(file, NEEDS, INSTANCES, VALKEY)


def test_a_design_is_read_and_what_it_does_not_say_has_a_default(tmp_path: Path) -> None:
    design = loaded(tmp_path, RIGHT)
    assert (design.servers.cores, design.cache.gib, design.canary.steps) == (7, 20, [1, 10])
    assert (design.batch.size, design.autoscaling.stabilisation_s, design.canary.minutes) == (1, 300, 10)


REFUSED = [
    ("replicas = 3", "replicas = 0", r"Expected `int` >= 1 - at `\$.servers.replicas`"),
    ("replicas = 3", "replicas = -5", "Expected `int` >= 1"),
    ("replicas = 3", "replicas = 1_000_000_000", "servers.replicas 1000000000: expected at most 200: the account's"),
    ("replicas = 3", f"replicas = 1{'0' * 30}", "at most 200|nteger"),
    ("replicas = 3", f"replicas = 1{'0' * 5000}", "expected TOML"),
    ("replicas = 3", "replicas = true", "Expected `int`, got `bool`"),
    ("max_replicas = 30", "max_replicas = 100_000", "autoscaling.max_replicas 100000: expected at most 200"),
    ("max_replicas = 30", "max_replicas = 2", "autoscaling.max_replicas 2: expected at least the 3 of servers"),
    ("target = 0.5", "target = 0", "Expected `float` >= 0.001"),
    ("target = 0.5", "target = nan", "autoscaling.target nan: expected a finite number"),
    ("target = 0.5", "target = 60", "autoscaling.target 60.0: expected at most 1: a share of the cores"),
    ("gib = 20", "gib = inf", "cache.gib inf: expected a finite number: nothing of this can be bought or built"),
    ("gib = 20", "gib = -1", "Expected `float` >= 0"),
    ("gib = 20", "gib = 30", r"cache.gib 30.0: expected at most 29.4: 3 nodes of 13.07 GiB, three quarters"),
    ("copies = 1", "copies = 2", "cache.gib 20.0: expected at most 14.7"),
    ("nodes = 3", "nodes = 1", "cache.gib 20.0: expected at most 9.8"),
    ("zones = 3", "zones = 4", "zones 4: expected at most 3: a region has no more"),
    ("regions = 1", "regions = 2", "regions 2: expected at most 1: the task names so many"),
    ("regions = 1", "regions = 1\nprice = -5", "price set: expected only regions, zones"),
    ("cores = 7", "cores = 8", "servers.cores 8: expected a replica that fits on c7i.2xlarge: 7.2 of its 8 cores"),
    ("cores = 7", "cores = 7\nper_hour = 0", "servers.per_hour set: expected only replicas, cores, instance"),
    ("replicas = 3", "replica = 3", "servers.replica set: .*did you mean replicas"),
    ("c7i.2xlarge", "free.tier", "servers.instance free.tier: expected one with a price: c7i.large"),
    ("c7i.2xlarge", "c7i.large", "6.8 GiB"),
    ("steps = [1, 10]", "steps = [10, 1]", r"canary.steps \[10.0, 1.0\]: expected shares that grow"),
    ("steps = [1, 10]", "steps = [0]", "Expected `float` > 0"),
    ("steps = [1, 10]", "steps = [100]", "Expected `float` < 100"),
    ("steps = [1, 10]", "steps = [1, 10]\nminutes = 1e300", "Expected `float` <= 1440"),
    ("[servers]", "[servers", "expected TOML"),
    ("zones = 3", "", "missing required field `zones`"),
]


@pytest.mark.parametrize(("right", "wrong", "reason"), REFUSED)
def test_a_design_that_is_free_or_infinite_or_none_is_refused_with_the_reason(
    tmp_path: Path, right: str, wrong: str, reason: str
) -> None:
    assert right in RIGHT
    with pytest.raises(InvalidValueError, match=reason):
        loaded(tmp_path, RIGHT.replace(right, wrong, 1))


def test_two_copies_on_one_cache_node_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"cache.copies 3: expected at most the 2 nodes"):
        loaded(tmp_path, RIGHT.replace("nodes = 3\ngib = 20\ncopies = 1", "nodes = 2\ngib = 1\ncopies = 3"))


def test_what_is_no_file_or_too_large_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="expected a file"):
        load_design(tmp_path, NEEDS, INSTANCES, VALKEY)
    with pytest.raises(InvalidValueError, match="expected at most 65536 bytes"):
        loaded(tmp_path, RIGHT + "#" * 70_000)
    with pytest.raises(InvalidValueError, match="expected TOML"):
        loaded(tmp_path, "a = " + "[" * 20_000)


def test_replicas_share_a_machine_as_cores_and_memory_allow(tmp_path: Path) -> None:
    design = loaded(tmp_path, RIGHT.replace("cores = 7", "cores = 1"))
    assert replicas_per_node(design, NEEDS, INSTANCES["c7i.2xlarge"]) == 2, "6.8 GiB each of 14.4"
    assert replicas_per_node(design, NEEDS, INSTANCES["r7i.2xlarge"]) == 7, "a core each of 7.2"


def test_requirements_whose_shares_are_not_one_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    text = (ROOT / "interview/design/news-feed.toml").read_text()
    file.write_text(text.replace("share = 1\nkeys", "share = 0.9\nkeys"))
    with pytest.raises(InvalidValueError, match=r"shares of models 0.9: expected a sum of 1"):
        load_requirements(file)
    with pytest.raises(InvalidValueError, match="No such file"):
        load_requirements(tmp_path / "absent.toml")
