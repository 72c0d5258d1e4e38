"""Trees of steps with known probabilities, and a scorer of known scores for as long as a test lasts."""

import re

from pilotage.agent.models import ModelClient
from pilotage.agent.strategies.known.trees import CONTINUES, Known, best_leaf, drawn_from, full_tree, odds, said, tree
from pilotage.agent.strategies.scorers import SCORERS

__all__ = [
    "CONTINUES",
    "Known",
    "best_leaf",
    "client",
    "drawn_from",
    "full_tree",
    "known",
    "odds",
    "said",
    "texts",
    "tree",
]


def known(monkeypatch, scores, default=0.5):
    """Makes a scorer of known scores the one that `scorer="known"` names."""
    scorer = Known(scores, default)
    monkeypatch.setitem(SCORERS, "known", scorer)
    return scorer


def texts(call):
    """What a call asked for, by role."""
    return [(message.type, re.sub(r"\s+", " ", str(message.text)).strip()) for message in call.messages]


def client(model, **how):
    return ModelClient(model, **how)
