"""What level 3 serves: the champion of each model as its stable version; and how it follows a promotion.

The registry counts versions over all trainings. Triton knows a version by the number of its folder in
``.run/3/models/MODEL``. Both are the same as long as nothing is trained anew; after that, a registered version that no
folder holds any more gets a folder of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shop.canary.decision_log import DecisionLog
from shop.canary.edge import Edge
from shop.canary.edge_split import EdgeSplit
from shop.canary.errors import CanaryError
from shop.endpoints import MODELS
from shop.serving.control import Control, ControlError
from shop.serving.envoy.splits import Split, read_splits, write_splits
from shop.serving.repository import versions
from workbench.registry import ModelVersion, RegistryError, RegistrySettings, UnknownVersionError, read_models
from workbench.registry.artefact import checked_folder, digest, put
from workbench.registry.reference import find_version

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shop.addresses import Addresses

__all__ = ["ShopLevel", "ShopReference", "place", "registered_as", "resolve_models"]

_TRAIN, _SETTING = "make train-3", "SHOP_RUN_DIR"
_ALL = 100


class ShopReference(BaseSettings):
    """Which models level 3 serves."""

    model_config = SettingsConfigDict(env_prefix="SHOP_")

    models: str = Field(
        "models:/{model}@champion",
        description="Each model's stable version, by a reference with {model}; folders: as canary.json names it.",
    )


def resolve_models(addresses: Addresses, settings: RegistrySettings, say: Callable[[str], None]) -> None:
    """Makes what the registry says the stable versions of a level that is about to start.

    Without a registry that answers, or for a model that nothing is registered of, ``canary.json`` stays as it is: it
    names what was served last.

    Raises:
        RegistryError: a reference names what the registry does not know, or an artefact holds other bytes than were
            registered.
    """
    reference = ShopReference().models
    if settings.off or reference == "folders":
        return
    for model in MODELS:
        try:
            version = find_version(reference.format(model=model), settings)
        except UnknownVersionError:
            if model in read_models(settings):
                raise
            continue
        except RegistryError as error:
            say(f"{reference.format(model=model)}: {error}")
            say(f"{model}: serves the versions that {addresses.canary_state} named last")
            continue
        _make_stable(addresses, model, place(version, addresses.models_dir))


def place(version: ModelVersion, models_dir: Path) -> int:
    """The number of the folder that holds a registered version; where none does, it gets one.

    Raises:
        RegistryError: no folder holds it, and its registered artefact is not whole, or the disk is full.
    """
    own = models_dir / version.model
    taken = versions(own)
    for number in sorted(taken, key=lambda each: each != version.number):  # a release serves it by that number
        if digest(own / str(number)) == version.artefact_sha256:
            return number
    folder = checked_folder(version, _TRAIN, _SETTING)
    number = version.number if version.number not in taken else max(taken) + 1
    try:
        put(folder, own / str(number))
    except OSError as error:
        raise RegistryError(f"artefact {own / str(number)}: {error.strerror or error}: free some space") from None
    return number


class ShopLevel:
    """Level 3, as a promotion knows it.

    Args:
        addresses: where its processes listen, and its run folder.
        is_up: whether they run.
    """

    number = 3
    models = MODELS

    def __init__(self, addresses: Addresses, *, is_up: bool) -> None:
        self._addresses, self._is_up = addresses, is_up

    def serve(self, version: ModelVersion) -> str:
        """Makes the version stable: Triton loads it beside the others, then the edge sends everything there."""
        number = place(version, self._addresses.models_dir)
        if not self._is_up:
            _make_stable(self._addresses, version.model, number)
            return "level 3 is not up; its next start serves it"
        try:
            with DecisionLog(self._addresses.run_dir, version.model) as log:
                self._shift(version.model, number, log)
        except (CanaryError, ControlError) as error:
            raise RegistryError(f"level 3: {error}") from None
        return f"level 3 serves it as version {number}"

    def _shift(self, model: str, number: int, log: DecisionLog) -> None:
        traffic = EdgeSplit(self._addresses, Edge(self._addresses.envoy_admin_port), model)
        split, wanted = traffic.split, str(number)
        if split.stable == wanted:
            return
        if split.weight and split.candidate != wanted:
            raise CanaryError(
                f"candidate {split.candidate} of {model}: has {split.weight}%, expected 0: end its canary"
            )
        control = Control(self._addresses)
        ready = {(each.name, each.version) for each in control.states() if each.state == "READY"}
        if (model, wanted) not in ready:
            control.add(model, number)
        traffic.nominate(wanted)
        traffic.shift(_ALL)
        log.record_manual(wanted, split.weight, _ALL)
        traffic.promote()


def registered_as(addresses: Addresses, model: str, number: str) -> ModelVersion | None:
    """The registered version whose bytes the level serves by that number; None where nobody registered them.

    Raises:
        RegistryError: the registry does not answer.
    """
    models = read_models(RegistrySettings())
    sha256 = digest(addresses.models_dir / model / number)
    known = models[model].versions.values() if model in models else ()
    return next((each for each in known if each.artefact_sha256 == sha256), None)


def _make_stable(addresses: Addresses, model: str, number: int) -> None:
    splits = read_splits(addresses.canary_state)
    split, wanted = splits[model], str(number)
    if split.stable == wanted:
        return
    # what was stable stands by, as after a promotion of a level that is up
    write_splits(addresses.canary_state, {**splits, model: Split(wanted, split.stable, 0)})
