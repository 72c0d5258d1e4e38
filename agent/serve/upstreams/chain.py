"""Chain: a model client that asks an upstream, and where that fails those that stand in for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from pilotage.agent.errors import ModelError, UnsupportedParameter
from pilotage.agent.models.client import ModelClient, Repeats
from pilotage.agent.models.reply import Bill, Reply, Request, UnusableReply
from pilotage.agent.serve.upstreams.failing import why_failed
from pilotage.agent.serve.upstreams.link import Link, in_turn
from pilotage.agent.trace import Usage

Hear = Callable[[str], None]


class Chain(ModelClient):
    """Asks the links in order until one answers, as long as nothing of a reply has been passed on.

    The reply to a client's conversation is never begun by one upstream and gone on with by another. What a block writes
    before it is seen as progress at most: there, the next upstream may work it out anew, which is shown when it is
    done.

    Args:
        links: the upstream, and those that stand in for it.
    """

    def __init__(self, links: Sequence[Link]) -> None:
        first = links[0].client
        super().__init__(first.model, name=first.name, identity=first.identity, capabilities=first.capabilities)
        self._links = links
        self.alias = links[0].client.alias

    def load(self, *, quick: bool = False) -> None:
        """Loads the weights of the first, where it has any; another one's are loaded when it is asked."""
        self._links[0].client.load(quick=quick)

    async def ask(
        self,
        request: Request,
        on_token: Hear | None = None,
        repeats: Repeats = lambda billed, trouble: True,
        on_thought: Hear | None = None,
        bill: Bill | None = None,
    ) -> Reply:
        """The reply of the first that answers; `ModelClient.ask` has the arguments.

        Raises:
            PilotageError: of the last that failed; what one that stands in cannot take is no fault of the request.
        """
        bill, heard = bill or Bill(), _Heard()
        links = in_turn(self._links)
        link, told = next(links), None
        while True:
            before, own, is_set_up = bill.usage, Bill(), False
            try:
                # A provider's package takes a while to import.
                if not link.is_set_up:
                    await asyncio.to_thread(getattr, link, "client")
                client = link.client
                is_set_up = True
                reply = await client.ask(
                    request,
                    heard.watched(on_token),
                    _after(before, repeats),
                    heard.watched(on_thought),
                    own,
                )
            except (ModelError, UnsupportedParameter) as error:
                why, failure = why_failed(error) if is_set_up else "setup", error
                if isinstance(failure, ModelError):
                    failure.upstream = link.name
            else:
                link.circuit.answered()
                return reply.model_copy(update={"usage": before + reply.usage, "upstream": link.name})
            finally:
                bill.usage, bill.waiting = before + own.usage, own.waiting
                link.spent(own.usage)
            if why == "broken" and request.stop:
                why = ""  # an empty reply is what the request's own stop may come to
            if why:
                link.failed(why, str(failure))
            else:
                link.circuit.answered()
            begun = heard.anything and request.exact
            ends = begun or (told is None and not why) or not repeats(bill.usage, str(failure))
            told = failure if why or told is None else told
            following = None if ends else next(links, None)
            if following is None:
                if isinstance(told, UnusableReply):
                    told.usage = bill.usage
                raise told
            if heard.anything:  # of what a block writes; another's words would not go on from there
                on_token = on_thought = None
            link = following


def _after(before: Usage, repeats: Repeats) -> Repeats:
    """Whether there may be a further attempt, where those of other links have billed so much before."""
    return lambda billed, trouble: repeats(before + billed, trouble)


class _Heard:
    """Whether anything was passed on.

    Attributes:
        anything: of a reply or the thinking before it.
    """

    def __init__(self) -> None:
        self.anything = False

    def watched(self, listener: Hear | None) -> Hear | None:
        """A listener, whose hearing is remembered."""
        if listener is None:
            return None

        def hear(text: str) -> None:
            self.anything = self.anything or bool(text)
            listener(text)

        return hear
