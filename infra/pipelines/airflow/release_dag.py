"""Level 1's release as a DAG of Apache Airflow: the steps of `release`, a task each; every week, or for any day.

A step that could not do its work (exit code 2: the registry is away, the disk is full) is tried again. A verdict is
not: a model that the gate refused, or that the canary rolled back, fails its task at once, and nothing after it is
done. The audit log has an entry either way.

::

    airflow backfill create --dag-id release-iris --from-date 2026-10-01 --to-date 2026-11-01   # a release a week

The tasks call the Python that RELEASE_PYTHON names, in the folder RELEASE_ROOT: this repository's main environment.
RELEASE_LATEST_H is how many hours a release may take before `late` is called; with 0 nobody asks.
"""

import logging
import os
import subprocess
from datetime import timedelta

import pendulum
from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException

STEPS = ("train", "evaluate", "gate", "package", "register", "canary", "promote")
CANNOT = 2
LATEST = timedelta(hours=float(os.environ.get("RELEASE_LATEST_H", "1")))

log = logging.getLogger(__name__)


async def late(**_: object) -> None:
    """Says that a release has not ended in time: in the triggerer's log; put your own notifier here."""
    log.error("release-iris: not promoted within %s", LATEST)


# Airflow 3.3.2's dag.test() stops at a deadline when all tasks have ended; whoever calls it sets RELEASE_LATEST_H=0.
deadline = DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, LATEST, AsyncCallback(late)) if LATEST else None


def released(*words: str) -> str:
    """What `python -m release` says; its verdicts and its troubles as Airflow knows them."""
    command = [os.environ["RELEASE_PYTHON"], "-m", "release", "1", *words]
    done = subprocess.run(command, cwd=os.environ["RELEASE_ROOT"], capture_output=True, text=True, check=False)
    log.info("%s%s", done.stdout, done.stderr)
    if done.returncode == CANNOT:
        raise AirflowException(done.stderr.strip())
    if done.returncode:
        raise AirflowFailException(done.stdout.strip().splitlines()[-1])
    return done.stdout


@dag(
    dag_id="release-iris",
    schedule="@weekly",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5), "retry_exponential_backoff": True},
    params={"options": []},
    deadline=deadline,
    tags=["release"],
)
def release_iris() -> None:
    """Level 1's model from training to traffic."""

    @task
    def begin() -> str:
        context = get_current_context()
        day = context["logical_date"] or context["dag_run"].run_after
        return released("--begin", "--as-of", f"{day:%Y-%m-%d}", *context["params"]["options"]).split()[-1]

    @task
    def step(home: str, name: str) -> None:
        released("--run", home, "--step", name)

    home = begin()
    last = home
    for name in STEPS:
        done = step.override(task_id=name)(home, name)
        last >> done
        last = done


release_iris()
