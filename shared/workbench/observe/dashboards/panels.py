"""The vocabulary of the dashboards: a query, and the few kinds of panels that show one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grafana_foundation_sdk.builders import common, dashboard, heatmap, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models.common import (
    BigValueGraphMode,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

__all__ = ["Query", "board", "graph", "heat", "listing", "number"]

_SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
_HEIGHT, _FULL = 8, 24
_TAG = "model-serving"


class Query(NamedTuple):
    """A PromQL expression and how its series are named, e.g. ``{{model}} {{version}}``."""

    expr: str
    legend: str = ""


def graph(  # noqa: PLR0913 - each is one word in a dashboard's text
    title: str,
    meaning: str,
    unit: str,
    *queries: Query,
    width: int = 12,
    limit: float | None = None,
    stacked: bool = False,
) -> timeseries.Panel:
    """Series over time from 0 up; `limit` draws a red line. `unit` is Grafana's, `width` of 24 columns."""
    panel = timeseries.Panel().title(title).description(meaning).unit(unit).span(width).height(_HEIGHT).min(0)
    panel = panel.datasource(_SOURCE).line_width(1).fill_opacity(30 if stacked else 8)
    panel = panel.legend(
        common.VizLegendOptions()
        .display_mode(LegendDisplayMode.TABLE)
        .placement(LegendPlacement.BOTTOM)
        .show_legend(True)
        .calcs(["lastNotNull", "max"])
    ).tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    if limit is not None:
        panel = panel.thresholds(_limit(limit)).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.LINE)
        )
    for target in _targets(queries):
        panel = panel.with_target(target)
    return panel


def number(  # noqa: PLR0913 - as above
    title: str, meaning: str, unit: str, query: Query, *, width: int = 4, limit: float | None = None
) -> stat.Panel:
    """One large number with its recent course; red from `limit` on."""
    panel = stat.Panel().title(title).description(meaning).unit(unit).span(width).height(4).datasource(_SOURCE)
    panel = panel.graph_mode(BigValueGraphMode.AREA).no_value("none")
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    panel = panel.thresholds(_limit(limit, "green"))
    return panel.with_target(_targets([query])[0])


def heat(title: str, meaning: str, query: Query, *, width: int = 12) -> heatmap.Panel:
    """A histogram's buckets over time: how many requests took how long. The query sums ``_bucket`` rates by ``le``."""
    panel = heatmap.Panel().title(title).description(meaning).span(width).height(_HEIGHT).datasource(_SOURCE)
    panel = panel.color(heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Turbo").steps(64))
    panel = panel.y_axis(heatmap.YAxisConfig().unit("s")).cell_gap(1)
    return panel.with_target(_targets([query])[0].format(PromQueryFormat.HEATMAP))


def listing(title: str, meaning: str, query: Query, hidden: Iterable[str], *, width: int = 12) -> table.Panel:
    """The newest labels and values as a table, without the `hidden` columns."""
    panel = table.Panel().title(title).description(meaning).span(width).height(_HEIGHT).datasource(_SOURCE)
    columns = dict.fromkeys(["Time", "__name__", *hidden], True)
    panel = panel.with_transformation(DataTransformerConfig(id_val="organize", options={"excludeByName": columns}))
    return panel.with_target(_targets([query])[0].instant().format(PromQueryFormat.TABLE))


def board(
    uid: str, title: str, about: str, rows: Mapping[str, Iterable[Builder[Panel]]], *variables: tuple[str, str]
) -> Dashboard:
    """A dashboard of titled rows of panels.

    Args:
        uid: its stable address in Grafana.
        title: its name.
        about: its description.
        rows: panels by the row's title; they fill 24 columns from left to right.
        variables: name and query of each further choice at the top, e.g. ``("level", "label_values(up, level)")``.
    """
    built = dashboard.Dashboard(title).uid(uid).description(about).tags([_TAG]).timezone("browser").readonly()
    built = built.time("now-30m", "now").refresh("10s").tooltip(DashboardCursorSync.CROSSHAIR)
    built = built.link(
        dashboard.DashboardLink("model serving")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([_TAG])
        .as_dropdown(True)
        .keep_time(True)
    )
    built = built.with_variable(dashboard.DatasourceVariable("datasource").label("data source").type("prometheus"))
    for name, query in variables:
        built = built.with_variable(_choice(name, query))
    for name, panels in rows.items():
        built = built.with_row(dashboard.Row(name))
        for panel in panels:
            built = built.with_panel(panel)
    model = built.build()
    for identity, placed in enumerate(model.panels or [], start=1):
        placed.id_val = identity
    return model


def _choice(name: str, query: str) -> dashboard.QueryVariable:
    variable = dashboard.QueryVariable(name).query(query).datasource(_SOURCE).multi(True).include_all(True)
    variable = variable.all_value(".*").refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    return variable.sort(VariableSort.ALPHABETICAL_ASC)


def _targets(queries: Iterable[Query]) -> list[prometheus.Dataquery]:
    return [
        prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(chr(ord("A") + index))
        for index, query in enumerate(queries)
    ]


def _limit(value: float | None, below: str = "transparent") -> dashboard.ThresholdsConfig:
    steps = [Threshold(value=None, color=below)]
    if value is not None:
        steps.append(Threshold(value=value, color="red"))
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
