"""What level 1 serves: the champion of ``iris``, or what ``IRIS_MODEL`` names; and how it follows a promotion.

The artefact is copied to ``.run/1/served/iris/1``, where training writes nothing. The running server takes what lies
there on a signal, between two requests (`iris_api.entrypoints.reload`).
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from iris_api.adapters.artefact import ArtefactError, artefact_in, read_artefact
from iris_api.settings import IrisSettings
from servekit.errors import NotReadyError
from servekit.http_ask import ask
from workbench.registry import ModelVersion, Place, RegistryError, put_in_place
from workbench.stack import StackError, send

if TYPE_CHECKING:
    from workbench.stack import Stack

__all__ = ["IrisLevel", "IrisReference", "place"]

_TAKES_WITHIN_S = 30.0
_POLL_S = 0.05


class IrisReference(BaseSettings):
    """Which model level 1 serves."""

    model_config = SettingsConfigDict(env_prefix="IRIS_")

    model: str = Field(
        "models:/iris@champion", description="A registered model, as models:/NAME@ALIAS or models:/NAME/VERSION."
    )


def place() -> Place:
    """Where training writes, and where the server reads what was resolved."""
    return Place(artefact_in(IrisSettings().model_dir), Path(".run/1/served/iris/1"), "IRIS_MODEL")


class IrisLevel:
    """Level 1, as a promotion knows it.

    Args:
        stack: its processes.
    """

    number = 1
    models: tuple[str, ...] = ("iris",)

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def serve(self, version: ModelVersion) -> str:
        """Puts a version that loads and predicts where the server reads it, and has a running server take it."""
        # only who promotes needs the runtime, not who starts or looks
        from iris_api.adapters.onnx_model import OnnxModel  # noqa: PLC0415
        from iris_api.service.predictor import Predictor  # noqa: PLC0415

        try:
            Predictor(OnnxModel(version.folder)).check_ready()
        except (ArtefactError, NotReadyError) as error:
            raise RegistryError(f"{version.title}: cannot be served: {error}") from None
        put_in_place(version, place())
        try:
            return self.follow()
        except (StackError, OSError) as error:
            raise RegistryError(f"level 1: {error}") from None

    def follow(self) -> str:
        """Has a running server take what lies in the served folder, unless it has it already.

        Raises:
            RegistryError: it does not, within half a minute; it goes on with the model that it has.
            StackError: supervisord does not answer.
        """
        if not self._stack.is_up:
            return "level 1 is not up; its next start serves it"
        served, folder = place().served, IrisSettings().model_dir
        if folder.resolve() != served.resolve():
            return f"level 1 goes on with {folder}, which it was started with"
        wanted = read_artefact(served)[1].sha256
        if self._loaded() == {wanted}:
            return "level 1 serves it"
        send(self._stack, self._stack.processes[0], "USR1")
        deadline = time.monotonic() + _TAKES_WITHIN_S
        while self._loaded() != {wanted}:
            if time.monotonic() > deadline:
                raise RegistryError(f"level 1: does not serve it after {_TAKES_WITHIN_S:g} s: make logs-1 says why")
            time.sleep(_POLL_S)
        return "level 1 serves it, without a restart"

    def _loaded(self) -> set[str]:
        """The artefacts that the server's processes have, by sha256."""
        text = ask(f"http://127.0.0.1:{IrisSettings().port}/metrics", 5).body.decode()
        return {
            sample.labels["sha256"]
            for family in text_string_to_metric_families(text)
            if family.name == "serving_model_info"
            for sample in family.samples
            if sample.value
        }
