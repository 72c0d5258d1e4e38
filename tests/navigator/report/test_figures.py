"""The figures: labels that do not lie on each other, colours that can be told apart, means over what is there."""

import itertools

import pytest
from matplotlib.text import Annotation, Text

from pilotage.navigator.report.figures import comparisons, families, frontier, routes
from pilotage.navigator.report.figures.canvas import style
from pilotage.navigator.report.figures.curves import mean_curve
from pilotage.navigator.report.figures.routes import chosen_policy, places_of
from pilotage.navigator.report.palette import DARK, PAPER, contrast, looks
from pilotage.navigator.report.reading import parse
from tests.navigator.report.evaluations import evaluation


@pytest.fixture(scope="module")
def many():
    """Twelve policies and twenty families."""
    return parse(evaluation(learned=6, baselines=5, families=20, resamples=50))


def overlapping(texts):
    """Pairs of texts whose boxes, without lines to their points, share more than a pixel."""
    boxes = [(text.get_text(), Text.get_window_extent(text)) for text in texts if text.get_text()]
    return [
        (one, other)
        for (one, a), (other, b) in itertools.combinations(boxes, 2)
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1
    ]


def test_the_names_of_twelve_policies_stand_beside_the_axes_by_accuracy(many):
    with style():
        figure = frontier.draw(many, looks(many))
        figure.draw_without_rendering()
        names = figure.legends[0].get_texts()
        ranked = [policy.name for policy in sorted(many.policies, key=lambda policy: -policy.accuracy)]
        assert [name for name in ranked if len(name) <= 26] == [
            t.get_text() for t in names if "\u2026" not in t.get_text()
        ]
        assert not overlapping(names)
        right = figure.axes[0].get_window_extent().x1
        for text in names:
            box = Text.get_window_extent(text)
            assert right < box.x0 and box.x1 <= figure.bbox.x1 and figure.bbox.y0 <= box.y0


@pytest.mark.parametrize("draw", [comparisons.draw, families.draw])
def test_the_text_of_rows_does_not_overlap(many, draw):
    with style():
        figure = draw(many, looks(many))
        figure.draw_without_rendering()
        straight = [text for axes in figure.axes for text in axes.texts if not text.get_rotation()]
        assert len(straight) > 20 and not overlapping(straight)


def test_the_names_of_blocks_do_not_overlap():
    some = parse(evaluation(learned=2, baselines=1, families=4, tasks=20, resamples=20))
    with style():
        figure = routes.draw(some, looks(some), "double-dueling-dqn")
        figure.draw_without_rendering()
        for axes in figure.axes:
            assert not overlapping([text for text in axes.texts if isinstance(text, Annotation)])


def test_every_policy_has_its_own_look_that_can_be_read_on_both_papers(many):
    given = {policy.name: looks(many)[policy.name] for policy in many.policies}
    assert len({(look.colour, look.marker) for look in given.values()}) == len(given) == 12
    for look in given.values():
        assert contrast(look.colour, PAPER) >= 4.5 and contrast(DARK[look.colour], DARK[PAPER]) >= 4.5
    alone = many.model_copy(update={"frontier": (), "comparisons": (), "families": (), "routes": (), "curves": ()})
    assert looks(alone) == given, "a policy looks the same whatever else is shown"


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21) and contrast("#777777", "#777777") == 1
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_blocks_stand_in_one_place_and_apart(many):
    places = places_of(many.routes)
    assert places["start"] == (-1, 0) and places["answer"] == (1, 0)
    for (_, one), (_, other) in itertools.combinations(places.items(), 2):
        assert abs(one[0] - other[0]) + abs(one[1] - other[1]) > 0.3


def test_routes_are_those_of_the_policy_in_focus_where_it_has_any(many):
    names = [one.policy for one in many.routes]
    assert chosen_policy(many, names[2]) == names[2]
    assert chosen_policy(many, "nobody") == names[0]
    assert chosen_policy(many.model_copy(update={"routes": ()}), names[2]) is None


def test_the_mean_curve_covers_what_all_runs_cover():
    steps, mean = mean_curve([((0, 10, 20), (0.0, 1.0, 1.0)), ((20, 5), (1.0, 0.5))])
    assert steps == [5, 10, 20] and mean == pytest.approx([0.5, (1 + 2 / 3) / 2, 1.0])
    assert mean_curve([((0, 1), (0.0, 0.4)), ((5, 6), (0.0, 0.8))]) == ([6], [pytest.approx(0.6)])
    assert mean_curve([((3,), (0.5,))]) == ([3], [0.5])
