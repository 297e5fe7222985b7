"""MLflow's own store, through its client. This import costs two seconds: `workbench.registry.opening` does it."""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, RESOURCE_DOES_NOT_EXIST, ErrorCode

from workbench.registry.errors import RegistryError, UnknownVersionError
from workbench.registry.version import ModelVersion, RegisteredModel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Store"]

_PAGE = 100


class Store:
    """A registry of MLflow's, by its address.

    Raises:
        RegistryError: it does not answer, or its database cannot be opened.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        with self._asked():
            self._client = MlflowClient(uri, uri)

    def models(self) -> dict[str, RegisteredModel]:
        """Every registered model by name.

        Raises:
            RegistryError: the registry does not answer.
        """
        with self._asked():
            versions = defaultdict(list)
            for each in _all(self._client.search_model_versions):
                versions[each.name].append(_version(each))
            return {
                each.name: RegisteredModel.of(each.name, _aliases(each), versions[each.name])
                for each in _all(self._client.search_registered_models)
            }

    def add(self, model: str, source: str, tags: Mapping[str, str]) -> int:
        """Registers a version, and the model where it is new; returns the version's number.

        Raises:
            RegistryError: the registry does not answer, or refuses.
        """
        with self._asked():
            try:
                self._client.create_registered_model(model)
            except MlflowException as error:
                if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
                    raise
            return int(self._client.create_model_version(model, source, tags=dict(tags)).version)

    def tag(self, model: str, number: int, tags: Mapping[str, str]) -> None:
        """Sets tags of a version.

        Raises:
            RegistryError: the registry does not answer, or knows no such version.
        """
        with self._asked():
            for name, value in tags.items():
                self._client.set_model_version_tag(model, str(number), name, value)

    def point(self, model: str, alias: str, number: int) -> None:
        """Lets an alias point to a version.

        Raises:
            RegistryError: the registry does not answer, or knows no such version.
        """
        with self._asked():
            self._client.set_registered_model_alias(model, alias, str(number))

    def unpoint(self, model: str, alias: str) -> None:
        """Takes an alias away, where there is one.

        Raises:
            RegistryError: the registry does not answer.
        """
        with self._asked():
            self._client.delete_registered_model_alias(model, alias)

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """MLflow's errors as ours."""
        try:
            yield
        except MlflowException as error:
            kind = UnknownVersionError if error.error_code == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST) else RegistryError
            raise kind(f"registry {self._uri}: {_reason(error)}") from None
        except Exception as error:  # noqa: BLE001 - SQLAlchemy's and alembic's errors have no ancestor in common
            raise RegistryError(f"registry {self._uri}: {str(error).partition(chr(10))[0]}") from None


def _all(search: Any, **arguments: Any) -> Iterator[Any]:
    token = None
    while True:
        page = search(max_results=_PAGE, page_token=token, **arguments)
        yield from page
        token = page.token
        if not token:
            return


def _aliases(found: Any) -> dict[str, int]:
    return {alias: int(number) for alias, number in found.aliases.items()}


def _version(found: Any) -> ModelVersion:
    created = int(found.creation_timestamp)
    return ModelVersion(found.name, int(found.version), found.source or "", created, dict(found.tags))


def _reason(error: MlflowException) -> str:
    text = str(error.message)
    try:
        return str(json.loads(text)["message"])
    except (ValueError, TypeError, KeyError):
        return text.partition("\n")[0]
