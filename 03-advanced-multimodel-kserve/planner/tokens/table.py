"""The assistant's plan, and the check of its calibration, in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from workbench.terminal import make_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console
    from rich.table import Table

    from planner.tokens.calibration import TokenCalibration
    from planner.tokens.replica import ReplicaLoad
    from planner.tokens.replicas import AssistantPlan

__all__ = ["GOAL", "print_calibration", "print_replicas"]

GOAL: Final = 0.15
"""How far a prediction may be from what was measured, as a share of it."""
_MIB: Final = 1 << 20


def print_replicas(console: Console, plan: AssistantPlan) -> None:
    """Prints the figures that a person decides by; the rest is in the JSON document."""
    ask, fleet = plan.ask, plan.fleet
    zones = f"{ask.zones} zones of which one may be lost" if ask.zones > 1 else "one zone"
    console.print(
        f"{ask.users:,.0f} users, {plan.rate_rps:.3g} requests/s; first token p99 {ask.promise.ttft_ms:g} ms, "
        f"{ask.promise.tpot_ms:g} ms a token; {zones}, {ask.headroom:.0%} headroom",
        style="bold",
        soft_wrap=True,
    )
    console.print(_fleet(console, plan))
    console.print(_loads(console, plan))
    console.print(_variants(console, plan))
    reason = {
        "compute": "four times the KV cache would not help: the core decides, not the memory",
        "memory": "with four times the KV cache a replica would hold more: memory decides, not the core",
    }[fleet.limited_by]
    console.print(reason, soft_wrap=True)
    for line in plan.assumptions:
        console.print(f"assumed: {line}", style="dim", soft_wrap=True)


def _fleet(console: Console, plan: AssistantPlan) -> Table:
    fleet = plan.fleet
    table = make_table(console, "the fleet", "", numbers=1)
    rows = {
        "replicas; in each zone": f"{fleet.replicas:,}; {fleet.per_zone:,}",
        "requests/s that one holds; no batch can exceed": f"{fleet.holds_rps:.2f}; {plan.most_rps:.2f}",
        "limited by": fleet.limited_by,
        "memory of one, MiB": f"{fleet.replica_bytes / _MIB:,.0f}",
        "  of these weights": f"{fleet.weights_bytes / _MIB:,.0f}",
        "  of these KV cache": f"{fleet.kv_bytes / _MIB:,.0f}",
        "longest requests that fit at once": f"{plan.most_sequences}",
        "cores; nodes, filled by": f"{fleet.cores:,}; {fleet.nodes:,}, {fleet.nodes_filled_by}",
        "dollars an hour": f"{fleet.per_hour:,.2f}",
        "dollars a million tokens of answers": f"{fleet.million_answered:,.2f}",
        "dollars a million tokens, prompts too": f"{fleet.million_all:,.2f}",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _loads(console: Console, plan: AssistantPlan) -> Table:
    loads = [plan.all_up, *([plan.zone_lost] if plan.ask.zones > 1 else [])]
    titles = ("all zones up", "a zone lost")[: len(loads)]
    table = make_table(console, "one replica, simulated", *titles, numbers=1)
    for name, of in _FIGURES.items():
        table.add_row(name, *(of(load) for load in loads))
    return table


_FIGURES: Final[dict[str, Callable[[ReplicaLoad], str]]] = {
    "requests/s": lambda load: f"{load.rate_rps:.2f}",
    "first token p50; p99, ms": lambda load: f"{load.ttft_p50_ms:,.0f}; {load.ttft_p99_ms:,.0f}",
    "a token p50; p99, ms": lambda load: f"{load.tpot_p50_ms:,.0f}; {load.tpot_p99_ms:,.0f}",
    "tokens of answers a second": lambda load: f"{load.tokens_per_s:,.0f}",
    "goodput": lambda load: f"{load.goodput:.1%}",
    "sequences at once": lambda load: f"{load.running:.1f}",
    "KV cache at its fullest": lambda load: f"{load.kv_peak:.0%}",
}


def _variants(console: Console, plan: AssistantPlan) -> Table:
    table = make_table(console, "another engine", "one holds, requests/s", "replicas", "KV cache, MiB", numbers=1)
    for each in plan.variants:
        replicas = f"{each.replicas:,}" if each.replicas else "none is enough"
        table.add_row(each.name, f"{each.holds_rps:.2f}", replicas, f"{each.kv_bytes / _MIB:,.0f}")
    return table


def print_calibration(console: Console, calibration: TokenCalibration) -> None:
    """Prints the measured steps beside the fitted ones, and what was held out beside its simulation."""
    steps = make_table(
        console, "at once", "prompt", "step of answers, ms", "fitted", "step of prompts, ms", "tokens/s", numbers=0
    )
    for each in calibration.points:
        prefill = f"{each.prefill_ms:.1f}" if each.prefill_ms else ""
        steps.add_row(
            f"{each.sequences}", f"{each.prompt}", f"{each.decode_ms:.1f}", f"{each.fitted_ms:.1f}", prefill,
            f"{each.tokens_per_s:.0f}",
        )  # fmt: skip
    console.print(steps)
    table = make_table(console, "held out", "measured", "simulated", "off by", numbers=1)
    for run in calibration.held_out:
        for figure in run.comparisons:
            error = f"{figure.simulated_error:+.1%}"
            table.add_row(
                f"{run.rate_rps:g} requests/s: {figure.figure}", f"{figure.measured:g}", f"{figure.simulated:g}", error
            )
    console.print(table)
    said, formula = calibration.kv_bytes_per_token, calibration.model.kv_bytes_per_token(calibration.kv)
    console.print(
        f"{calibration.engine}: the simulation's scheduler gave the same sequences a token in "
        f"{calibration.agreed:.1%} of the steps, through {calibration.preemptions} preemptions; a token takes "
        f"{said:,.0f} bytes of cache as the engine says, {formula:,.0f} by the formula",
        soft_wrap=True,
    )
    for run in calibration.held_out:
        if run.stolen:
            stolen = (
                f"{run.rate_rps:g} requests/s: other programs had the engine's core for {run.stolen:.1%} of its steps"
            )
            console.print(f"{stolen}; the simulation was told so", style="dim", soft_wrap=True)
