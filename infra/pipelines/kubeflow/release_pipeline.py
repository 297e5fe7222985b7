"""Level 1's release as a pipeline of Kubeflow Pipelines: the steps of `release`, a task each.

Each task gets the folder of the release from the task before, does one step in a copy of it, and hands the copy on. So
the tasks share nothing but these folders and the registry, and Kubeflow keeps each step's as an artefact.

::

    .venvs/kubeflow/bin/python infra/pipelines/kubeflow/release_pipeline.py compile release.yaml
    .venvs/kubeflow/bin/python infra/pipelines/kubeflow/release_pipeline.py run FOLDER [OPTION…]     # here, no cluster

In a cluster the tasks run in RELEASE_IMAGE (``make image-release``, then push it). They share the registry that
MLFLOW_TRACKING_URI and REGISTRY_ARTEFACTS name as the pipeline is compiled: a server, and a volume that the cluster
mounts into the pods there. Here they run in subprocesses, with the Python that RELEASE_PYTHON names.
"""

import os
import sys
import tempfile
from pathlib import Path

from kfp import compiler, dsl, local
from kfp.dsl import Artifact, Input, Output

IMAGE = os.environ.get("RELEASE_IMAGE", "release:dev")
SHARED = ("MLFLOW_TRACKING_URI", "REGISTRY_ARTEFACTS")
# What a pod gets of SHARED. Here, tasks inherit it.
TOLD = {name: os.environ[name] for name in SHARED if os.environ.get(name)} if sys.argv[1:2] == ["compile"] else {}
STEPS = ("train", "evaluate", "gate", "package", "register", "canary", "promote")


# A lightweight component is its function's source alone: what it needs, it imports itself.
@dsl.component(base_image=IMAGE, install_kfp_package=False)
def begin(level: str, options: list, release: Output[Artifact]) -> None:
    """Begins a release with these options of `python -m release`."""
    import os
    import shutil
    import subprocess
    import sys

    python = os.environ.get("RELEASE_PYTHON", sys.executable)
    command = [python, "-m", "release", level, "--begin", *options]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    shutil.copytree(done.stdout.split()[-1], release.path)


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def step(level: str, name: str, before: Input[Artifact], release: Output[Artifact]) -> None:
    """Does one step; the task fails where the step does not pass, and no later one is begun."""
    import os
    import shutil
    import subprocess
    import sys

    python = os.environ.get("RELEASE_PYTHON", sys.executable)
    shutil.copytree(before.path, release.path)
    subprocess.run([python, "-m", "release", level, "--run", release.path, "--step", name], check=True)


def _told(task: dsl.PipelineTask) -> dsl.PipelineTask:
    for name, value in TOLD.items():
        task.set_env_variable(name, value)
    return task


@dsl.pipeline(name="release-iris", description="Level 1's model from training to traffic.")
def release_iris(options: list = []) -> None:  # noqa: B006 - read once, when the pipeline is compiled
    """The steps one after the other."""
    last = _told(begin(level="1", options=options))
    for name in STEPS:
        last = _told(step(level="1", name=name, before=last.outputs["release"]))
        last.set_display_name(name).set_caching_options(enable_caching=False)


def main(words: list) -> int:
    """Compiles the pipeline, or runs it here; returns the exit code."""
    verb, place, *options = words
    if verb == "compile":
        compiler.Compiler().compile(release_iris, place)
        return 0
    with tempfile.TemporaryDirectory() as links:
        # kfp 2.17 gives a shell the path of this Python unquoted: where that has a blank, it needs another one.
        environment = Path(links, "kubeflow")
        environment.symlink_to(sys.prefix)
        sys.executable = str(environment / "bin" / "python")
        # Anything but use_venv=False makes an environment, and calls pip, for each task.
        local.init(local.SubprocessRunner(use_venv=False), pipeline_root=place)
        try:
            release_iris(options=options)
        except RuntimeError as error:
            print(f"pipeline stopped: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
