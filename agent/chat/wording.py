"""The words that `features` reads, each meaning once, in English, German, Spanish, French and Chinese.

Structure decides first: a table only says what a number, a list or a quotation is there for. `#` stands for any number,
`QUOTED` for a quotation. Words of spaced scripts are compared as whole words in any case and without accents; those of
Chinese wherever they stand.
"""

from __future__ import annotations

from pilotage.agent.chat.reading import QUOTED, Part, is_spaceless, normalised, tokens


class Words:
    """Words and phrases (up to three words) of one meaning, separated by commas."""

    def __init__(self, *lines: str) -> None:
        phrases = [p.strip() for line in lines for p in line.split(",")]
        self.written = tuple(normalised(p) for p in phrases if is_spaceless(p))
        spoken = (normalised(p).replace(QUOTED.casefold(), QUOTED) for p in phrases if not is_spaceless(p))
        self.spoken = frozenset(" ".join("#" if t == "#" else t for t in _split(p)) for p in spoken)

    def among(self, part: Part) -> bool:
        """Whether a part says one of them."""
        return not self.spoken.isdisjoint(part.grams) or self._written(part)

    def count(self, part: Part) -> int:
        """How many of them a part says, a word as often as it stands there."""
        said = sum(part.tokens.count(word) if " " not in word else word in part.grams for word in self.spoken)
        return said + (sum(part.text.count(w) for w in self.written) if part.is_spaceless else 0)

    def at(self, words: list[str]) -> bool:
        """Whether a list of tokens begins with one of them."""
        return any(" ".join(words[:n]) in self.spoken for n in (1, 2, 3))

    def written_in(self, part: Part) -> bool:
        """Whether a part says one of them in a script without spaces."""
        return self._written(part)

    def _written(self, part: Part) -> bool:
        return bool(self.written) and part.is_spaceless and any(w in part.text for w in self.written)


def _split(phrase: str) -> list[str]:
    return [t for word in phrase.split() for t in (["#"] if word == "#" else tokens(word))]


POLITE = Words(
    "hi, hey, hello, ok, okay, so, well, please, pls, plz, can, could, would, will, you, u, now, and, then, just, also, i",
    "want, need, like, d, ll, to, help, tell, me, us, let, s, lets, quick, one, question, maybe, kindly, first, next, yo, alright",
    "hallo, bitte, kannst, konntest, konnen, konnten, wurdest, du, sie, mir, mal, und, dann, jetzt, uns, ich, mochte, hilf, zu",
    "hola, por, favor, puedes, podrias, puede, podria, me, ayudame, ayuda, a, y, ahora, quiero, que, necesito",
    "bonjour, salut, coucou, peux, pouvez, pourrais, pourriez, tu, vous, moi, aide, et, merci, de, s il te, plait, stp, svp",
)
"""Before the word that a clause begins with in earnest."""
ADDRESSED = Words(
    "kannst, konntest, konnen sie, konnten sie, bitte, du, puedes, podrias, puede, podria, quiero que, ayudame",
    "quiero, peux, pouvez, pourrais, pourriez, aide moi, je veux, j aimerais, por favor, necesito",
)
"""Marks a clause of a language whose requests may put the verb anywhere."""

PROSE = Words(
    "write, compose, draft, translate, summarize, summarise, rewrite, rephrase, paraphrase, proofread, edit, polish, suggest",
    "recommend, brainstorm, come up with, make up, make this, make it, make my, make the text, imagine, invent, pretend",
    "shorten, expand, improve, reword, correct, fix, tl dr, tldr, tl, a story, a joke, a poem, a riddle, tell a, a haiku",
    "generate, design, plan, create, a limerick, an essay, a song, poem, story, essay, haiku, describe, discuss, proof read",
    "put that in, put this in, put it in, simplify this, explain this, explain it, change the tone, give me bullet, sum up, turn this into, tone down, give feedback, condense, summary, an email, advise, build",
    "schreib, schreibe, verfasse, formuliere, dichte, erfinde, ubersetze, ubersetz, uebersetze, fasse, fass, korrigiere",
    "verbessere, empfiehl, schlag, erzahl, erzahle, uberarbeite, beschreibe, einen witz, ein gedicht, mach das, mach es, mach den, mach diesen, mach daraus, denk dir, kurze den, kurze diesen",
    "escribe, escribeme, redacta, compon, traduce, traduceme, resume, resumeme, reescribe, parafrasea, corrige, mejora",
    "inventa, recomienda, recomiendame, sugiere, cuentame, hazme, dame ideas, un poema, un cuento, un chiste, describe, haz un",
    "haz esto, haz mas, haz este, hazlo, pon esto, acorta, crea, escriba, traduzca, resuma, traducir, redacte",
    "ecris, ecrivez, redige, redigez, compose, traduis, traduisez, traduire, resume, resumez, reformule, reformulez, corrigez",
    "ameliore, invente, inventez, propose, suggere, recommande, raconte, decris, imagine, fais un, fais moi, un poeme, rends, mets ce, mets cette, mets le texte, simplifie ce, raccourcis",
)
"""Asks for prose, where a clause begins with it."""
PROSE_ANYWHERE = Words(
    "mejorar, reescribir, acortar, adaptar, umschreiben, uberarbeiten, anpassen, ameliorer, raccourcir, adapter, schreiben, ubersetzen",
    "uebersetzen, zusammenfassen, umformulieren, verfassen, formulieren, korrigieren, verbessern",
    "empfehlen, vorschlagen, ausdenken, erzahlen, escribir, escribas, redactar, traducir, traduzcas, resumir, resumas, corregir",
    "inventar, recomendar, sugerir, contar un, contarme un, ecrire, rediger, traduire, resumer, reformuler, corriger, inventer",
    "proposer, suggerer, recommander, raconter, ins englische, ins deutsche, auf englisch, al ingles, en anglais",
    "翻译, 译成, 译为, 翻成, 缩短, 精简, 改一下, 改成更, 扩展, 总结, 概括, 摘要, 改写, 润色, 缩写, 扩写, 推荐, 写一, 写首, 写篇, 写个, 写封, 写段, 帮我写, 请写, 创作, 编一, 编个, 讲个, 讲一个",
    "作一首, 作文, 修改, 起名, 取名, 起几个名, 怎么说, 英语说, 语法, 通顺, 解释一下, 介绍",
)
"""Asks for prose wherever it stands in an addressed clause, or in a Chinese one."""
ANSWER_FORM = Words(
    "answer, number, total, factors, yes, no, only, result, solution, output, antwort, ergebnis, losung, respuesta, resultado, reponse, resultat, 答案, 结果"
)
"""`Write your answer as a fraction`: how to answer, no request of its own."""
LANGUAGES = Words(
    "english, german, french, spanish, italian, portuguese, chinese, japanese, korean, russian, arabic, dutch, polish, turkish, latin",
    "mandarin, hindi, englisch, englische, deutsch, deutsche, franzosisch, franzosische, spanisch, spanische, italienisch, italienische",
    "ingles, aleman, frances, espanol, castellano, italiano, portugues, chino, japones, anglais, allemand, francais, espagnol, italien",
    "japonais, chinois, 英文, 英语, 中文, 日语, 日文, 法语, 德语, 西班牙语, 韩语, 俄语",
)
INTO_LANGUAGE = frozenset("in into to ins auf al en aus a the for".split())
"""Before the name of a language: a translation into it."""
TEXT = Words(
    "text, email, mail, paragraph, article, message, essay, sentence into, nachricht, absatz, artikel, brief, texto, correo, mensaje",
    "parrafo, articulo, texte, courriel, paragraphe, lettre de, typos, grammar, filler, tone, 文章, 邮件, 段落",
)
"""Prose that is worked on, where no criterion is given."""
MEANING = Words(
    "how do you say, how do i say, how to say, do you say, meaning of, mean by, what is meant, translation of, stand for",
    "bedeutet, bedeutung, wie sagt man, heisst auf, auf deutsch, auf franzosisch, auf spanisch, auf englisch",
    "significa, significado, como se dice, se dice, veut dire, signifie, comment dit on, dit on, comment on dit, 什么意思, 怎么说",
    "word for, synonym, synonyms",
)
"""Asks what words say, in one language or in another."""
ADVICE = Words(
    "should i, should we, do i do, best, good, better, reasonable, normal, too much, worth it, recommend, advice, any tips, tips for",
    "tips on, some tips, ideas, your opinion, do you think, would you, soll ich, sollte ich, sollten wir, sollen wir, tipps, beste",
    "besten, besser, lohnt, empfiehlst, ratsam, wurdest du, was tun, deberia, deberiamos, recomiendas, mejor, consejos, consejo",
    "vale la pena, dois je, devrais je, conseils, meilleur, meilleure, mieux, choisir, recommandes, conseilles, vaut la peine",
    "que faire, un avis, bonne idee, buena idea, 怎么样, 怎么办, 我应该, 要不要, 该不该, 建议, 值得, 好不好",
)
"""Asks for advice or an opinion."""
WAY = Words(
    "can i do, can we do, how can i, how can we, how do i, how do we, how to, how does, how do, why, how come, wie kann, wie konnen",
    "wie mache, wie schaffe, warum, wieso, weshalb, como puedo, como hago, como podria, como se, por que, comment, pourquoi",
    "怎么才能, 怎样, 如何, 为什么, what can i do, what can we do, explain how, explain why",
)
"""Asks for a way or a reason."""
SUMS = Words(
    "solve, calculate, compute, work out, figure out, find, losen, berechnen, berechne, ausrechnen, calcular, calculo, resolver, hallar",
    "calculer, resoudre, trouver, 计算, 解, 算, 求",
)
"""What a way is asked for when the way is not the point."""
WORK_ON_CODE = Words(
    "fix, error, bug, wrong, refactor, optimize, optimise, improve, explain, why, how, better, convert, translate, rewrite, test",
    "tests, document, review, comment, complexity, faster, instead of, fehler, warum, verbessere, erklare, optimiere, mejora, explica",
    "por que, optimiza, erreur, pourquoi, ameliore, explique, corrige, 错误, 报错, 为什么, 优化, 解释, 修改, 重构, 改进",
)

HOW_MANY = Words(
    "how many, number of, count of, wie viele, wieviele, wie vielen, wie oft, anzahl, cuantos, cuantas, combien de, combien d",
    "combien, 多少, 几个, 几只, 几岁, 几天, 几本, 几次, 几人, 几种, 几名, 几位, 几块, 几元, 几分, 几小时, 几张, 几条, 各有几, 有几, 剩几, quanti, quante, quantos, quantas",
)
"""Asks for a count."""
HOW_MUCH = Words(
    "how much, how far, how long, how old, how tall, how fast, how heavy, how wide, how deep, how big, how high, how often",
    "how late, how soon, what percent, what percentage, what fraction, what total, wie viel, wieviel, wie lange, wie weit, wie alt",
    "wie hoch, wie schnell, wie schwer, wie teuer, wie gross, wie breit, wie lang, cuanto, cuanta, que distancia, que velocidad",
    "que porcentaje, que edad, que precio, quel age, quelle distance, quelle vitesse, quel prix, quel pourcentage, combien, ca fait",
    "多远, 多久, 多长, 多大, 多高, 多快, 多重, 多深, 是多少, 几折, 百分之几, quanto, quanta",
)
"""Asks for an amount."""
AMOUNT = Words(
    "total, sum, average, remainder, quotient, percentage, probability, chance, chances, odds, fraction, ratio, price",
    "cost, costs, profit, revenue, balance, amount, age, ages, weight, speed, distance, area, volume, perimeter, length, width",
    "height, radius, diameter, interest, discount, tip, share, bmi, salary, rate, measure, value, angle, each pay, each of us",
    "gesamt, insgesamt, summe, durchschnitt, durchschnittsgeschwindigkeit, preis, kosten, gewinn, geschwindigkeit, flache",
    "flacheninhalt, umfang, volumen, wahrscheinlichkeit, alter, zinsen, rest, gesamtpreis, strecke, suma, promedio, precio, coste",
    "costo, ganancia, velocidad, velocidad media, distancia, perimetro, volumen, probabilidad, edad, interes, descuento, resto",
    "somme, moyenne, prix, cout, benefice, vitesse, aire, surface, perimetre, probabilite, age, interet, reste, remise, montant",
    "总共, 一共, 平均, 面积, 周长, 体积, 速度, 距离, 概率, 利润, 利息, 价格, 剩下, 还剩, 相遇, 求",
    "do they meet, will they meet, they be, treffen sie, se encuentran, se encontraran, se croisent, se rencontrent, what time",
    "what s left, is left, are left, who has more, uhrzeit, be worth, break even, catch up",
)
"""What quantities are asked to come to, where a clause asks what it is."""
WHAT_IS = Words(
    "what, whats, calculate, compute, find, determine, evaluate, work out, figure out, solve, when, was, wann, berechne",
    "bestimme, ermittle, welche, welchen, cual, que, calcula, halla, determina, encuentra, cuando, quel, quelle, calcule",
    "calculer, determine, trouve, quand, 求, 什么, 何时, 多少, 计算, qual, quale, calcola, calcular, calculate the",
)
"""Asks what something is."""
RATE = Words(
    "each, per, percent, %, mph, km h, apiece, every, an hour, a day, a week, a month, a piece, jeweils, je, pro, stundenkilometer",
    "stuck, cada, por hora, por ciento, al dia, a la semana, chacun, chacune, par, piece, 每, 折, %",
)
"""Makes one quantity of another."""
IF = Words("if, when, wenn, falls, si, 如果, 假如, given, suppose, assuming, angenommen, supongamos, sachant")
RELATION = Words(
    "more than, less than, fewer than, older than, younger than, times as, times more, twice, half, third, quarter, double, triple",
    "dozen, half of, as many, rest, doppelt so, halfte, drittel, viertel, mehr als, weniger als, alter als, doble, triple, mitad",
    "tercio, mas que, menos que, double, triple, moitie, tiers, quart, fois plus, de plus que, de moins que, 倍, 一半, 比, 折",
)
"""Gives a quantity by another one."""
NUMBER_WORDS = Words(
    "two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, fifteen, twenty, thirty, forty, fifty, hundred, dozen",
    "zwei, drei, vier, funf, sechs, sieben, acht, neun, zehn, zwolf, zwanzig, dos, tres, cuatro, cinco, seis, siete, ocho, nueve",
    "diez, doce, veinte, deux, trois, quatre, cinq, sept, huit, neuf, dix, douze, vingt, half, twice, halfte, mitad, moitie, doble",
)

ASKS_VALUE = Words(
    "what is, what s, whats, how much is, how much are, calculate, compute, evaluate, solve, simplify, equals, result of, work out",
    "was ist, was sind, wie viel ist, wieviel ist, wieviel sind, wie viel sind, was ergibt, ergibt, berechne, rechne, lose, was macht",
    "cuanto es, cuanto son, cuanto da, calcula, resuelve, simplifica, resultado de, combien font, combien fait, calcule, resous",
    "calculez, simplifie, combien vaut, quanto fa, quanto e, 等于, 计算, 求, 是多少, 多少, 解方程, 化简, 算, find, expand, factor",
)
SPOKEN_SUM = Words(
    "# times #, # plus #, # minus #, # divided by, # multiplied by, # x #, # over #, # mod #, # modulo #, # squared, # cubed",
    "# to the, # mal #, # geteilt durch, # hoch #, # por #, # mas #, # menos #, # entre #, # dividido, # multiplicado, # elevado",
    "# fois #, # moins #, # divise par, # divise, # multiplie par, # puissance, # diviso #, # per #, divide #, multiply #, subtract #",
    "add #, 乘以, 除以, 加上, 减去, # ^ #, # * #, # + #, # × #, # ÷ #, 乘, 的平方, 次方",
)
"""Two numbers and what to do with them; `#` of Chinese is in the digits around it."""
MATHS = Words(
    "a prime, prime number, prime numbers, primes, # prime, prime factors, prime factorization, gcd, lcm, greatest common",
    "least common, factorial, square root, cube root, sqrt, logarithm, log, derivative, integral, in binary, to binary, binary",
    "hexadecimal, hex, octal, roman numeral, roman numerals, remainder, modulo, divisible, a leap year, leap year",
    "standard deviation, median, the mean, average of, mean of, sum of, product of, percent of, percentage of, probability",
    "area of, perimeter, volume of, hypotenuse, circumference, permutations, combinations, as a fraction, as a decimal",
    "decimal places, in scientific, digits of, perfect square, cubed, squared, divisors, multiples of, decimals, how many ways, base #, lowest terms, the average, fraction #, half of #, third of #, quarter of #, as a percentage, in percent, in decimal",
    "to decimal, halfte von #, drittel von #, viertel von #, mitad de #, tercio de #, doble de #, moitie de #, tiers de #, double de #",
    "est premier, est il premier, twice #, double #, triple #, 的一半, 的三分之, 的四分之",
    "primzahl, ggt, kgv, fakultat, wurzel, quadratwurzel, ableitung, binar, binarzahl, dualzahl, teilbar, schaltjahr, quersumme",
    "mittelwert, durchschnitt von, summe von, summe der, prozent von, wahrscheinlichkeit, romische zahl, flache eines, umfang eines",
    "numero primo, es primo, primo, factorial, raiz cuadrada, raiz, derivada, integral, binario, divisible, bisiesto, promedio de",
    "media de, suma de, la media, mcd, mcm, por ciento de, probabilidad, area de, perimetro, numeros romanos, el promedio",
    "nombre premier, un nombre premier, premier #, racine carree, racine, factorielle, derivee, integrale, binaire, bissextile",
    "moyenne de, la moyenne, somme de, somme des, pgcd, ppcm, pour cent de, probabilite, aire d, perimetre, divisible par, chiffres romains",
    "质数, 素数, 平方根, 立方根, 阶乘, 导数, 积分, 二进制, 十六进制, 罗马数字, 余数, 整除, 闰年, 平均数, 平均值, 中位数, 公约数, 公倍数, 概率, 之和, 面积, 周长, 百分之",
)
"""Names a quantity that one number is enough for."""
COMPARES = Words(
    "bigger, larger, greater, smaller, cheaper, more expensive, is more, is less, higher, lower, faster, grosser, kleiner, billiger",
    "gunstiger, mayor, menor, mas barato, mas barata, mas grande, plus grand, plus grande, plus petit, moins cher, 更大, 更小, 更便宜",
    "哪个大, 哪个小, 划算, largest, smallest, biggest, longest, second largest, grosste, kleinste, das grosste",
)
NEXT = Words(
    "next, comes next, missing, continue, sequence, series, pattern, nachste, weiter, reihe, folge, fehlt, sigue, siguiente, continua",
    "secuencia, serie, falta, suivant, suite, continue, manque, 下一个, 规律, 接下来, 数列, 后面, 括号里, 填",
)
"""Asks how a row goes on."""

MECHANICAL = Words(
    "sort, reverse, count, alphabetize, alphabetise, rotate, deduplicate, dedupe, capitalize, unscramble, decode, encode, decrypt",
    "encrypt, concatenate, swap, join these, join the, rearrange, interleave, flip, uppercase, lowercase, spell, sortiere, sortier, zahle, zahl",
    "kehre, drehe, invierte, ordena, ordename, cuenta, contar, ordenar, deletrea, trie, trier, compte, compter, inverse, inverser, epelle",
)
"""An operation that needs no criterion beside what it works on."""
CALCULATES = Words(
    "calculate, compute, split, divide, multiply, subtract, add #, solve, evaluate, convert, round, simplify, increase #, decrease #",
    "berechne, rechne, teile, multipliziere, addiere, subtrahiere, runde, lose, wandle, konvertiere, kurze, vereinfache, calcula, divide",
    "multiplica, suma, resta, resuelve, convierte, redondea, reparte, simplifica, calcule, divise, multiplie, additionne, soustrais",
    "resous, convertis, arrondis, partage, simplifie, calculate the",
)
"""Does sums, where a clause begins with it."""
OPERATION = Words(
    "sort, order, reverse, count, alphabetize, alphabetise, arrange, rotate, deduplicate, dedupe, capitalize, unscramble, decode",
    "encode, decrypt, encrypt, concatenate, swap, spell, uppercase, lowercase, convert, rearrange, interleave, remove, delete, list",
    "filter, rank, replace, extract, merge, join, flip, keep, take, calculate, compute, solve, evaluate, simplify, divide, multiply",
    "subtract, split, round, factor, factorize, insert, return, find, give, put, group, intersect, strip, state, determine",
    "sortiere, sortier, ordne, zahle, zahl, kehre, drehe, entferne, losche, ersetze, berechne, rechne, lose, konvertiere, wandle",
    "wandel, rechne um, kurze, runde, teile, buchstabiere, nenne, gib, liste, vereinfache",
    "ordena, ordename, cuenta, invierte, elimina, quita, reemplaza, convierte, calcula, resuelve, simplifica, redondea, deletrea, pon",
    "ordenar, convertir, contar, invertir, calcular, divide, extrae, lista, dame, pasa, une, escribe, saca",
    "trie, trier, classe, range, inverse, inverser, compte, supprime, enleve, retire, remplace, convertis, convertir, calcule, calculer",
    "resous, simplifie, arrondis, epelle, mets, donne, extrais, liste, ordonne, compter, ecris",
)
"""Works on what is given, where a clause begins with it."""
CRITERION = Words(
    "alphabetical, alphabetically, alphabetic, ascending, descending, duplicates, duplicate, unique, vowels, vowel, consonants",
    "letter, letters, uppercase, lowercase, upper case, lower case, caps, backwards, backward, reverse, reversed, by length, even",
    "odd, primes, prime, smallest, largest, longest, shortest, palindrome, palindromes, anagram, anagrams, characters, character",
    "digits, numerically, reverse order, a z, z a, words, word, times, spaces, cipher, rot #, base #, morse, ascii, smallest to",
    "low to high, high to low, numbers, number, intersection, in common, greater than, less than, starting with, elements, syllables",
    "initials, acronym, pig latin, every other, every second, index, position, occurrences, frequency, union, appears, appear",
    "alphabetisch, alphabetischer, aufsteigend, absteigend, aufsteigender, duplikate, doppelte, doppelten, vokale, vokal, konsonanten",
    "buchstabe, buchstaben, grossbuchstaben, kleinbuchstaben, ruckwarts, umgekehrt, umgekehrter, gerade, geraden, ungeraden, zeichen",
    "worter, wort, silben, palindrom, anagramm, lange, zahlen, der grosse, leerzeichen, anfangsbuchstaben, reihenfolge",
    "alfabetico, alfabeticamente, ascendente, descendente, duplicados, repetidos, repetidas, vocales, consonantes, letra, letras",
    "mayusculas, minusculas, al reves, inverso, pares, impares, palindromo, anagrama, anagramas, caracteres, palabras, palabra",
    "silabas, de mayor, de menor, numeros, longitud, espacios, iniciales, orden inverso, veces",
    "alphabetique, croissant, decroissant, doublons, voyelles, voyelle, consonnes, lettre, lettres, majuscules, minuscules, a l envers",
    "pairs, impairs, palindrome, anagramme, anagrammes, caracteres, mots, mot, syllabes, du plus, nombres, longueur, espaces, fois",
    "ordre inverse, initiales, l envers",
    "字母, 元音, 辅音, 单词, 排序, 排列, 倒过来, 反转, 倒序, 反过来, 逆序, 大写, 小写, 去重, 重复, 回文, 从大到小, 从小到大, 升序, 降序, 偶数, 奇数, 字数, 多少个字, 几个字",
    "字符, 出现, 首字母, 笔画, 去掉, 删除, 长度, 数字, 颠倒",
)
"""What of strings, words and lists is counted, sorted or changed."""
SPELLING = Words(
    "backwards, backward, in reverse, reversed, alphabetical order, alphabetically, palindrome, anagram, anagrams, palindromes",
    "ruckwarts, alphabetisch, palindrom, anagramm, anagramme, al reves, alfabeticamente, orden alfabetico, palindromo, anagramas",
    "a l envers, l envers, ordre alphabetique, palindrome, anagrammes, 倒过来, 反过来, 倒序, 反转, 回文, 倒着, 颠倒, 逆序",
    "in uppercase, in all caps, to uppercase, to lowercase, mayusculas, majuscules, grossbuchstaben, 大写, 小写",
)
"""Only spelling can be meant, whatever verb stands before it."""
WHICH_LETTER = Words("what letter, which letter, welcher buchstabe, que letra, quelle lettre, 哪个字母, 什么字母")
COUNTS_LETTERS = Words(
    "letters in, letters are, letters does, letters has, letters is, letter in, vowels, consonants, syllables, characters in",
    "letter of, letter in, vowel, words in this, words are in, words does this, # th letter, letters does the, s are in, s in",
    "times does the, times does, occurrences of, appear in, appears in, occur in, the word, the string, the letter, the letters",
    "buchstaben, vokale, silben, buchstabe, konsonanten, das wort, im wort, zeichen hat, kommt der buchstabe, oft kommt",
    "letras tiene, letras hay, la letra, letra de, vocales, silabas, consonantes, la palabra, letras, aparece, veces aparece",
    "lettres, voyelles, syllabes, consonnes, la lettre, le mot, du mot, lettre de, apparait, fois apparait",
    "字母, 元音, 单词, 字符, 笔画, 出现, 多少个字, 几个字, 这句话, 这个词",
)
SPELLED = Words(
    "word, words, letter, letters, vowel, vowels, consonants, characters, syllables, longest, shortest, alphabetically, alphabetical",
    "palindrome, palindromes, anagram, anagrams, rhyme, wort, worter, buchstaben, vokale, palabra, palabras, letras, vocales, mot",
    "mots, lettres, voyelles, 单词, 字母, 元音, 词",
)
"""Of words, what is a matter of spelling."""
NOT_LETTERS = Words(
    "alphabet, alphabets, language, keyboard, send, sent, wrote, written, write, alfabeto, sprache, idioma, langue, abecedario, 字母表",
    "alphabet has, should, use daily, know",
)
"""Facts about letters rather than a count of them."""

MONTHS = Words(
    "january, february, march, april, may, june, july, august, september, october, november, december, jan, feb, mar, apr, jun, jul",
    "aug, sep, sept, oct, nov, dec, januar, februar, marz, mai, juni, juli, oktober, dezember, enero, febrero, marzo, abril, mayo",
    "junio, julio, agosto, septiembre, setiembre, octubre, noviembre, diciembre, janvier, fevrier, mars, avril, juin, juillet, aout",
    "septembre, octobre, novembre, decembre",
)
WEEKDAYS = Words(
    "monday, tuesday, wednesday, thursday, friday, saturday, sunday, today, tomorrow, yesterday, montag, dienstag, mittwoch",
    "donnerstag, freitag, samstag, sonntag, heute, morgen, gestern, lunes, martes, miercoles, jueves, viernes, sabado, domingo, hoy",
    "manana, ayer, lundi, mardi, mercredi, jeudi, vendredi, samedi, dimanche, aujourd hui, demain, hier, 星期, 周一, 周二, 周三, 周四",
    "周五, 周六, 周日, 今天, 明天, 昨天, 礼拜",
)
TIME_UNITS = Words(
    "second, seconds, minute, minutes, min, mins, hour, hours, hr, hrs, day, days, week, weeks, month, months, year, years, decade",
    "century, fortnight, sekunde, sekunden, minuten, stunde, stunden, tag, tage, tagen, woche, wochen, monat, monate, monaten, jahr",
    "jahre, jahren, segundo, segundos, minuto, minutos, hora, horas, dia, dias, semana, semanas, mes, meses, ano, anos, seconde",
    "secondes, heure, heures, jour, jours, semaine, semaines, mois, an, ans, annee, annees, 秒, 分钟, 小时, 天, 周, 月, 年, h",
)
MEASURES = Words(
    "mm, cm, m, km, meter, meters, metre, metres, kilometer, kilometers, kilometre, kilometres, mile, miles, mi, yard, yards, foot",
    "feet, ft, inch, inches, g, gram, grams, kg, kilo, kilos, kilogram, kilograms, pound, pounds, lb, lbs, ounce, ounces, oz, stone",
    "ton, tons, tonne, tonnes, ml, l, liter, liters, litre, litres, gallon, gallons, cup, cups, pint, pints, quart, quarts, tablespoon",
    "tablespoons, teaspoon, teaspoons, tbsp, tsp, f, c, fahrenheit, celsius, kelvin, mph, kmh, kph, knots, kb, mb, gb, tb, bytes",
    "bits, megabytes, gigabytes, terabytes, acre, acres, hectare, hectares, usd, eur, gbp, jpy, dollar, dollars, euro, euros, yen",
    "pesos, meilen, kilometern, fuss, zoll, zentimeter, pfund, unzen, gramm, kilogramm, litern, grad, millas, kilometros, metros",
    "pies, pulgadas, libras, onzas, gramos, litros, galones, grados, centimetros, dolares, kilometres, milles, pieds, pouces, livres",
    "onces, grammes, litres, degres, centimetres, metri, chilometri, 公里, 千米, 英里, 米, 厘米, 英尺, 英寸, 公斤, 千克, 克, 磅, 斤, 盎司, 升, 毫升, 加仑",
    "摄氏度, 华氏度, 美元, 人民币, 欧元, 里, 平方米, 亩, 公顷",
)
INTO = Words("in, to, into, en, a, nach, zu, as, equals, vers, to the, =")
LINK = Words(
    "are, is, there, in, a, an, one, half, make, makes, r, do, have, we, hat, haben, sind, ein, eine, einer, einem, es, ergeben, hay",
    "tiene, tienen, son, en, un, una, uno, y, t, il, dans, une, fait, font, et, de, del, d, contient, full, of, and, #, equal, equals, the",
    "leap, non, entsprechen, equivalen, equivale, mits, demi, medio, media, at, hundred, thousand, dozen, whole, single, los, las",
)
"""Between the unit that is asked for and the unit that is given."""
WEEKDAY_ASKED = Words(
    "day of the, weekday, what day, which day, what weekday, wochentag, welcher tag, was fur ein, dia de la, que dia, jour de la",
    "quel jour, 星期几, 周几, 礼拜几",
)
DATE_ASKED = Words(
    "what date, which date, the date, what time, which time, when, what day, what year, which year, welches datum, wie spat, uhr, wann",
    "welchem tag, welcher tag, que fecha, que hora, cuando, que dia, que ano, quelle date, quelle heure, quand, quel jour, quelle annee",
    "几号, 几点, 什么时候, 哪天, 哪一天, 几月, 哪年, 多久",
)
SPAN = Words(
    "between, until, till, from, since, after, before, bis, zwischen, vom, von, seit, nach, entre, desde, hasta, faltan, despues",
    "depuis, jusqu, jusqu a, avant, apres, entre le, du, 从, 到, 距离, 之间, 之后, 还有, 以后, 后, born, geboren, naci, nacido, ne en, nee, 出生",
)
TIME_AS_QUANTITY = Words(
    "how long, how old, how many years, how many days, how many months, how many hours, how many minutes, how many weeks",
    "how many seconds, wie lange, wie alt, wie viele tage, wie viele jahre, wie viele stunden, wie viele minuten",
    "wie viele wochen, wie viele monate, cuantos dias, cuantos anos, cuantas horas, cuantos minutos, cuantas semanas",
    "cuantos meses, cuanto tiempo, cuanto dura, cuanto duro, combien de temps, combien de jours, combien d heures",
    "quel age, combien d annees, combien de minutes, combien de semaines, combien de mois, quelle duree",
    "多少天, 几天, 多少年, 几岁, 多久, 多长时间, 多少小时, 几个小时, 几小时, 多少分钟, 多少周, 多大, 几年",
)
CLOCK = Words("# am, # pm, # uhr, # o clock, # h, # horas, # heures, # h #, # a m, # p m, 点")

COMPARATIVE = Words(
    "ahead of, faster than, before, after, behind, vor, hinter, nach, antes que, despues de, antes de, devant, derriere, avant, apres"
)
CONSTRAINT = Words(
    "exactly one, only one, at least one, either, neither, nor, next to, left of, right of, immediately, opposite, in front, adjacent",
    "lie, lies, liar, liars, lying, always, truth, truthful, knight, knights, knave, knaves, each, different, not both, at most, if and only, wrongly, labeled",
    "labelled, only if, unless, contains, directly, middle, every, premises, premise, statements, statement, true, false",
    "genau ein, genau einer, mindestens, entweder, weder, neben, links von, rechts von, gegenuber, lugt, lugen, lugner, wahrheit, immer, siempre, toujours, ritter",
    "schelm, schelme, jeder, jede, jedes, hochstens, verschiedene, exactamente, al menos, al lado, a la izquierda, izquierda, derecha",
    "miente, mienten, mentiroso, mentirosos, verdad, caballero, caballeros, cada, diferente, ni, solo uno, exactement, au moins, soit",
    "a cote, a gauche, a droite, ment, mentent, menteur, menteurs, verite, chevalier, chevaliers, chaque, differente, different, aucun",
    "说谎, 撒谎, 说真话, 说的是真, 骗子, 骑士, 左边, 右边, 旁边, 相邻, 恰好, 只有一, 至少, 要么, 其中, 分别, 每个人, 都不, 不同, 谎话, 真话, 假话",
)
"""Narrows down who or what may be where."""
NEGATION = Words(
    "not, t, no, never, none, cannot, doesnt, isnt, nicht, kein, keine, keinen, nie, ningun, ninguno, nunca, pas, jamais, 不, 没"
)
PERSONAL = Words(
    "i, my, me, we, our, us, your, im, ich, mein, meine, mir, wir, yo, mi, mis, nosotros, je, j, mon, ma, mes, nous, votre, 我, 你的"
)
"""Speaks of the writer: advice or talk rather than a puzzle."""
READER = Words("you, u, your, du, dir, dich, sie denken, tu, te, usted, vous, toi, 你, 您")
"""Speaks of the one who answers."""
QUANTIFIER = Words(
    "all, every, no, some, none, each, if, 所有, 每个, 没有, 有些, 有的, 都是, 如果, alle, kein, keine, einige, jeder, jede, jedes, wenn, manche, todos, todas, ningun, ninguna",
    "algunos, algunas, todo, toda, si, tous, toutes, tout, toute, aucun, aucune, certains, certaines, given, only, most, whenever",
    "either, only if, suppose, solo, nur, seuls",
)
"""Begins a premise."""
CONCLUDES = Words(
    "can we conclude, conclude, follow, follows, logically, necessarily, infer, valid, must be, true or false, folgt, schliessen",
    "zwingend, gultig, stimmt es, concluir, deducir, se deduce, necesariamente, conclure, deduire, necessairement, valide, on deduire",
    "推出, 推断, 结论, 一定, 成立, 对吗, 是否, does it follow",
)
WHO = Words(
    "who, which, whose, what, where, whom, wer, welcher, welche, welches, wem, wo, was, quien, quienes, cual, que, donde, qui, quel, quelle",
    "lequel, laquelle, ou, que, 谁, 哪, 什么, 几, how many, in what order, order",
)
YES_NO = Words(
    "is, are, was, does, do, did, can, must, could, will, has, ist, sind, kann, hat, muss, regnet, hat es, es, son, puede, tiene, est, sont",
    "peut, est ce, a t, on peut, peut on, se puede, podemos, therefore, so, then, also, 吗, 是否",
)
PUZZLE = Words(
    "logic puzzle, zebra puzzle, logical puzzle, logikratsel, acertijo logico, enigme logique, 逻辑题, 推理题, propositional logic"
)
TURNS = Words(
    "north, south, east, west, left, right, norden, suden, osten, westen, nord, sud, links, rechts, norte, sur, este, oeste, izquierda",
    "derecha, est, ouest, gauche, droite, 东, 南, 西, 北, 左, 右",
)
KIN = Words(
    "mother, father, son, daughter, brother, sister, uncle, aunt, cousin, grandmother, grandfather, niece, nephew, wife, husband, parents, married, child, children, siblings",
    "mutter, vater, sohn, tochter, bruder, schwester, onkel, tante, madre, padre, hijo, hija, hermano, hermana, tio, tia, mere, pere",
    "fils, fille, frere, soeur, oncle, 妈妈, 爸爸, 儿子, 女儿, 哥哥, 姐姐, 弟弟, 妹妹, 父亲, 母亲, 叔叔, 舅舅",
)
RELATED = Words(
    "related, relation, relationship, verwandt, verwandtschaft, parentesco, relacion, lien de, parente, 什么关系, who is, wer ist, quien es, qui est, 是谁"
)
EXACTLY = Words("exactly #, precisely #, genau #, exactamente #, exactement #, 恰好, 正好")

OUTPUT = Words(
    "print, prints, printed, output, outputs, return, returns, returned, result, results, evaluate, evaluates, evaluate to, displayed",
    "give, gives, equal, equals, ergibt, donne, que da, 得到, 是什么, logged, value of, final value, s x, s y, is x, is y, at the end, what is x, end up, shown, ausgabe, gibt, ausgegeben, ergebnis",
    "wert, liefert, imprime, imprimira, salida, muestra, devuelve, resultado, valor, vale, affiche, afficher, affichera, sortie",
    "retourne, renvoie, resultat, valeur, vaut, 输出, 打印, 结果, 返回, 运行, 值是",
)
"""Asks what code comes to."""
PROGRAM = Words(
    "function, program, script, regex, code, sql, query, formula, macro, python, javascript, java, excel, funktion, programm, skript",
    "funcion, programa, fonction, programme, 函数, 代码, 脚本, 程序, 公式",
)

DOUBT = Words(
    "forgot, forgotten, missed, overlooked, dont think, t think, though, supposed to, expected, did you, have you, answer key, my answer",
    "vergessen, hast du, ubersehen, kann nicht, olvidaste, olvidas, contaste, oublie, as tu, as oublie, ca ne, 忘, 漏, 答案, 算出来, 我算",
    "wouldn t, doesn t, don t, isnt, doesnt, cant, incorrectly, are you certain, komme ich, anders, something else, stimmt nicht, contradict",
    "sure, wrong, incorrect, mistake, mistaken, check, recheck, double check, recalculate, recount, not right, t right, not correct, t correct",
    "off, really, again, no, nope, nah, hmm, i get, i got, i count, i counted, i think it, shouldn t, should be, t it, disagree, seems, error",
    "verify, count again, not true, t add, t match, isn t, can t be, try again, redo, are you certain, that can, sicher, falsch, stimmt, fehler",
    "nochmal, noch mal, noch einmal, pruf, prufe, nein, irrst, komme auf, richtig, glaube nicht, seguro, segura, mal, incorrecto, error, revisa",
    "revisalo, equivocas, equivocado, equivocaste, otra vez, de nuevo, no es, me sale, me da, comprueba, correcto, verdad, sur, sure, faux",
    "erreur, verifie, recompte, recalcule, trompes, trompe, non, je trouve, incorrect, pas correct, pas bon, pas juste, j obtiens, vraiment",
    "确定, 不对, 错了, 错误, 再算, 再数, 检查, 重新, 不是, 应该是, 真的吗, 算错, 再想, 有误, 不正确, 好像",
)
"""Doubts what was said."""
THANKS = Words(
    "thanks, thank, thx, ty, cheers, great, perfect, awesome, danke, super, gracias, genial, perfecto, merci, parfait, cool, 谢谢, 多谢, 感谢, 好的"
)
CONTINUES = Words(
    "and, what about, how about, what if, same, but if, but with, instead, and if, now with, now for, suppose, make it, if it, if there, if i, if we",
    "und, was ist mit, was wenn, und wenn, wenn, dasselbe, y, y si, que tal, lo mismo, pero con, et, et si, et pour, et avec, pareil, meme chose",
    "with, for, mit, fur, con, para, avec, pour, in, en",
)
"""Begins a variation of what was asked before."""
CONTINUES_IN_HAN = Words("那, 如果, 要是, 换成, 改成, 呢")
NOW = Words(
    "now, jetzt, ahora, maintenant, do, try, ok, okay, repeat, then, also, do the, but, aber, pero, mais, oder, or, use, using, change, 现在"
)
NEW_TOPIC = Words(
    "what is the, what s the, whats the, what does, what do, which, was ist die, was ist der, cual es, quel est, quelle est, who, when, where, why, wer, wann, wo, warum, quien, cuando, donde, por que, qui, quand, pourquoi, 谁, 为什么, how do, how did, explain",
    "erklare, explica, explique, 解释, how come, weather, joke",
)
"""Begins a question of its own, or asks how an answer came about."""
