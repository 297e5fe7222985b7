"""SQL over a level's logs and spans, in memory: a query can neither touch a file nor the network."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.text import Text

from workbench.observe.errors import ObserveError
from workbench.observe.events import LOGS, SPANS, log_files, log_table, span_table
from workbench.observe.spans import trace_files
from workbench.terminal import make_table, printable

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb
    from rich.console import Console

__all__ = ["TABLES", "load", "run"]

TABLES = (
    f"  logs({', '.join(name for name in LOGS.names if name != 'raw')})\n"
    f"  spans({', '.join(SPANS.names)})\n"
    "  lines: as logs, with each line as it was written in the column raw"
)
"""What can be queried, for a message."""

_EXAMPLE = "SQL='select status, count(*) from logs group by all'"
_HELP = f"tables, all times in UTC:\n{TABLES}"
_SHOWN_ROWS = 200
_LOAD = (
    "create table lines as select * from incoming_lines order by ts nulls first",
    "create table spans as select * replace (attributes::json as attributes) from incoming_spans order by ts",
    "create view logs as select * exclude (raw) from lines",
)
_LOCK = (
    "set temp_directory = ''",
    "set python_enable_replacements = false",
    "set autoload_known_extensions = false",
    "set autoinstall_known_extensions = false",
    "set enable_external_access = false",
    "set lock_configuration = true",
)


def load(run_dir: Path) -> duckdb.DuckDBPyConnection:
    """A database in memory with what `TABLES` lists of the level in `run_dir`, locked against all else.

    Raises:
        ObserveError: the level has no logs yet.
    """
    files = log_files(run_dir)
    if not files:
        raise ObserveError(f"{run_dir / 'logs'}: no logs yet; `make up-{run_dir.name}` starts the level")
    import duckdb  # noqa: PLC0415 - for who queries

    connection = duckdb.connect(":memory:")
    connection.register("incoming_lines", log_table(files))
    connection.register("incoming_spans", span_table(trace_files(run_dir)))
    for statement in _LOAD:
        connection.execute(statement)
    connection.unregister("incoming_lines")
    connection.unregister("incoming_spans")
    for setting in _LOCK:
        connection.execute(setting)
    return connection


def run(connection: duckdb.DuckDBPyConnection, sql: str, console: Console) -> None:
    """Print the answer of a query (of the last one, where there are several), at most 200 rows of it.

    Raises:
        ObserveError: the query is empty or wrong, with the place where DuckDB can tell it.
    """
    import duckdb  # noqa: PLC0415 - for who queries

    try:
        if not connection.extract_statements(sql):
            raise ObserveError(f"no query; expected SQL, e.g. {_EXAMPLE}\n\n{_HELP}")
        cursor = connection.execute(sql)
        columns = cursor.description or []
        rows = cursor.fetchmany(_SHOWN_ROWS)
        more = bool(cursor.fetchone()) if rows else False
    except duckdb.Error as error:
        raise ObserveError(f"{error}\n\n{_HELP}") from None
    numbers = [place for place, (_, kind, *_rest) in enumerate(columns) if str(kind) in _NUMERIC]
    table = make_table(console, *(column[0] for column in columns), numbers=numbers)
    for row in rows:
        table.add_row(*(Text(printable(_show(value))) for value in row))
    console.print(table)
    if more:
        console.print(f"the first {_SHOWN_ROWS} rows; `limit`, `order by` or an aggregate shows what you look for")


_NUMERIC = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UBIGINT", "FLOAT", "DOUBLE"}


def _show(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, datetime):
        return value.isoformat(" ", "milliseconds")
    return str(value)
