"""What voting, choosing and stopping come to where draws are right with a known probability."""

import math
from fractions import Fraction
from statistics import NormalDist

NORMAL = NormalDist()


def some(p: float, n: int) -> float:
    """Probability that any of n draws is right."""
    return 1 - (1 - p) ** n


def binomial(p: float, n: int, k: int) -> float:
    """Probability that k of n draws are right."""
    return math.comb(n, k) * p**k * (1 - p) ** (n - k)


def majority(p: float, n: int) -> float:
    """Probability that most of n draws are right, where all wrong ones say the same; a tie is a fair coin."""
    return sum(binomial(p, n, k) * (1.0 if 2 * k > n else 0.5 if 2 * k == n else 0.0) for k in range(n + 1))


def highest(p: float, n: int, deviations: float, steps: int = 20_000) -> float:
    """Probability that the highest of n normal scores is a right draw's, whose mean is so many deviations higher.

    n p times the integral of phi(x - d) (p Phi(x - d) + (1 - p) Phi(x))^(n - 1), by the midpoint rule.
    """
    low, high = -9.0, 9.0 + deviations
    width = (high - low) / steps
    points = (low + (place + 0.5) * width for place in range(steps))
    density = (
        NORMAL.pdf(x - deviations) * (p * NORMAL.cdf(x - deviations) + (1 - p) * NORMAL.cdf(x)) ** (n - 1)
        for x in points
    )
    return n * p * width * math.fsum(density)


def stays(first: int, second: int) -> float:
    """Probability that the leader of two answers stays: Beta(first + 1, second + 1) above a half, a binomial sum."""
    tosses = first + second + 1
    return sum(math.comb(tosses, k) for k in range(first + 1)) / 2**tosses


def settled(p: float, most: int, sure: float = 0.95) -> tuple[float, float]:
    """Share of right answers and mean draws of a vote of two answers that ends once the leader is that sure to stay."""
    going, right, drawn = {(0, 0): 1.0}, 0.0, 0.0
    for number in range(1, most + 1):
        further: dict[tuple[int, int], float] = {}
        for (a, b), chance in going.items():
            for next_, share in (((a + 1, b), p), ((a, b + 1), 1 - p)):
                further[next_] = further.get(next_, 0.0) + chance * share
        going = {}
        for (a, b), chance in further.items():
            if stays(max(a, b), min(a, b)) > sure or number == most:
                right += chance * (1.0 if a > b else 0.5 if a == b else 0.0)
                drawn += chance * number
            else:
                going[a, b] = chance
    return right, drawn


def saturated(answers: str, price: str) -> int:
    """How many answers are drawn, one by one and two at least, until one more is expected to gain less than its price.

    One more draw than n succeeds where none did before with probability p (1 - p)^n (Wang et al. 2025), p being the
    share of the commonest answer so far. In exact fractions: 2/11 (9/11)^11 lies under 1/50 by 2 10^-6.
    """
    for n in range(2, len(answers)):
        p = Fraction(max(answers[:n].count(one) for one in answers), n)
        if p * (1 - p) ** n < Fraction(price):
            return n
    return len(answers)


def weighted(p: float, n: int, odds: float) -> float:
    """Mean weight of the better of two answers among n draws, each of which weighs `odds` times the other's."""
    return sum(binomial(p, n, k) * odds * k / (odds * k + n - k) for k in range(n + 1))


def worse_pulls(n: int, gap: float, width: float) -> float:
    """Most pulls, in expectation, of the worse of two arms by n rounds of mean + width sqrt(ln t / pulls).

    Bubeck and Cesa-Bianchi 2012, 'Regret Analysis of Stochastic and Nonstochastic Multi-armed Bandit Problems',
    theorem 2.1, whose alpha is 2 width^2: u = 4 width^2 ln n / gap^2 pulls tell the arms apart, and after t of them
    either bound fails with probability t^(1 - alpha) at most. It sums these to infinity, which takes alpha > 2; here
    the sum ends with the rounds, so that a width of 1 (alpha = 2) has a bound as well. Below 1 it says nothing.

    Args:
        n: rounds.
        gap: between the mean rewards, which are within 0 and 1.
        width: of the confidence bound; sqrt 2 in UCB1 as it was published.
    """
    enough = math.ceil(4 * width**2 * math.log(n) / gap**2)
    return enough + 2 * math.fsum(t ** (1 - 2 * width**2) for t in range(enough, n))


def kept_after(passes: int, shares: dict[str, float], weights: dict[str, float]) -> dict[str, float]:
    """Distribution of what particle Gibbs of two particles keeps after so many passes that resample nothing.

    The first pass keeps one of two draws by their weights; each later one keeps the path it has, or one draw, by
    their weights (Barker 1965).
    """

    def chosen(first: dict[str, float]) -> dict[str, float]:
        after = dict.fromkeys(shares, 0.0)
        for x, p in first.items():
            for y, q in shares.items():
                after[x] += p * q * weights[x] / (weights[x] + weights[y])
                after[y] += p * q * weights[y] / (weights[x] + weights[y])
        return after

    now = shares
    for _ in range(passes):
        now = chosen(now)
    return now
