"""Runs of peers, over an environment whose Python runs the fake."""

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path

from pilotage.agent import ReasoningAgent
from pilotage.agent.batch.batch import solve_all
from pilotage.agent.budget import Budget
from pilotage.agent.models import ModelClient
from pilotage.agent.peers.block import Peers
from pilotage.agent.peers.ending import MARK
from pilotage.agent.peers.toolkit import Peer
from pilotage.agent.task import Task

FAKE = Path(__file__).with_name("fake_peer.py")
VOTE = "peer:its_hub/self-consistency;budget=5"


def fake_environments(folder):
    """A folder with an environment of its_hub whose Python runs the fake."""
    python = folder / "its_hub" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -I {FAKE} "$@"\n')
    python.chmod(0o755)
    return folder


def asked(*prompts, kind="text", gold="right"):
    return [Task(id=f"t{n}", prompt=f"{n}: {prompt}?", kind=kind, gold=gold) for n, prompt in enumerate(prompts)]


def solved(environments, tasks, model, method=VOTE, **budget):
    """Runs of a peer, one for each task."""
    client = model if isinstance(model, ModelClient) else ModelClient(model)
    peer, limits = Peer.parse(method), Budget(**{"max_tokens": 50_000} | budget)

    async def everything():
        async with Peers(environments) as peers:
            agent = ReasoningAgent(client, sandbox="none", budget=limits, **peers.of_agent(peer))
            outcome = await solve_all(agent, tasks)
            return {run.task_id: run for run in outcome.runs + outcome.unsolved}

    runs = asyncio.run(everything())
    assert not alive(), "nothing is left behind"
    return [runs[task.id] for task in tasks]


def alive():
    """Processes of any worker of ours."""
    found = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        with suppress(OSError):
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            if (
                f"{MARK}={os.getpid()}-".encode() in environment
                and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]
            ):
                found.append(pid)
    return found
