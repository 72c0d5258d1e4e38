"""The leak lint on real tasks: names found, task values that get through, general sentences that are rejected.

Usage: python benchmarks/lint.py GSM8K.jsonl|- [FAMILY_TASKS]

GSM8K.jsonl has `question` and `answer` (with the worked solution) in each line; - leaves it out. Beside 30 general
sentences on methods, every line of `ordinary_concepts.txt` is checked as a note on each tenth task. FAMILY_TASKS is how
many tasks of each reasoning-gym family to add (6; 0 for none). Names are taken for found against the words that the
whole file writes with a capital only.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from pathlib import Path

from pilotage.memory.text.lint import faults, leaks, names
from pilotage.memory.text.prompt_injection import is_instruction

ORDINARY = Path(__file__).parent / "ordinary_concepts.txt"
GENERAL = """Multiply the price by the number of items
Add the costs of all items and subtract the total from the money available
Find the total by multiplying a daily amount by the number of days
Subtract what is used from the total, then divide the rest into equal groups
Convert hours to minutes before you compare times
A percentage of a total is given and the remaining part is asked
Compute each part from the one before it and sum them up
Work backwards from the final amount to the start
Set up an equation for the unknown and solve it
Average speed is distance divided by time
Compare two rates by bringing them to the same unit
Count the items in each box, then multiply by the number of boxes
A number of people share a cost equally
Someone earns an hourly rate plus a bonus
Tasks in which a discount is applied to a price
Ages of two people are related by a ratio and their sum is known
Sort the list and take the middle element
Reverse each word of a sentence
Rotate the matrix by swapping rows and columns
Split the text into words and count the letters
Use a queue to find the shortest path in a grid
Convert a number to another base by repeated division
The greatest common divisor of two numbers is asked
Check each element against the rule and keep those that pass
Find how many days it takes until the money is saved
Divide the total by the number of weeks in a month
Take a fraction of the remaining amount at each stage
Sum the weights and compare with the limit
Multiply the sides for the area and add them for the perimeter
Simulate the process step by step and stop at the first repeat""".splitlines()
CALENDAR = set(
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june july august "
    "september october november december".split()
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gsm8k", metavar="GSM8K.jsonl|-")
    parser.add_argument("family_tasks", metavar="FAMILY_TASKS", type=int, nargs="?", default=6)
    given = parser.parse_args()
    if given.gsm8k != "-":
        of_gsm8k(Path(given.gsm8k))
    if given.family_tasks:
        report("reasoning-gym", gym(given.family_tasks))


def of_gsm8k(file: Path) -> None:
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    problems = [(row["question"], row["answer"].split("####")[-1].strip()) for row in rows]
    true_names = names_by_corpus(rows)
    found = sum(len(true & names(question)) for true, (question, _) in zip(true_names, problems, strict=True))
    guessed = sum(len({n for n in names(question) if len(n) > 2}) for question, _ in problems)
    print(f"names found: {found} of {sum(map(len, true_names))}; {found} of {guessed} guesses are names")
    through, telling = leaking(rows, true_names)
    print(f"sentences with a task's values or names that got through: {through} of {telling}")
    report("GSM8K", problems)


def names_by_corpus(rows: list[dict[str, str]]) -> list[set[str]]:
    small = Counter(word for row in rows for word in re.findall(r"\b[a-z]+\b", row["question"] + row["answer"]))
    capital = [{word.lower() for word in re.findall(r"\b[A-Z][a-z]+\b", row["question"])} for row in rows]
    return [{word for word in words if not small[word] and len(word) > 2} - CALENDAR for words in capital]


def leaking(rows: list[dict[str, str]], true_names: list[set[str]]) -> tuple[int, int]:
    through = telling = 0
    for row, true in zip(rows, true_names, strict=True):
        solution, answer = row["answer"].split("####")
        text = re.sub(r"<<.*?>>", "", solution) + " " + row["question"]
        for sentence in re.split(r"(?<=[.!?])\s+|\n", text):
            numbers = [number for number in re.findall(r"\d[\d,]*(?:\.\d+)?", sentence) if len(number) > 1]
            if len(sentence) >= 8 and (numbers or true & set(re.findall(r"[a-z]+", sentence.lower()))):
                telling += 1
                through += not leaks(sentence, row["question"], answer.strip())
    return through, telling


def report(name: str, problems: list[tuple[str, str]]) -> None:
    rejected = sum(bool(faults(text, *problem)) for problem in problems for text in GENERAL)
    lines = [text for line in ORDINARY.read_text().splitlines() if line[0] != "#" for text in line.split(" | ")]
    alarms = sum(bool(faults(text, *problem)) for problem in problems[::10] for text in lines)
    commands = sum(is_instruction(question) for question, _ in problems)
    print(f"{name}: general sentences rejected: {rejected} of {len(problems) * len(GENERAL)}")
    print(f"{name}: lines of ordinary concepts rejected: {alarms} of {len(problems[::10]) * len(lines)}")
    print(f"{name}: tasks taken for commands: {commands} of {len(problems)}")


def gym(size: int) -> list[tuple[str, str]]:
    import reasoning_gym
    from reasoning_gym.factory import DATASETS

    problems = []
    for family in sorted(set(DATASETS) - {"composite"}):
        dataset = reasoning_gym.create_dataset(family, size=size, seed=11)
        problems += [(dataset[place]["question"], str(dataset[place]["answer"])) for place in range(size)]
    return problems


if __name__ == "__main__":
    main()
