"""What text on a task must pass before it becomes a concept: its length, and that it is about the task."""

import pytest

from pilotage.memory.learning.review import Review, VerifiedTask

ABOUT_THE_TASK = [
    ("Find the gcd of 12 and 18.", "Euclid's method for a gcd"),
    ("What is the lcm of 4 and 6?", "Multiply and divide by the gcd to get the lcm"),
    ("A car drives 150 km in 2 hours. How many km in 5 hours?", "Scale km by the ratio of times"),
    ("Compute the sum of the digits of 4821.", "Take the sum of single figures"),
    ("Evaluate 3 XOR 5.", "Bitwise xor of two values"),
    ("Janet has 16 eggs a day. She eats 3 and sells the rest for 12 dollars each.", "Sell what is left after eating"),
    ("What is the area of a triangle with base 4 and height 3?", "Area from base and height"),
    ("Reverse the word 'banana' and spell it.", "Spelling backward letter by letter"),
    (
        "A crate holds 12 boxes of 8 pens. How many pens are in 5 crates?",
        "Multiply nested containers such as boxes and crates",
    ),
    ("Rotate the grid by 90 degrees.", "Rotation of a grid"),
    ("Sort these words alphabetically: pear, fig, apple", "Alphabetical sorting"),
    ("Is 97 prime?", "Primality by trial division of primes"),
    ("Tom is 3 years older than Ann. Their ages add up to 21.", "Age sums with a difference"),
    ("Convert 0xff to binary.", "Hex to binary"),
    ("How many legs do 4 cows have?", "Count legs per animal: a cow has four"),
    ("A tap fills a tub in 6 min.", "How long a tap takes for a tub"),
    ("Simplify the fraction 12/18.", "Reduce fractions"),
    ("一个农场有十二只鸡和八只羊，一共有多少条腿？", "计算鸡和羊的腿的总数"),
    ("一个农场有十二只鸡和八只羊，一共有多少条腿？", "鸡羊同笼：由动物数量求腿数，例如农场"),
    ("小明买了3支铅笔，每支2元，一共花了多少元？", "铅笔总价等于单价乘数量"),
    ("求12和18的最大公约数。", "用辗转相除法求最大公约数"),
    ("一列火车每小时行驶80公里，3小时行驶多少公里？", "行驶距离等于速度乘时间"),
    ("長方形の面積を求めなさい。縦は4cm、横は6cmです。", "長方形の面積は縦と横の積"),
    ("ケーキを3個買いました。1個200円です。全部でいくらですか。", "ケーキの値段を掛ける"),
    ("りんごとバナナを買いました。合計金額はいくらですか。", "合計金額は個数と値段の積"),
    ("사과 3개를 한 개에 500원에 샀다. 모두 얼마인가?", "사과 값은 개수와 단가의 곱"),
    ("기차가 2시간에 150km를 간다. 5시간에는 몇 km를 가는가?", "기차의 거리는 속도 곱하기 시간"),
    ("ชาวนามีไก่สิบสองตัวและขายไข่ทุกวัน", "คำนวณรายได้จากการขายไข่"),
    ("สี่เหลี่ยมมีความยาว 4 และความกว้าง 3 หาพื้นที่", "พื้นที่สี่เหลี่ยมคือความยาวคูณความกว้าง"),
    ("किसान के पास बारह मुर्गियाँ हैं और वह अंडे बेचता है", "अंडे बेचने से कमाई निकालना"),
    ("Поезд проехал 150 км за 2 часа.", "Скорость поезда"),
    ("Найдите НОД чисел 12 и 18.", "НОД по алгоритму Евклида"),
    ("مزارع لديه دجاج ويبيع البيض", "حساب ثمن البيض"),
    ("Wie viele Eier verkauft der Bauer am Tag?", "Verkaufte Eier zählen"),
    ("Calcule l'aire du triangle.", "Aire d'un triangle"),
    ("Βρες το άθροισμα των ψηφίων", "Άθροισμα ψηφίων ενός αριθμού"),
    ("How many km does a bus drive in 6 h at 50 km per h?", "Speed times time in km"),
    ("A pie is cut into 8. Sam ate 3.", "Share of a pie that is left"),
    ("Sum the even numbers up to 100.", "Closed form for the sum of evens"),
    ("Given a DNA string, count each base.", "Count letters of DNA"),
    ("一个长方形长8米宽5米，求面积。", "长方形面积公式"),
    ("水池有两个水管，单开甲管6小时注满。", "注满水池的工作效率问题"),
    ("電車が2時間で150km走りました。時速は何kmですか。", "電車の時速を求める"),
    ("クラスに生徒が30人います。", "クラスの生徒の人数を数える"),
    ("연필 12자루를 3명에게 똑같이 나누어 준다.", "연필을 똑같이 나누기"),
    ("एक रेलगाड़ी 2 घंटे में 150 किमी चलती है", "रेलगाड़ी की चाल"),
    ("Сколько ног у 8 коров?", "Ноги коров и овец"),
]
ABOUT_ANYTHING = [
    ("Janet has 16 eggs a day. She eats 3 and sells the rest.", "Solve it. A logical problem comes up. Think well."),
    ("Find the gcd of 12 and 18.", "Think step by step and check the result"),
    ("What is the lcm of 4 and 6?", "One way to get it is to try all and see"),
    ("A car drives 150 km in 2 hours, one day. How many km in 5 hours?", "Use one rule at a time and not two"),
    ("Tom is 3 years older than Ann. Their ages add up to 21.", "Add what is given and use it"),
    ("How many legs do 4 cows have?", "Read carefully, then answer"),
    ("Is 97 prime?", "Do what is asked"),
    ("Rotate the grid by 90 degrees.", "Break a hard question into parts"),
    ("A tap fills a tub in 6 min.", "Set up an unknown and solve"),
    ("Sort these words alphabetically: pear, fig, apple", "Be careful and put it all in a program"),
    ("She got 2 new pens, and her old one ran out.", "Get all of the old and new ones"),
    ("一个农场有十二只鸡和八只羊，一共有多少条腿？", "仔细思考问题并一步一步计算答案"),
    ("小明买了3支铅笔，每支2元，一共花了多少元？", "认真读题，检查每一步"),
    ("求12和18的最大公约数。", "先分析，再回答，最后检查"),
    ("一列火车每小时行驶80公里，3小时行驶多少公里？", "这是一个逻辑问题，请认真思考"),
    ("一列火车每小时行驶80公里，3小时行驶多少公里？", "由苹果的价格求总价"),
    ("小明买了3支铅笔，每支2元，一共花了多少元？", "把矩阵顺时针旋转"),
    ("長方形の面積を求めなさい。縦は4cm、横は6cmです。", "よく考えて一つずつ解きます"),
    ("ケーキを3個買いました。1個200円です。全部でいくらですか。", "ケースに分けて注意深く考えます"),
    ("사과 3개를 한 개에 500원에 샀다. 모두 얼마인가?", "천천히 생각하고 하나씩 확인한다"),
    ("기차가 2시간에 150km를 간다. 5시간에는 몇 km를 가는가?", "문제를 잘 읽고 답을 쓴다"),
    ("ชาวนามีไก่สิบสองตัวและขายไข่ทุกวัน", "คิดให้ดีแล้วตอบทีละขั้น"),
    ("สี่เหลี่ยมมีความยาว 4 และความกว้าง 3 หาพื้นที่", "อ่านโจทย์ให้ดีแล้วคิดทีละขั้น"),
    ("किसान के पास बारह मुर्गियाँ हैं और वह अंडे बेचता है", "ध्यान से सोचो और उत्तर लिखो"),
    ("Поезд проехал 150 км за 2 часа.", "Думай внимательно и проверь ответ"),
    ("Найдите НОД чисел 12 и 18.", "Решай по шагам"),
    ("مزارع لديه دجاج ويبيع البيض", "فكر جيدا ثم أجب"),
    ("Wie viele Eier verkauft der Bauer am Tag?", "Denke gut nach und prüfe"),
    ("Calcule l'aire du triangle.", "Il faut bien penser, et ne pas se tromper du tout"),
    (
        "Ein Zug fährt in 2 Stunden 150 km. Wie weit fährt er in 5 Stunden?",
        "Man muss es in zwei Teile zerlegen und dann mit Sorgfalt lösen",
    ),
    ("El tren recorre 150 km en 2 horas y no para.", "Hay que leer el texto y no fallar en nada"),
    ("Сколько яиц на ферме, если их продают по две?", "Не спеши, по шагам и на бумаге"),
    ("Find the median of 3, 8 and 9.", "Write a program with a loop"),
    ("农场里有鸡和羊，它们一共有20条腿。", "先读完，再用表格列出来"),
    ("How many km does a bus drive in 6 h at 50 km per h?", "Think hard and be sure of it"),
    ("A pie is cut into 8. Sam ate 3.", "Put it in a program"),
    ("Given a DNA string, count each base.", "Do one bit at a time"),
    ("买5本书花了60元，每本书多少元？", "冷静分析，逐步推理"),
    ("一个长方形长8米宽5米，求面积。", "写程序来解决它"),
    ("水池有两个水管，单开甲管6小时注满。", "求最大公约数的辗转相除法"),
    ("電車が2時間で150km走りました。時速は何kmですか。", "落ち着いて読み、丁寧に答える"),
    ("クラスに生徒が30人います。", "プログラムを書いて解く"),
    ("연필 12자루를 3명에게 똑같이 나누어 준다.", "차근차근 풀고 검산한다"),
    ("รถไฟวิ่งได้ 150 กิโลเมตรใน 2 ชั่วโมง", "ทำทีละขั้นและตรวจคำตอบ"),
    ("एक रेलगाड़ी 2 घंटे में 150 किमी चलती है", "धीरे धीरे हल करो और जाँचो"),
    ("Сколько ног у 8 коров?", "Решай без спешки"),
]


def review(prompt):
    return Review(VerifiedTask(task_id="1", task_prompt=prompt, answer="5", verified_by="examples"))


@pytest.mark.parametrize(("prompt", "written"), ABOUT_THE_TASK)
def test_text_that_shares_a_word_with_its_task_is_about_it_in_any_script(prompt, written):
    assert review(prompt).is_on_topic("title", [written])


@pytest.mark.parametrize(("prompt", "written"), ABOUT_ANYTHING)
def test_text_that_fits_any_task_is_about_none(prompt, written):
    checked = review(prompt)
    assert not checked.is_on_topic("title", ["", written]) and "so general" in checked.rejected[0]


def test_the_length_is_that_of_the_line_which_is_kept():
    checked = review("What do 4 apples cost?")
    line = "Multiply the price by the number of apples."
    assert checked.accept("title", line.replace(" ", " \n" * 50), 50) == line
    assert checked.accept("title", line, 20) == "" and checked.rejected == ["title: is too long"]
