"""What an organisation asks of a model before it serves people: a model card, and rules whose evidence is at hand.

``make model-card-N`` joins what people write beside the training code (``model_card.toml``) with what the registry
knows. ``make policy`` holds every level and model to the rules of ``infra/pipelines/policy.toml``. Neither trains,
starts or measures anything: both read what other commands left.
"""

from __future__ import annotations

from workbench.governance.card import model_card
from workbench.governance.evidence import Site
from workbench.governance.policy import judge
from workbench.governance.rulebook import Rulebook, read_rulebook
from workbench.governance.text import CardError, ModelText, texts_of
from workbench.governance.verdict import PolicyFinding

__all__ = [
    "CardError",
    "ModelText",
    "PolicyFinding",
    "Rulebook",
    "Site",
    "judge",
    "model_card",
    "read_rulebook",
    "texts_of",
]
