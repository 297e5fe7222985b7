"""The model registry: MLflow's, without its server, in ``.run/mlflow.db``; ``MLFLOW_TRACKING_URI`` names another.

Each training registers what it made::

    record([artefact_in(folder)], print)   # never fails a training
    register([artefact_in(folder)])        # RegistryError where it cannot

A version's number is counted by the registry. Its artefact is copied to ``.run/registry/MODEL/sha256-…``, so the next
training overwrites nothing that is registered. Two aliases say what a version is for: ``champion`` is served,
``challenger`` wants to be.

A level resolves what it serves before it starts, and a promotion moves ``champion`` and the level's traffic with it::

    folder = resolve("models:/iris@champion", place, RegistrySettings(), print)

Reading costs milliseconds (`read_models`); MLflow is imported by those alone who write.
"""

from __future__ import annotations

from workbench.registry.decisions import note
from workbench.registry.errors import RegistryError, UnknownVersionError
from workbench.registry.opening import find_model, read_models
from workbench.registry.packing import champion, pack
from workbench.registry.promoting import PREVIOUS, Move, promote, rollback
from workbench.registry.reference import Place, holds, put_in_place, resolve, wanted
from workbench.registry.registering import record, register
from workbench.registry.settings import RegistrySettings
from workbench.registry.version import CHALLENGER, CHAMPION, ModelVersion, RegisteredModel

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "PREVIOUS",
    "ModelVersion",
    "Move",
    "Place",
    "RegisteredModel",
    "RegistryError",
    "RegistrySettings",
    "UnknownVersionError",
    "champion",
    "find_model",
    "holds",
    "note",
    "pack",
    "promote",
    "put_in_place",
    "read_models",
    "record",
    "register",
    "resolve",
    "rollback",
    "wanted",
]
