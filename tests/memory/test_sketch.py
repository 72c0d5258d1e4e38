import ast

from hypothesis import given
from hypothesis import strategies as st

from pilotage.memory.learning.sketch import sketch

EGGS = """
'''Janet's ducks.'''
# Janet has 16 eggs
janet_eggs = 16
price = 2.50
total = 0
for day in range(7):
    total += (janet_eggs - 3) * price
print(f"Janet makes {total:.2f}")
"""
PROMPT = "Janet has 16 eggs a day for 7 days, eats 3, and sells the rest for 2.50 each."


def test_inputs_become_parameters_and_the_method_stays():
    made = sketch(EGGS, PROMPT)
    text = "\n".join(made.lines)
    assert "eggs = ..." in text and "price = ..." in text and "total = 0" in text and "{total:.2f}" in text
    assert not any(leak in text for leak in ("16", "2.5", "anet", "#", "range(7)", "- 3"))
    assert [(one.name, one.typing) for one in made.parameters][:2] == [("eggs", "int"), ("price", "float")]
    ast.parse(text)


def test_equal_literals_share_one_placeholder():
    made = sketch("print(859 + 467 - 859)", "What is 859 + 467 - 859?")
    assert made.lines == ("print(value_1 + value_2 - value_1)",)


def test_text_of_the_task_is_taken_out_and_other_text_stays():
    program = "s = 'bending over the counter'\nprint(' '.join(w[::-1] for w in s.split()))"
    made = sketch(program, "Reverse: 'bending over the counter'")
    assert made.lines == ("s = ...", "print(' '.join((w[::-1] for w in s.split())))")
    inline = sketch("print('bending over the counter'[::-1].replace('x', 'y'))", "Reverse: bending over the counter")
    assert inline.lines == ("print(text_1[::-1].replace('x', 'y'))",)


def test_the_answer_may_not_stay():
    made = sketch("answer = 3 + 4\ncheck = 1234 == answer * 10\nprint(check)", "add three and four", "1234")
    assert "1234" not in "\n".join(made.lines)


def test_a_function_keeps_its_shape():
    program = "def tom_total(prices):\n    return sum(prices) * 12\nprint(tom_total([30, 40]))"
    made = sketch(program, "Tom's prices are 30 and 40, for 12 months")
    assert made.lines[0] == "def total(prices):"
    assert made.lines[1].strip() == "return sum(prices) * value_1"
    ast.parse("\n".join(made.lines))


def test_variables_of_different_people_stay_different():
    program = "tom_apples = 50\nzoey_apples = 20\nzoey_sum = tom_apples + zoey_apples\nprint(zoey_sum)"
    made = sketch(program, "Tom has 50 apples and Zoey has 20. Together?")
    assert made.lines == ("apples = ...", "apples_2 = ...", "sum_2 = apples + apples_2", "print(sum_2)")


def test_nothing_is_made_of_what_cannot_be_read_or_computes_nothing():
    assert sketch("this is: not python(", "x") is None
    assert sketch("print(18)", "How many?") is None
    assert sketch("answer = 18\nprint(answer)", "How many?") is None
    assert sketch("", "x") is None
    assert sketch("\n".join(f"a{n} = b + {n}" for n in range(50)), "x") is None
    assert sketch("x = a\0b", "x") is None


@given(st.lists(st.integers(10, 99999), min_size=2, max_size=6))
def test_no_number_of_the_task_survives(numbers):
    prompt = "Add " + ", ".join(map(str, numbers))
    program = f"first = {numbers[0]}\nprint(first + {' + '.join(map(str, numbers))})"
    made = sketch(program, prompt)
    constants = [node.value for node in ast.walk(ast.parse("\n".join(made.lines))) if isinstance(node, ast.Constant)]
    assert not set(numbers) & set(constants)
