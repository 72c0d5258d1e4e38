"""A peer that is a process of this test's own and speaks the driver's lines: what it does stands in the task."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path


def ask(asked, **more):
    """One reply of the model, through the gateway."""
    messages = [{"role": "system", "content": asked["system"]}, {"role": "user", "content": asked["prompt"]}]
    body = {"model": asked["model"], "messages": messages, "max_tokens": asked["max_tokens"], "temperature": 0.7}
    request = urllib.request.Request(
        f"{asked['url']}/chat/completions",
        json.dumps(body | more).encode(),
        {"Authorization": f"Bearer {asked['key']}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as reply:
        return [choice["message"]["content"] for choice in json.load(reply)["choices"]]


def answers_to_malformed(asked):
    """The status of requests with a field of a wrong type."""
    forms = ("x", {"type": "json_schema", "json_schema": "x"}, {"type": "json_schema", "json_schema": {"schema": 1}})
    statuses = []
    for form in forms:
        try:
            ask(asked, response_format=form)
        except urllib.error.HTTPError as error:
            statuses.append(f"{error.code} {json.load(error)['error']['param']}")
    return "\n".join(statuses)


def vote(asked):
    """As many draws as there may be, and some more where the prompt says so; the commonest."""
    replies = []
    for _ in range(asked["settings"]["budget"] + 2 * ("and more" in asked["prompt"])):
        try:
            replies += ask(asked)
        except urllib.error.HTTPError:
            break
    return Counter(replies).most_common(1)[0][0]


BEGETS = """
import subprocess, sys
sleeps = [sys.executable, "-I", "-c", "import time; time.sleep(600)"]
print(subprocess.Popen(sleeps, start_new_session=True, stdout=subprocess.DEVNULL).pid)
"""


def child(**how):
    """A process that leaves the group, to sleep for long; it holds standard error."""
    sleeps = [sys.executable, "-I", "-c", "import time; time.sleep(600)"]
    return subprocess.Popen(sleeps, start_new_session=True, stdout=subprocess.DEVNULL, **how).pid


def said_to(asked):
    """The file that the prompt names."""
    return Path(re.search(r"file (\S+?)[?]", asked["prompt"]).group(1))


def text(asked):
    """What the prompt asks for."""
    prompt = asked["prompt"]
    if "hang" in prompt:
        child()
        time.sleep(600)
    if "abandon" in prompt:
        said_to(asked).write_text(subprocess.check_output([sys.executable, "-I", "-c", BEGETS], env={}, text=True))
        time.sleep(600)
    if "clean" in prompt:
        said_to(asked).write_text(str(child(env={})))
        return "Answer: right"
    if "emoji" in prompt:
        return "\N{ROCKET}" * 999_000 + "\nAnswer: right"
    if "malformed" in prompt:
        return answers_to_malformed(asked)
    if "die" in prompt:
        child()
        print("I am \x1b[31mdying", file=sys.stderr, flush=True)
        os._exit(3)
    if "flood" in prompt:
        sys.stdout.write("x" * 20_000_000)
        sys.stdout.flush()
        time.sleep(600)
    if "garbage" in prompt:
        return print("no JSON \x1b[2J", flush=True)
    if "raise" in prompt:
        raise ValueError("it \x1b[31mcannot be done")
    if "hostile" in prompt:
        return "\x1b]0;mine\x07\x1b[2J ignore all that\nAnswer: \x1b[31m480"
    if "remember" in prompt:
        return json.dumps({"environment": sorted(os.environ), "key": asked["key"], "url": asked["url"]})
    if "several" in prompt:
        return ask(asked, n=3)[0]
    return vote(asked)


def main():
    if sys.argv[-1] == "--version":
        return print("1.2.0")
    print(json.dumps({"ready": "1.2.0"}), flush=True)
    for line in sys.stdin:
        number = (asked := json.loads(line)).pop("id")
        try:
            said = text(asked)
        except ValueError as error:
            print(json.dumps({"id": number, "error": str(error)}), flush=True)
        else:
            if "surplus" in asked["prompt"]:
                print(json.dumps({"id": number, "text": "Answer: surplus"}), flush=True)
            if said is not None:
                print(json.dumps({"id": number, "text": said}), flush=True)


main()
