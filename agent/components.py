"""Components: everything a compiled graph works with. What differs between two agents is here and nowhere else."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pilotage.agent.blocks import Registry
from pilotage.agent.budget import Budget
from pilotage.agent.event_loop import OneProcess
from pilotage.agent.kit import Recall
from pilotage.agent.routing.observation import Observer
from pilotage.agent.state import Abilities

if TYPE_CHECKING:
    from pilotage.agent.experience.index import ExperienceIndex
    from pilotage.agent.experience.study import Study
    from pilotage.agent.learning.credit import Creditor
    from pilotage.agent.learning.learning import Learner
    from pilotage.agent.models.client import ModelClient
    from pilotage.agent.models.named import NamedModels
    from pilotage.agent.routing.confidence import AnswerConfidence
    from pilotage.agent.routing.policies import Navigator
    from pilotage.agent.sandbox import Sandbox
    from pilotage.navigator.policies.policy import Policy


@dataclass(frozen=True)
class Components:
    """What an agent is made of.

    Attributes:
        models: those that strategies may ask beside `model`, by name.
        sandbox: runs generated code; None masks the program block out.
        recall: asks memory; None for no memory.
        learner: writes to memory; None to leave it as it is.
        creditor: finds what came of the concepts recalled; None for no memory.
        experience: keeps what runs came to; None where memory is not written to.
        confidence: says how likely an answer is right; None where nothing can.
        study: whether a run is shown concepts that have not shown their worth; None: always.
        holdout: share of the tasks that run without hints, so that their worth is measured.
        decides_first: whether the first decision may let a message of a conversation go straight to its reply.
        seed: sampling seed, which also chooses the tasks held out.
        process: the only one where these components may be used.
    """

    model: ModelClient
    policy: Policy | Navigator
    registry: Registry
    observer: Observer
    budget: Budget = field(default_factory=Budget)
    models: NamedModels | None = None
    sandbox: Sandbox | None = None
    recall: Recall | None = None
    learner: Learner | None = None
    creditor: Creditor | None = None
    experience: ExperienceIndex | None = None
    confidence: AnswerConfidence | None = None
    study: Study | None = None
    holdout: float = 0.0
    decides_first: bool = True
    seed: int = 0
    process: OneProcess = field(default_factory=lambda: OneProcess("the agent"))

    @property
    def abilities(self) -> Abilities:
        """What a run can do besides asking the model."""
        return Abilities(sandbox=self.sandbox is not None, memory=self.recall is not None)

    @property
    def identity(self) -> str:
        """A hash of what decides a run: one that another agent began is none to go on with."""
        content = [
            self.model.identity,
            self.policy.name,
            self.observer.preset,
            self.registry.actions.schema_hash,
            self.budget.model_dump(mode="json"),
            [self.abilities.sandbox, self.abilities.memory, self.holdout, self.seed],
        ]
        if self.models is not None and (others := self.models.identities):
            content.append(others)
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
