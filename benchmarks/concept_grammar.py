"""Concepts with varied, readable texts, as many as a benchmark of the store needs; the same seed gives the same ones.

A grammar joins operations, things, settings and reasons; names and topics follow Zipf's law, as words in real text do.
Queries are prompts of reasoning-gym's task families, so they are written by someone else than the concepts are.
"""

import random
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate

from pilotage.memory.concept import ConceptDraft
from pilotage.memory.text.words import content_words

ACTIONS = (
    "add up,subtract,multiply,divide,count,compare,sort,rank,group,filter,reverse,rotate,mirror,shift,swap,merge,split,"
    "encode,decode,simplify,factor,expand,integrate,differentiate,estimate,round,convert,translate,match,search,"
    "schedule,colour,flood,trace,simulate,enumerate,prune,propagate,balance,allocate,weigh,invert,normalise,sample"
).split(",")
THINGS = (
    "prices,quantities,ages,distances,speeds,durations,dates,weekdays,fractions,decimals,percentages,ratios,digits,"
    "prime factors,divisors,remainders,polynomials,coefficients,roots,angles,triangles,rectangles,circles,matrices,"
    "rows,columns,diagonals,grid cells,islands,regions,borders,objects,pixels,shapes,words,letters,vowels,sentences,"
    "anagrams,palindromes,substrings,ciphers,binary strings,bits,boolean clauses,premises,syllogisms,suspects,"
    "family relations,seats,houses,courses,prerequisites,graphs,nodes,edges,paths,queens,tiles,discs,jugs,coins,dice,"
    "cards,tickets,recipes,ingredients,wages,taxes,discounts,profits,debts,populations,tanks,pipes,trains,"
    "workers,machines,boxes"
).split(",")
SETTINGS = (
    "in a table,on a square grid,along a line,around a circle,in a queue,on a calendar,in a bakery,at a market,"
    "on a farm,in a warehouse,at a school,in a library,on a railway,in a harbour,in a laboratory,in a tournament,"
    "under a budget,with a carry,with wrap-around,without repetition,with repetition,within a time limit,"
    "from right to left,from the outside in,in pairs,in blocks of three,by priority,by parity,by colour,by size,"
    "when some values are missing,when units differ,when the order matters,when ties are possible"
).split(",")
RISKS = (
    "the last item is easily forgotten,the unit has to be converted first,the first step is counted twice,"
    "zero is a valid value,negative numbers change the order,the border needs its own case,the sign flips,"
    "rounding is done once at the end,indices start at zero,the two cases overlap,the question asks for the rest,"
    "the answer is wanted in another unit,an early guess hides the second solution,upper and lower case differ"
).split(",")
STEPS = (
    "write the given values down with their units",
    "start with the most constrained {thing}",
    "keep a running total of the {thing}",
    "mark every {thing} that was visited",
    "check the result against the first example",
    "stop as soon as nothing changes",
    "{action} the {thing} one by one",
    "repeat it for each of the {topic}",
    "state the answer in the unit that was asked for",
)


def drafts(count: int, seed: int = 0) -> Iterator[ConceptDraft]:
    """`count` different concepts."""
    rng = random.Random(seed)
    topics = _topics(rng)
    total = list(accumulate(1 / rank for rank in range(1, len(topics) + 1)))
    seen = set()
    while len(seen) < count:
        action, other = rng.sample(ACTIONS, 2)
        thing, second = rng.sample(THINGS, 2)
        setting, risk = rng.choice(SETTINGS), rng.choice(RISKS)
        first, *rest = dict.fromkeys(rng.choices(topics, cum_weights=total, k=rng.randint(3, 6)))
        title = f"{action} {thing} of {first} {setting}".capitalize()
        if title in seen:
            continue
        seen.add(title)
        words = {"action": action, "thing": second, "topic": first}
        yield ConceptDraft(
            title=title,
            description=f"{other.capitalize()} the {second} {rng.choice(SETTINGS)}, then {action} the {thing}: {risk}.",
            cues=(f"{thing} and {second} of {' or '.join([first, *rest][:2])} are given and one has to {action} them",),
            implementation=tuple(step.format(**words) for step in rng.sample(STEPS, rng.randint(3, 5))),
            keywords=tuple(sorted({*rest, thing.split()[-1], second.split()[-1]})),
        )


def queries(count: int, seed: int = 0) -> list[str]:
    """Task prompts of many families, at most 1,000 characters long."""
    import reasoning_gym
    from reasoning_gym.factory import DATASETS

    slow = {"arc_1d", "arc_agi", "codeio", "composite", "figlet_font", "mahjong_puzzle", "rearc", "self_reference"}
    names = sorted(set(DATASETS) - slow)
    prompts: list[str] = []
    for turn in range(1000):
        name = names[turn % len(names)]
        prompt = reasoning_gym.create_dataset(name, size=1, seed=seed + turn)[0]["question"]
        if len(prompt) <= 1000:
            prompts.append(prompt)
        if len(prompts) == count:
            break
    return prompts


def _topics(rng: random.Random) -> list[str]:
    """Words by rank: the ordinary ones of a story by how often it uses them, then a long tail of rare ones."""
    from importlib.resources import files

    data = files("reasoning_gym.data")
    story = content_words(data.joinpath("in_the_year_2889.txt").read_text(encoding="utf-8"))
    common = [word for word, _ in Counter(word for word in story if len(word) > 4 and word.isalpha()).most_common(1500)]
    rare = data.joinpath("words3to10.txt").read_text(encoding="utf-8").split()
    return list(dict.fromkeys(common + rng.sample(rare, 20_000)))
