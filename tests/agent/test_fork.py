"""What was in use before a fork says so in the child at once; it neither hangs nor harms the parent's."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FORK = """
import asyncio, os, signal, sys
from pathlib import Path

def in_a_child(use):
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)  # a hang ends by SIGALRM, which is no zero
        try:
            print("in the child:", use(), flush=True)
        except Exception as error:
            print("in the child:", type(error).__name__, error, flush=True)
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    assert status == 0, f"the child ended with {status}"

folder = Path(sys.argv[1])
"""

AGENT = """
from pilotage.agent import ReasoningAgent, ScriptedChatModel
from pilotage.agent.models import ModelClient
model = ScriptedChatModel(lambda _: "Answer: 42")
def fresh():
    return ReasoningAgent(ModelClient(model), policy="fixed:reason,answer", sandbox="none", checkpoints=folder / "c.db")
agent = fresh()
"""

STORE = """
from pilotage.memory import AsyncConceptStore, ConceptDraft, ConceptStore
store = ConceptStore.open(folder, embedder="hash")
store.add(ConceptDraft(title="Profit of a sale", cues=("prices are given",)))
assert store.search("profit")
"""


def forked(tmp_path, *parts):
    code = "\n".join((FORK, *parts))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(tmp_path)], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "use",
    [
        'agent.solve("6*7").answer',
        'asyncio.run(agent.asolve("6*7"))',
        'asyncio.run(agent.asolve("6*7", thread_id="a"))',
        'agent.graph.invoke({"task": "6*7"})',
        'agent.as_tool().invoke({"question": "6*7"}) and agent.solve("6*7")',
    ],
)
def test_an_agent_that_was_in_use_says_so(tmp_path, use):
    said = forked(
        tmp_path,
        AGENT,
        'agent.solve("6*7"); agent.solve("8*8", thread_id="b")',
        f"in_a_child(lambda: {use})",
        'print("in the parent:", agent.solve("6*7").answer)',
    )
    assert "UsageError" in said and "make a new one in every process" in said
    assert "in the parent: 42" in said


def test_an_agent_that_was_not_in_use_works_in_every_child(tmp_path):
    said = forked(tmp_path, AGENT, 'in_a_child(lambda: agent.solve("6*7").answer)' + "\n" * 2, "agent.close()")
    assert said == "in the child: 42\n"


@pytest.mark.parametrize("way", ["agent.close()", "agent.__exit__(None, None, None)", "asyncio.run(agent.aclose())"])
def test_closing_what_stayed_in_the_parent_does_nothing_in_the_child(tmp_path, way):
    said = forked(
        tmp_path,
        AGENT,
        'agent.solve("6*7"); agent.solve("8*8", thread_id="b")',
        f"in_a_child(lambda: {way})",
        'print("in the parent:", agent.solve("6*7", thread_id="b").answer)\nagent.close()',
    )
    assert said == "in the child: None\nin the parent: 42\n"


def test_a_new_agent_works_in_the_child(tmp_path):
    said = forked(tmp_path, AGENT, 'agent.solve("6*7"); in_a_child(lambda: fresh().solve("6*7").answer)')
    assert said == "in the child: 42\n"


@pytest.mark.parametrize(
    "use",
    [
        'store.search("profit")',
        'store.recall("profit")',
        'store.add(ConceptDraft(title="Another one"))',
        "store.count()",
        "store.warm()",
        "store.reindex()",
        "asyncio.run(shared.search('profit'))",
    ],
)
def test_a_store_that_is_open_says_so(tmp_path, use):
    said = forked(
        tmp_path,
        STORE,
        "shared = AsyncConceptStore(store)\nasyncio.run(shared.search('profit'))",
        f"in_a_child(lambda: {use})",
        'print("in the parent:", store.search("profit")[0].concept.title)',
        'store.add(ConceptDraft(title="Speed of a train"))\nprint(store.count())',
    )
    assert "LedgerError" in said and "open the store anew" in said
    assert "in the parent: Profit of a sale\n2" in said


def test_a_store_opened_and_closed_in_the_child_leaves_the_parents_alone(tmp_path):
    said = forked(
        tmp_path,
        STORE,
        """
def again():
    store.close()
    with ConceptStore.open(folder, embedder="hash") as own:
        own.add(ConceptDraft(title="Speed of a train"))
        return own.search("train")[0].concept.title

in_a_child(again)
print("in the parent:", store.count(), store.search("train")[0].concept.title)
store.close()
""",
    )
    assert said == "in the child: Speed of a train\nin the parent: 2 Speed of a train\n"


@pytest.mark.live
@pytest.mark.parametrize("use", ["agent", "ReasoningAgent(model, sandbox='none')", "fresh()"])
def test_an_embedded_model_that_was_loaded_says_so_in_a_fork(tmp_path, use):
    said = forked(
        tmp_path,
        """
from pilotage.agent import ReasoningAgent
from pilotage.agent.models import load_model
model = load_model("embedded:smollm2")
def fresh():
    return ReasoningAgent("embedded:smollm2", policy="fixed:answer", sandbox="none")
agent = ReasoningAgent(model, policy="fixed:answer", sandbox="none")
agent.solve("Say hi.")
""",
        f'in_a_child(lambda: {use}.solve("Say hi.").answer)',
    )
    assert said.startswith("in the child: UsageError") and "'spawn'" in said
