"""How much is spent: stops and caps; and two models, of which the small one does what it can."""

from known_answers.row import Row, draws, of_step
from known_answers.theory import binomial, saturated, some
from pilotage.agent.models import ModelClient, ScriptedChatModel, StochasticChatModel
from pilotage.agent.strategies import strategy_named
from pilotage.agent.strategies.known.readers import calibrated, knowing, nine_if_right, stepping, two_classes
from pilotage.agent.strategies.known.skilled import answer, apart, skilled, stepped


async def cap_is_met(number: int) -> float:
    """Whether a model that would think forever wrote as many tokens of thinking as it may, and not one more."""
    cap = 1 + 7 * number % 333
    model = ScriptedChatModel(lambda messages: "Answer: 7" if "Do not think" in messages[-1].text else "hm " * 3000)
    step, kit = await stepped(strategy_named(f"budget-forcing;cap={cap}"), ModelClient(model), number)
    return float(step.candidate == "7" and kit.usage.completion_tokens == cap + 2)  # the answer is two words


def saturating(told: str, answers: str) -> Row:
    """How many of these answers, given in turn, are drawn at the default price."""

    def model(number: int) -> ScriptedChatModel:
        return ScriptedChatModel([answer(said) for said in answers])

    drawn = of_step(f"saturation;most={len(answers)}", model, draws)
    return Row("saturation", f"price .02, {told}", saturated(answers, "0.02"), drawn, "draws", 10, "exact")


def probed(p: float, least: int, n: int = 5) -> tuple[float, float]:
    """Probabilities that a probe agrees at least so far on what is right, and on what is wrong."""
    return sum(binomial(p, n, k) for k in range(least, n + 1)), sum(binomial(1 - p, n, k) for k in range(least, n + 1))


def in_two_classes(least: int) -> float:
    """Right where an easy task's probe agrees on it; and where a hard one's does, or does not agree at all."""
    easy, (hard, misled) = probed(0.95, least)[0], probed(0.5, least)
    return (easy + hard + (1 - hard - misled)) / 2


def sure_when_right(right, chance) -> float:
    return -0.01 if right else -0.7


def rows() -> list[Row]:
    half = some(0.5, 5)
    aware = "capability-aware;most=5"
    adaptive = "difficulty-adaptive;probe=5;hard=self-refine,rounds=1;share="
    classes = StochasticChatModel(two_classes, keeps_calls=False)
    few, many = skilled(0.3), skilled(0.8)
    other = apart(skilled(0.7))
    cascade, speculative = "cascade;large=big;threshold=", "speculative;large=big;threshold="
    return [
        Row(
            "capability-aware",
            "most=5, p=0.5, calibrated: an oracle's accuracy",
            half,
            of_step(aware, knowing(0.5, calibrated)),
        ),
        Row(
            "capability-aware",
            "most=5, p=0.5, calibrated: an oracle's cost",
            half / 0.5,
            of_step(aware, knowing(0.5, calibrated), draws),
            "draws",
        ),
        Row(
            "capability-aware",
            "most=4, p=0.4, never content: the best is taken",
            some(0.4, 4),
            of_step("capability-aware;most=4", knowing(0.4, lambda right: 0.6 if right else 0.8)),
            cost=2,
        ),
        Row(
            "budget-forcing",
            "caps of 1 to 333 tokens, thinking without an end",
            1.0,
            cap_is_met,
            "cap met exactly",
            cost=4,
            relation="exact",
        ),
        Row(
            "difficulty-adaptive",
            "two kinds of tasks, share=1: an easy one needs five of five",
            in_two_classes(5),
            of_step(f"{adaptive}1", classes),
        ),
        Row(
            "difficulty-adaptive",
            "two kinds of tasks, share=0.8: four of five",
            in_two_classes(4),
            of_step(f"{adaptive}0.8", classes),
        ),
        saturating("all agree", "aaaaaaaa"),
        saturating("two answers in turn", "abababab"),
        saturating("eight answers in turn", "01234567" * 5),
        Row(
            "cascade",
            "threshold=0: the small model alone, p=0.3",
            0.3,
            of_step(f"{cascade}0", few, large=many),
            cost=0.5,
        ),
        Row("cascade", "threshold=1.1: the large one alone, p=0.8", 0.8, of_step(f"{cascade}1.1", few, large=many)),
        Row(
            "cascade",
            "a small model (p=0.4) that is sure where it is right, a large one (p=0.7)",
            0.4 + 0.6 * 0.7,
            of_step(f"{cascade}0.9", skilled(0.4, sure_when_right), large=other),
        ),
        Row(
            "speculative",
            "threshold=0: the small model's steps, p=0.3",
            0.3,
            of_step(f"{speculative}0", stepping(0.3), large=stepping(0.8, nine_if_right)),
        ),
        Row(
            "speculative",
            "threshold=10: the large one's steps, p=0.8",
            0.8,
            of_step(f"{speculative}10", stepping(0.3), large=stepping(0.8, nine_if_right)),
        ),
        Row(
            "speculative",
            "bad steps are seen and written anew: p=0.3, then 0.8",
            0.3 + 0.7 * 0.8,
            of_step(f"{speculative}7", stepping(0.3), large=apart(stepping(0.8, nine_if_right))),
        ),
    ]
