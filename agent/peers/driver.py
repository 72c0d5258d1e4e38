"""Driver: runs methods of a toolkit for us, in the toolkit's own Python. It imports nothing of this package.

Each line of standard input is a JSON object that asks for one run; each line of standard output is what it came to,
`{"id": ..., "text": ...}` or `{"id": ..., "error": ...}` with the `id` of what was asked; the first one says that it is
ready. What a toolkit prints itself goes to standard error. Where standard input ends, in the middle of a run too, so
does the process with its group: nobody is left to run for.

    python -I driver.py TOOLKIT [--version]
"""

import ctypes
import json
import os
import queue
import random
import signal
import sys
import threading
from importlib.metadata import version

ANSWER = r"Answer:[ \t]*([^\n]+)"
"""How replies mark their answer (the prompts ask for it): what its_hub's votes compare."""
MOST = 1_000_000
"""Characters of a text that are handed on."""
CHILD_SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER of prctl(2)."""


def its_hub():
    """A run by its_hub 1.2, as its pages show: its own client, judge and step generation."""
    import asyncio

    from its_hub import BestOfN, LLMJudge, OpenAICompatibleLanguageModel, SelfConsistency, StepGeneration
    from its_hub.api import AbstractProcessRewardModel, ChatMessage
    from its_hub.core.algorithms.beam_search import BeamSearch
    from its_hub.core.algorithms.particle_gibbs import ParticleFiltering
    from its_hub.core.algorithms.self_consistency import create_regex_projection_function

    class JudgedSteps(AbstractProcessRewardModel):
        """The toolkit's judge, asked about unfinished solutions: 0 to 10, brought to 0 to 1."""

        def __init__(self, judge):
            self._judge = judge

        async def ascore(self, prompt_or_messages, steps):
            asked = ChatMessage(role="user", content=prompt_or_messages)
            said = [[asked, ChatMessage(role="assistant", content=text)] for text in steps]
            scores = await self._judge.ascore(said)
            return [min(1.0, max(0.0, score / 10)) for score in scores]

        def score(self, prompt_or_messages, steps):
            return asyncio.run(self.ascore(prompt_or_messages, steps))

    def solve(url, key, model, system, prompt, max_tokens, method, settings):
        def client(**more):
            return OpenAICompatibleLanguageModel(
                endpoint=url, api_key=key, model_name=model, max_completion_tokens=max_tokens, **more
            )

        lm = client(system_prompt=system, temperature=settings["temperature"])
        judge = LLMJudge(client(temperature=0.0))

        def stepwise(kind, **how):
            steps = StepGeneration(settings["max_steps"], "\n\n", "Answer:", temperature=settings["temperature"])
            return kind(steps, JudgedSteps(judge), **how)

        made = {
            "self-consistency": lambda: SelfConsistency(create_regex_projection_function(ANSWER)),
            "best-of-n": lambda: BestOfN(judge),
            "beam-search": lambda: stepwise(BeamSearch, beam_width=settings["beam_width"]),
            "particle-filtering": lambda: stepwise(ParticleFiltering, final_response_selection=settings["selection"]),
        }[method]()

        async def run():
            try:
                return await made.ainfer(lm, prompt, settings["budget"])
            finally:
                await lm.close()
                await judge.lm.close()

        return asyncio.run(run())["content"]

    return solve


def optillm():
    """A run by optillm 0.4: its proxy, asked as an application would, with the approach in the model's name."""
    from optillm import server
    from optillm.cepo.cepo import init_cepo_config

    sys.argv[1:] = []
    server.server_config.update(vars(server.parse_args()))  # as its command sets out: the model's name has the approach
    server.cepo_config = init_cepo_config(server.server_config)

    def solve(url, key, model, system, prompt, max_tokens, method, settings):
        os.environ["OPENAI_API_KEY"] = key
        server.server_config.update(settings, base_url=url)
        messages = [{"role": "system", "content": system}, {"role": "user", "content": prompt}]
        reply = server.app.test_client().post(
            "/v1/chat/completions",
            json={"model": f"{method}-{model}", "messages": messages, "max_tokens": max_tokens},
            headers={"Authorization": f"Bearer {key}"},
        )
        body = reply.get_json(silent=True) or {}
        if reply.status_code != 200:
            raise RuntimeError(f"the proxy answered {reply.status_code}: {body.get('error')}")
        return body["choices"][0]["message"]["content"]

    return solve


def lines(source):
    """The lines of a file, read while runs go on, so that its end is heard at once."""
    asked = queue.SimpleQueue()

    def read():
        for line in source:
            asked.put(line)
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return iter(asked.get, None)


def main():
    """Serves runs until standard input ends."""
    toolkit = sys.argv[1]
    if sys.argv[2:] == ["--version"]:
        print(version(toolkit))
        return
    if sys.platform == "linux":  # who is started here and left alone stays ours, and is ended with us
        ctypes.CDLL(None).prctl(CHILD_SUBREAPER, 1, 0, 0, 0)
    asked, told = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)

    def tell(**what):
        told.write(json.dumps(what) + "\n")
        told.flush()

    try:
        solve = {"its_hub": its_hub, "optillm": optillm}[toolkit]()
    except Exception as error:
        tell(error=f"it cannot be imported ({type(error).__name__}: {error})"[:2000])
        return
    tell(ready=version(toolkit))
    for line in lines(asked):
        number = None
        try:
            run = json.loads(line)
            number = run.pop("id")
            random.seed(run.pop("seed"))  # its_hub draws by these two
            if (numpy := sys.modules.get("numpy")) is not None:
                numpy.random.seed(random.getrandbits(32))
            tell(id=number, text=str(solve(**run) or "")[:MOST])
        except Exception as error:
            tell(id=number, error=f"{type(error).__name__}: {error}"[:2000])


if __name__ == "__main__":
    main()
