"""``python -m shop.serving.control``: models and versions loaded and unloaded on the running Triton.

::

    python -m shop.serving.control list
    python -m shop.serving.control add ranking 2       # from the artefacts, while version 1 goes on answering
    python -m shop.serving.control remove ranking 2
    python -m shop.serving.control load ranking        # as the repository has it
    python -m shop.serving.control unload ranking

Commands go over gRPC: over HTTP, a load holds up one of the few threads that read and write all other requests. Triton
makes the new version ready first and takes the old one away when its last request is answered. Only who can read the
secret of this start (`shop.serving.control_key`) can do any of this.
"""

from __future__ import annotations

import argparse
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc
import msgspec

from servekit.http_ask import ask
from servekit.loopback import DIRECT
from shop.addresses import Addresses
from shop.artefact import ArtefactError
from shop.serving import model_repository_pb2 as pb
from shop.serving.control_key import GRPC_HEADER, HEADER, read_key
from shop.serving.repository import add_version, remove_version, versions
from workbench.arguments import count
from workbench.terminal import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.message import Message

__all__ = ["Control", "ControlError", "ModelState", "main"]

_SERVICE = "/inference.GRPCInferenceService"
_LOAD_TIMEOUT_S = 60.0


class ControlError(Exception):
    """Triton or the repository refused a command; the text says why."""


class ModelState(msgspec.Struct, frozen=True):
    """A version of a model as Triton lists it; ``state`` is READY, LOADING, UNLOADING, UNAVAILABLE or empty."""

    name: str
    version: str = ""
    state: str = ""
    reason: str = ""


class Control:
    """Loads and unloads models on one running Triton, over gRPC."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._repository = addresses.run_dir / "triton" / "repository"

    def states(self) -> list[ModelState]:
        """Every version of every model in the repository.

        Raises:
            ControlError: Triton does not answer.
        """
        port = self._addresses.triton_http_port
        url = f"http://127.0.0.1:{port}/v2/repository/index"
        try:
            answer = ask(url, 30, method="POST", headers=[(HEADER, self._key())])
        except OSError as error:
            raise ControlError(f"Triton on port {port}: {error}: run make up-3") from None
        if answer.status != HTTPStatus.OK:
            raise ControlError(f"Triton on port {port}: {answer.body.decode(errors='replace')}")
        return msgspec.json.decode(answer.body, type=list[ModelState])

    def load(self, model: str) -> None:
        """Loads the model as the repository has it; returns when all its versions are ready.

        Raises:
            ControlError: Triton does not answer, or cannot load it; what was served before still is.
        """
        self._call("RepositoryModelLoad", model, pb.RepositoryModelLoadRequest(model_name=model))

    def unload(self, model: str) -> None:
        """Stops serving the model; requests that it has begun are answered.

        Raises:
            ControlError: Triton does not answer, or has no such model.
        """
        self._call("RepositoryModelUnload", model, pb.RepositoryModelUnloadRequest(model_name=model))

    def add(self, model: str, version: int) -> None:
        """Takes a version from the artefacts into the repository and serves it beside the others.

        Raises:
            ControlError: the artefact is damaged, or Triton cannot load it; then it is taken out again.
        """
        source = self._addresses.models_dir / model
        new = version not in versions(self._repository / model)
        try:
            add_version(source, version, self._repository)
            self.load(model)
        except ArtefactError as error:
            raise ControlError(str(error)) from None
        except ControlError:
            if new:
                remove_version(model, version, self._repository)
                self.load(model)
            raise

    def remove(self, model: str, version: int) -> None:
        """Takes a version out of the repository and stops serving it; requests that it has begun are answered.

        Raises:
            ControlError: there is no such version, or it is the last one.
        """
        try:
            remove_version(model, version, self._repository)
        except ArtefactError as error:
            raise ControlError(str(error)) from None
        self.load(model)

    def _key(self) -> str:
        """The control key, read each time because a restarted Triton has another.

        Raises:
            ControlError: there is none.
        """
        try:
            return read_key(self._addresses)
        except OSError as error:
            raise ControlError(f"Triton's control key: {error}: run make up-3") from None

    def _call(self, method: str, model: str, request: Message) -> None:
        with grpc.insecure_channel(f"127.0.0.1:{self._addresses.triton_grpc_port}", DIRECT) as channel:
            call: Any = channel.unary_unary(f"{_SERVICE}/{method}", type(request).SerializeToString)
            try:
                call(request, timeout=_LOAD_TIMEOUT_S, metadata=[(GRPC_HEADER, self._key())])
            except grpc.RpcError as error:
                failed: Any = error  # a call, too, which the types do not say
                raise ControlError(f"{method} {model}: {failed.details()}") from None


class _Verb(NamedTuple):
    words: tuple[str, ...]
    help: str


_VERBS = {
    "list": _Verb((), "every version and its state"),
    "load": _Verb(("model",), "serve a model as the repository has it"),
    "unload": _Verb(("model",), "stop serving a model"),
    "add": _Verb(("model", "version"), "serve one more version, from the artefacts"),
    "remove": _Verb(("model", "version"), "stop serving a version"),
}


def main(argv: Sequence[str] | None = None, addresses: Addresses | None = None) -> int:
    """Does what the command line says and lists what is served then; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m shop.serving.control", description="What the running Triton serves."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name, verb in _VERBS.items():
        words = verbs.add_parser(name, help=verb.help)
        for word in verb.words:
            words.add_argument(word, type=count if word == "version" else str)
    options = vars(parser.parse_args(argv))
    control = Control(addresses or Addresses())
    try:
        if (verb_name := options.pop("verb")) != "list":
            getattr(control, verb_name)(**options)
        for state in control.states():
            say(f"{state.name:<18}{state.version:>4}  {state.state.lower()}  {state.reason}".rstrip())
    except ControlError as problem:
        sys.stderr.write(f"error: {problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
