"""Words of sums, amounts, units, dates and times."""

from pilotage.agent.chat.wording.words import Words

AMOUNT = Words(
    "total, sum, average, remainder, quotient, percentage, probability, chance, chances, odds, fraction, ratio",
    "price, cost, costs, profit, revenue, balance, amount, age, ages, weight, speed, distance, area, volume",
    "perimeter, length, width, height, radius, diameter, interest, discount, tip, share, bmi, salary, rate",
    "measure, value, angle, each pay, each of us, gesamt, insgesamt, summe, durchschnitt",
    "durchschnittsgeschwindigkeit, preis, kosten, gewinn, geschwindigkeit, flache, flacheninhalt, umfang, volumen",
    "wahrscheinlichkeit, alter, zinsen, rest, gesamtpreis, strecke, suma, promedio, precio, coste, costo",
    "ganancia, velocidad, velocidad media, distancia, perimetro, probabilidad, edad, interes, descuento, resto",
    "somme, moyenne, prix, cout, benefice, vitesse, aire, surface, perimetre, probabilite, interet, reste, remise",
    "montant, 总共, 一共, 平均, 面积, 周长, 体积, 速度, 距离, 概率, 利润, 利息, 价格, 剩下, 还剩, 相遇, 求",
    "ankunft, arrival, llegada, arrivee, largeur, longueur, hauteur, salaire, lange, breite, hohe, do they meet",
    "will they meet, they be, treffen sie, se encuentran, se encontraran, se croisent, se rencontrent, what time",
    "what s left, is left, are left, who has more, uhrzeit, be worth, break even, catch up, payment, payments",
    "installment, rata, raten, cuota, mensualidad, mensualite, mensualites, 月供",
)
"""What quantities are asked to come to, where a clause asks what it is."""
RATE = Words(
    "im monat, am tag, pro tag, die stunde, al mes, por mes, par mois, par jour, de l heure, par heure",
    "la semaine, each, per, percent, %, mph, km h, apiece, every, an hour, a day, a week, a month, a piece",
    "jeweils, je, pro, stundenkilometer, stuck, cada, por hora, por ciento, al dia, a la semana, chacun, chacune",
    "par, piece, 每, 折",
)
"""Makes one quantity of another."""
IF = Words("if, when, wenn, falls, si, 如果, 假如, given, suppose, assuming, angenommen, supongamos, sachant")
"""Begins a supposition."""
RELATION = Words(
    "more than, less than, fewer than, older than, younger than, times as, times more, twice, half, third",
    "quarter, double, triple, dozen, half of, as many, rest, doppelt so, halfte, drittel, viertel, mehr als",
    "weniger als, alter als, doble, mitad, tercio, mas que, menos que, moitie, tiers, quart, fois plus",
    "de plus que, de moins que, 倍, 一半, 比, 折",
)
"""Gives a quantity by another one."""
NUMBER_WORDS = Words(
    "two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, fifteen, twenty, thirty, forty, fifty",
    "hundred, dozen, zwei, drei, vier, funf, sechs, sieben, acht, neun, zehn, zwolf, zwanzig, dos, tres, cuatro",
    "cinco, seis, siete, ocho, nueve, diez, doce, veinte, deux, trois, quatre, cinq, sept, huit, neuf, dix, douze",
    "vingt, half, twice, halfte, mitad, moitie, doble, thirteen, fourteen, sixteen, seventeen, eighteen, nineteen",
    "sixty, seventy, eighty, ninety, thousand, dreissig, vierzig, funfzig, hundert, treinta, cuarenta, cincuenta",
    "cien, trente, quarante, cinquante, cent",
)
"""Numbers in words; one is an article as well."""
ASKS_VALUE = Words(
    "what is, what s, whats, how much is, how much are, calculate, compute, evaluate, solve, simplify, equals",
    "result of, work out, was ist, was sind, wie viel ist, wieviel ist, wieviel sind, wie viel sind, was ergibt",
    "ergibt, berechne, rechne, lose, was macht, cuanto es, cuanto son, cuanto da, calcula, resuelve, simplifica",
    "resultado de, combien font, combien fait, calcule, resous, calculez, simplifie, combien vaut, quanto fa",
    "quanto e, 等于, 计算, 求, 是多少, 多少, 解方程, 化简, 算, find, expand, factor, ergebnis von, das ergebnis",
    "resultat de, el resultado",
)
"""Asks what an expression comes to."""
SPOKEN_SUM = Words(
    "# times #, # plus #, # minus #, # divided by, # multiplied by, # x #, # over #, # mod #, # modulo #",
    "# squared, # cubed, divided by, multiplied by, geteilt durch, dividido por, dividido entre, divise par",
    "multiplicado por, # to the, # mal #, # geteilt durch, # hoch #, # por #, # mas #, # menos #, # entre #",
    "# dividido, # multiplicado, # elevado, # fois #, # moins #, # divise par, # divise, # multiplie par",
    "# puissance, # diviso #, # per #, divide #, multiply #, subtract #, add #, 乘以, 除以, 加上, 减去, # ^ #",
    "# * #, # + #, # × #, # ÷ #, 乘, 的平方, 次方",
)
"""Two numbers and what to do with them; `#` of Chinese is in the digits around it."""
MATHS = Words(
    "a prime, prime number, prime numbers, primes, # prime, prime factors, prime factorization, gcd, lcm",
    "greatest common, least common, factorial, square root, cube root, sqrt, logarithm, log, derivative, integral",
    "in binary, to binary, binary, hexadecimal, hex, octal, roman numeral, roman numerals, remainder, modulo",
    "divisible, a leap year, leap year, standard deviation, median, the mean, average of, mean of, sum of",
    "product of, percent of, percentage of, probability, area of, perimeter, volume of, hypotenuse, circumference",
    "permutations, combinations, as a fraction, as a decimal, decimal places, in scientific, digits of",
    "perfect square, cubed, squared, divisors, multiples of, decimals, how many ways, base #, lowest terms",
    "the average, fraction #, half of #, third of #, quarter of #, as a percentage, in percent, in decimal",
    "to decimal, halfte von #, drittel von #, viertel von #, mitad de #, tercio de #, doble de #, moitie de #",
    "tiers de #, double de #, est premier, est il premier, twice #, double #, triple #, # dozen, carre de",
    "cube de, cubo de, choose #, minimo comun, maximo comun, plus petit commun, plus grand commun",
    "kleinste gemeinsame, grosste gemeinsame, 分数, 小数, cube of, square of, al cuadrado, al cubo, au carre",
    "au cube, zum quadrat, quadrat von, cuadrado de, 根号, 的和, 的平方, 的一半, 的三分之, 的四分之, primzahl",
    "ggt, kgv, fakultat, wurzel, quadratwurzel, ableitung, binar, binarzahl, dualzahl, teilbar, schaltjahr",
    "quersumme, mittelwert, durchschnitt von, summe von, summe der, prozent von, wahrscheinlichkeit",
    "romische zahl, flache eines, umfang eines, numero primo, es primo, primo, raiz cuadrada, raiz, derivada",
    "binario, bisiesto, promedio de, media de, suma de, la media, mcd, mcm, por ciento de, probabilidad, area de",
    "perimetro, numeros romanos, el promedio, nombre premier, un nombre premier, premier #, racine carree, racine",
    "factorielle, derivee, integrale, binaire, bissextile, moyenne de, la moyenne, somme de, somme des, pgcd",
    "ppcm, pour cent de, probabilite, aire d, perimetre, divisible par, chiffres romains, 质数, 素数, 平方根",
    "立方根, 阶乘, 导数, 积分, 二进制, 十六进制, 罗马数字, 余数, 整除, 闰年, 平均数, 平均值, 中位数, 公约数",
    "公倍数, 概率, 之和, 面积, 周长, 百分之, next prime, prime after, prime before, largest prime, smallest prime",
    "prime between, primes between, in dezimal, als dezimalzahl, als bruch, en decimal, en fraccion, en fraction",
    "als dezimal, scientific notation, notacion cientifica, percentage change, percent change, percent increase",
    "percentage increase, porcentaje de, tercios de #, cuartos de #, quintos de #, quarts de #, reste de",
    "resto de, rest von, add up #, wie viel prozent, what percent, que porcentaje, quel pourcentage, 百分之几",
    "最小公倍数, 最大公约数, 次方, 除以, 开方, composite, quersumme von, ungerade, parity, sum of the, round to",
    "to the nearest, nearest hundred, absolute value, average speed, reciprocal, inverse of",
)
"""Names a quantity that one number is enough for."""
COMPARES = Words(
    "bigger, larger, greater, smaller, cheaper, more expensive, is more, is less, higher, lower, faster, grosser",
    "kleiner, billiger, gunstiger, mayor, menor, mas barato, mas barata, mas grande, plus grand, plus grande",
    "plus petit, moins cher, 更大, 更小, 更便宜, 哪个大, 哪个小, 划算, 最大, 最小, 最长, 最短, 第二大, largest",
    "smallest, biggest, longest, second largest, grosste, kleinste, das grosste, weighs more, costs more, longer",
    "heavier, schwerer, pesa mas, plus lourd, 更重, 更长",
)
"""Asks which of some amounts is the larger."""
NEXT = Words(
    "next, comes next, missing, continue, sequence, series, pattern, nachste, nachstes, nachster, weiter, reihe",
    "folge, fehlt, sigue, siguiente, continua, secuencia, serie, falta, suivant, suite, manque, 下一个, 规律",
    "接下来, 数列, 后面, 括号里, 填, intrus, l intrus, intruso, odd one, belong, passt nicht, 不同类, 规律是",
)
"""Asks how a row goes on."""
EXACTLY = Words("exactly #, precisely #, genau #, exactamente #, exactement #, 恰好, 正好")
"""Demands an exact amount."""
MONTHS = Words(
    "january, february, march, april, may, june, july, august, september, october, november, december, jan, feb",
    "mar, apr, jun, jul, aug, sep, sept, oct, nov, dec, januar, februar, marz, mai, juni, juli, oktober, dezember",
    "enero, febrero, marzo, abril, mayo, junio, julio, agosto, septiembre, setiembre, octubre, noviembre",
    "diciembre, janvier, fevrier, mars, avril, juin, juillet, aout, septembre, octobre, novembre, decembre",
)
"""Names of months."""
WEEKDAYS = Words(
    "monday, tuesday, wednesday, thursday, friday, saturday, sunday, today, tomorrow, yesterday, montag, dienstag",
    "mittwoch, donnerstag, freitag, samstag, sonntag, heute, morgen, gestern, lunes, martes, miercoles, jueves",
    "viernes, sabado, domingo, hoy, manana, ayer, lundi, mardi, mercredi, jeudi, vendredi, samedi, dimanche",
    "aujourd hui, demain, hier, 星期, 周一, 周二, 周三, 周四, 周五, 周六, 周日, 今天, 明天, 昨天, 礼拜",
)
"""Names of days."""
TIME_UNITS = Words(
    "second, seconds, minute, minutes, min, mins, hour, hours, hr, hrs, day, days, week, weeks, month, months",
    "year, years, decade, century, fortnight, sekunde, sekunden, minuten, stunde, stunden, tag, tage, tagen",
    "woche, wochen, monat, monate, monaten, jahr, jahre, jahren, segundo, segundos, minuto, minutos, hora, horas",
    "dia, dias, semana, semanas, mes, meses, ano, anos, seconde, secondes, heure, heures, jour, jours, semaine",
    "semaines, mois, an, ans, annee, annees, 秒, 分钟, 小时, 天, 周, 月, 年, h, fortnights, decades, centuries",
    "millisecond, milliseconds, std, quarter hour",
)
"""Units of time."""
MEASURES = Words(
    "mm, cm, m, km, meter, meters, metre, metres, kilometer, kilometers, kilometre, kilometres, mile, miles, mi",
    "yard, yards, foot, feet, ft, inch, inches, g, gram, grams, kg, kilo, kilos, kilogram, kilograms, pound",
    "pounds, lb, lbs, ounce, ounces, oz, stone, ton, tons, tonne, tonnes, ml, l, liter, liters, litre, litres",
    "gallon, gallons, cup, cups, pint, pints, quart, quarts, tablespoon, tablespoons, teaspoon, teaspoons, tbsp",
    "tsp, f, c, fahrenheit, celsius, kelvin, mph, utc, gmt, cet, cest, pst, pdt, edt, cst, bst, jst, kmh, kph",
    "knots, k, kb, mb, gb, tb, bytes, bits, megabytes, gigabytes, terabytes, acre, acres, hectare, hectares, usd",
    "eur, gbp, jpy, dollar, dollars, euro, euros, yen, pesos, meilen, kilometern, fuss, zoll, zentimeter, pfund",
    "unzen, gramm, kilogramm, litern, grad, millas, kilometros, metros, pies, pulgadas, libras, onzas, gramos",
    "litros, galones, grados, centimetros, dolares, milles, pieds, pouces, livres, onces, grammes, degres",
    "centimetres, metri, chilometri, 公里, 千米, 英里, 米, 厘米, 英尺, 英寸, 公斤, 千克, 克, 磅, 斤, 盎司, 升",
    "毫升, 加仑, 摄氏度, 华氏度, 美元, 人民币, 欧元, 里, 平方米, 亩, 公顷, centimeter, centimeters, centimetre",
    "millimeter, millimeters, milliliter, milliliters, milligram, milligrams, mg, kwh, joules, calories, kcal",
    "watts, stones, decimeter, metern, kilometro, kilogramos, kilogrammes, pulgada, pie, milla, libra, onza",
)
"""Units of everything else, currencies and time zones among them."""
INTO = Words("in, to, into, en, a, nach, zu, as, equals, vers, to the, =")
"""Before the unit to convert into."""
LINK = Words(
    "are, is, there, in, a, an, one, half, make, makes, r, do, have, we, hat, haben, sind, ein, eine, einer",
    "einem, es, ergeben, hay, tiene, tienen, son, en, un, una, uno, y, t, il, dans, une, fait, font, et, de, del",
    "d, contient, full, of, and, #, equal, equals, the, leap, non, das, der, die, den, entsprechen, equivalen",
    "equivale, mits, demi, medio, media, at, hundred, thousand, dozen, whole, single, los, las",
)
"""Between the unit that is asked for and the unit that is given."""
WEEKDAY_NAMED = Words("of the week, weekday, wochentag, de la semana, de la semaine, 星期几, 周几, 礼拜几")
"""Asks for a weekday and nothing else."""
WEEKDAY_ASKED = Words(
    "which days, what days, day of the, weekday, what day, which day, what weekday, wochentag, welcher tag",
    "was fur ein, dia de la, que dia, jour de la, quel jour, 星期几, 周几, 礼拜几",
)
"""Asks for a day."""
DATE_ASKED = Words(
    "what date, which date, the date, what time, which time, when, what day, what year, which year, welches datum",
    "wie spat, viel uhr, wieviel uhr, welche uhrzeit, wann, welchem tag, welcher tag, que fecha, que hora, cuando",
    "que dia, que ano, quelle date, quelle heure, quand, quel jour, quelle annee, 几号, 几点, 什么时候, 哪天",
    "哪一天, 几月, 哪年, 多久",
)
"""Asks for a date or a time."""
SPAN = Words(
    "between, until, till, from, since, after, before, bis, zwischen, vom, von, seit, nach, entre, desde, hasta",
    "faltan, despues, depuis, jusqu, jusqu a, avant, apres, entre le, du, 从, 到, 距离, 之间, 之后, 还有, 以后",
    "后, born, geboren, naci, nacido, ne en, nee, 出生",
)
"""Sets a date or a time against another."""
THAT_IN = Words("that in, this in, it in, das in, eso en, es en, ca en, cela en, 换成, 是当地, time in")
"""Asks for a time elsewhere."""
TIME_AS_QUANTITY = Words(
    "how long, how old, how many years, how many days, how many months, how many hours, how many minutes",
    "how many weeks, how many seconds, wie lange, wie alt, wie viele tage, wie viele jahre, wie viele stunden",
    "wie viele minuten, wie viele wochen, wie viele monate, cuantos dias, cuantos anos, cuantas horas",
    "cuantos minutos, cuantas semanas, cuantos meses, cuanto tiempo, cuanto dura, cuanto duro, combien de temps",
    "combien de jours, combien d heures, quel age, combien d annees, combien de minutes, combien de semaines",
    "combien de mois, quelle duree, 多少天, 几天, 多少年, 几岁, 多久, 多长时间, 多少小时, 几个小时, 几小时",
    "多少分钟, 多少周, 多大, 几年, wieviel tage, wieviel stunden, wieviel minuten, wieviel jahre, wie viel zeit",
    "que edad, 几个月, 多少个月",
)
"""Asks for a time as an amount."""
CLOCK = Words("# am, # pm, # uhr, # o clock, # h, # horas, # heures, # h #, # a m, # p m, 点")
"""A time of day."""
