"""Memory parts: what an agent makes of the memory that it is given. They are imported only where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pilotage.agent.experience.index import ExperienceIndex
    from pilotage.agent.experience.study import Study
    from pilotage.agent.kit import Recall
    from pilotage.agent.learning.credit import Creditor
    from pilotage.agent.learning.learning import Form, Learner
    from pilotage.agent.learning.recalling import Selection
    from pilotage.agent.routing.observation import Observer
    from pilotage.memory.store import ConceptStore


@dataclass(frozen=True)
class MemoryParts:
    """What works on a memory: all of it None without one, and but what recalls where it is somebody's own function.

    Attributes:
        store: the memory, where it is a store.
        recall: asks it.
        learner: writes to it; None where it is only read.
        creditor: finds what came of its concepts.
        index: what earlier runs came to, to route by.
        keeps: the same, where runs are kept in it.
        study: whether a second route, or a hint, pays; None where memory is only read.
    """

    store: ConceptStore | None = None
    recall: Recall | None = None
    learner: Learner | None = None
    creditor: Creditor | None = None
    index: ExperienceIndex | None = None
    keeps: ExperienceIndex | None = None
    study: Study | None = None

    @classmethod
    def of(
        cls,
        memory: ConceptStore | Recall | None,
        model: str,
        observer: Observer,
        *,
        learn: bool,
        selection: Selection,
        caption: bool,
        related: int,
        keep_unverified: bool,
        form: Form,
    ) -> Self:
        """Of a store, a function or nothing; `model` is a name for results, the rest as in `ReasoningAgent`."""
        if memory is None:
            return cls()
        from pilotage.agent.experience.index import index_of
        from pilotage.agent.experience.study import Study
        from pilotage.agent.learning.credit import Creditor
        from pilotage.agent.learning.learning import Learner
        from pilotage.agent.learning.own_memory import OwnMemory
        from pilotage.agent.learning.recalling import Recaller
        from pilotage.memory.store import ConceptStore

        if not isinstance(memory, ConceptStore):
            return cls(recall=OwnMemory(memory))
        index = index_of(memory, model, observer.registry.actions, observer.spec)
        keeps = index if learn else None
        return cls(
            store=memory,
            recall=Recaller(memory, selection=selection, caption=caption, related=related),
            learner=Learner(memory, model, keep_unverified=keep_unverified, form=form) if learn else None,
            creditor=Creditor(memory, record=learn),
            index=index,
            keeps=keeps,
            study=None if keeps is None else Study(keeps),
        )
