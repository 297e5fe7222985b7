"""The plan in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.terminal import make_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console
    from rich.table import Table

    from planner.fleet import FleetPlan
    from planner.plan import Plan
    from planner.rehearsal import RehearsalPhase
    from planner.store_sizing import Store

__all__ = ["print_plan"]


def print_plan(console: Console, plan: Plan) -> None:
    """Prints the figures that a person decides by; the rest is in the JSON document."""
    ask = plan.ask
    console.print(
        f"{ask.qps:,.0f} requests/s, p99 {ask.p99_ms:g} ms, {ask.zones} zones of which one may be lost, "
        f"{ask.headroom:.0%} headroom" if ask.zones > 1 else
        f"{ask.qps:,.0f} requests/s, p99 {ask.p99_ms:g} ms, one zone, {ask.headroom:.0%} headroom",
        style="bold",
    )  # fmt: skip
    console.print(_stations(console, plan.warm, plan.cold))
    console.print(_totals(console, plan))
    console.print(_rehearsals(console, plan))
    console.print(_regions(console, plan))
    for line in _sentences(plan):
        console.print(line, soft_wrap=True)
    for line in plan.assumptions:
        console.print(f"assumed: {line}", style="dim", soft_wrap=True)


def _stations(console: Console, warm: FleetPlan, cold: FleetPlan) -> Table:
    table = make_table(
        console, "pods, one core each", "pods", "per zone", "requests/s a pod", "busy", "a zone lost",
        "pods, cold cache", numbers=1,
    )  # fmt: skip
    colder = {station.name: station.pods for station in cold.stations}
    for station in warm.stations:
        table.add_row(
            f"{station.name} shards" if station.name in {"cache", "features"} else station.name,
            f"{station.pods:,}",
            f"{station.per_zone:,}",
            f"{station.goodput_rps:,.0f}",
            f"{station.busy:.0%}",
            f"{station.busy_zone_lost:.0%}",
            f"{colder.get(station.name, 0):,}",
        )
    return table


def _totals(console: Console, plan: Plan) -> Table:
    table = make_table(console, "in all", "cache warm", "cache cold", numbers=1)
    for name, of in _TOTALS.items():
        table.add_row(name, of(plan.warm), of(plan.cold))
    for name, cost in plan.warm.bill.per_hour.items():
        table.add_row(f"  of these {name}", f"{cost:,.2f}", f"{plan.cold.bill.per_hour.get(name, 0.0):,.2f}")
    return table


def _store(store: Store) -> str:
    return f"{store.keys:,} × {store.bytes_per_key:,.0f} B = {store.gib:g} GiB, {store.shards} × {1 + store.replicas}"


_TOTALS: dict[str, Callable[[FleetPlan], str]] = {
    "cores": lambda fleet: f"{fleet.cores:,}",
    "GPUs": lambda fleet: f"{fleet.gpus:,}",
    "memory of the pods, GiB": lambda fleet: f"{fleet.memory_gib:,.0f}",
    "nodes + GPU nodes": lambda fleet: f"{fleet.nodes} + {fleet.gpu_nodes}",
    "Valkey nodes": lambda fleet: f"{fleet.valkey_nodes}",
    "feature store, shards × copies": lambda fleet: _store(fleet.features),
    "cache, shards × copies": lambda fleet: _store(fleet.cache),
    "network at the edge, Gbit/s": lambda fleet: f"{fleet.traffic.edge_gbit:.3g}",
    "network inside, Gbit/s": lambda fleet: f"{fleet.traffic.internal_gbit:.3g}",
    "p99, ms; a zone lost": lambda fleet: f"{fleet.p99_ms:.3g}; {fleet.p99_zone_lost_ms:.3g}",
    "dollars a million requests": lambda fleet: f"{fleet.bill.per_million:.3f}",
    "dollars an hour": lambda fleet: f"{fleet.bill.total_per_hour:,.2f}",
}


def _rehearsals(console: Console, plan: Plan) -> Table:
    table = make_table(
        console, "rehearsed in the simulation", "requests", "p50 ms", "p99 ms", "closed form", "difference", "failed",
        "degraded", numbers=1,
    )  # fmt: skip
    for phase in (*plan.zone_rehearsal, *plan.region_rehearsal):
        table.add_row(*_phase(phase))
    return table


def _phase(phase: RehearsalPhase) -> tuple[str, ...]:
    closed = phase.closed_form_p99_ms
    return (
        phase.name,
        f"{phase.requests:,}",
        f"{phase.p50_ms:.3g}",
        f"{phase.p99_ms:.3g}",
        f"{closed:.3g}" if closed is not None else "",
        f"{phase.difference:+.0%}" if phase.difference is not None else "",
        f"{phase.failed:.3%}",
        f"{phase.degraded:.3%}",
    )


def _regions(console: Console, plan: Plan) -> Table:
    table = make_table(
        console, "regions", "requests/s each", "must hold", "cores in all", "$ an hour", "$ a million", "against one",
        numbers=1,
    )  # fmt: skip
    one = plan.regions[0].per_hour
    for region in plan.regions:
        table.add_row(
            f"{region.regions}, one may be lost" if region.regions > 1 else "1, none may be lost",
            f"{region.qps_each:,.0f}",
            f"{region.qps_held:,.0f}",
            f"{region.cores:,}",
            f"{region.per_hour:,.2f}",
            f"{region.per_million:.3f}",
            f"{region.per_hour / one:.2f}×",
        )
    return table


def _sentences(plan: Plan) -> list[str]:
    start, ask = plan.cold_start, plan.ask
    limit = {
        "headroom": f"the {ask.headroom:.0%} headroom, not p99, decides: pods may be {plan.warm.utilisation:.0%} busy",
        "p99": f"p99 decides: above {plan.warm.utilisation:.0%} busy it would be over {ask.p99_ms:g} ms",
    }[plan.warm.binds]
    cold = (
        f"an empty cache makes {start.busiest} {start.utilisation:.0%} busy: the warm fleet then holds "
        f"{start.holds_rps:,.0f} requests/s as planned and must shed the rest until it is warm"
        if start.holds_rps < ask.qps
        else f"the warm fleet also holds with an empty cache: {start.busiest} is then {start.utilisation:.0%} busy"
    )
    return [limit, cold]
