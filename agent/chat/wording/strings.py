"""Words of operations on strings and lists."""

from pilotage.agent.chat.wording.words import Words

MECHANICAL = Words(
    "sort, reverse, count, alphabetize, alphabetise, rotate, deduplicate, dedupe, capitalize, unscramble, decode",
    "encode, decrypt, encrypt, concatenate, swap, join these, join the, rearrange, interleave, flip, uppercase",
    "lowercase, spell, sortiere, sortier, zahle, zahl, kehre, drehe, invierte, ordena, ordename, cuenta, contar",
    "ordenar, deletrea, trie, trier, compte, compter, inverse, inverser, epelle, reorder, transpose, repeat",
    "index of, replace, ersetze, remplace, reemplaza, sustituye, tausche, wiederhole, repite, repete, invert",
    "tally, anagram, merge",
)
"""An operation that needs no criterion beside what it works on."""
CALCULATES = Words(
    "calculate, compute, split, divide, multiply, subtract, add #, solve, evaluate, convert, round, simplify",
    "increase #, decrease #, berechne, rechne, zieh, ziehe, addier, teile, multipliziere, addiere, subtrahiere",
    "runde, lose, wandle, konvertiere, kurze, vereinfache, calcula, multiplica, suma, resta, resuelve, convierte",
    "redondea, reparte, simplifica, calcule, divise, multiplie, additionne, soustrais, resous, convertis",
    "arrondis, partage, simplifie, calculate the, sum, sume, summiere, somme, increase, decrease, double",
)
"""Does sums, where a clause begins with it."""
OPERATION = Words(
    "sort, order, reverse, count, alphabetize, alphabetise, arrange, rotate, deduplicate, dedupe, capitalize",
    "unscramble, decode, encode, decrypt, encrypt, concatenate, swap, spell, uppercase, lowercase, convert",
    "rearrange, interleave, remove, delete, list, turn, change, make, filter, rank, replace, extract, merge, join",
    "flip, keep, take, calculate, compute, solve, evaluate, simplify, divide, multiply, subtract, split, round",
    "factor, factorize, insert, return, find, give, put, group, intersect, strip, state, determine, sortiere",
    "sortier, ordne, zahle, zahl, kehre, drehe, entferne, losche, ersetze, berechne, rechne, lose, konvertiere",
    "wandle, wandel, rechne um, kurze, runde, teile, buchstabiere, nenne, gib, liste, vereinfache, ordena",
    "ordename, cuenta, invierte, elimina, quita, reemplaza, convierte, calcula, resuelve, simplifica, redondea",
    "deletrea, pon, ordenar, convertir, contar, invertir, calcular, extrae, lista, dame, pasa, une, escribe, saca",
    "trie, trier, classe, range, inverse, inverser, compte, supprime, enleve, retire, remplace, convertis",
    "calcule, calculer, resous, simplifie, arrondis, epelle, mets, donne, extrais, ordonne, compter, ecris",
)
"""Works on what is given, where a clause begins with it."""
CRITERION = Words(
    "snake case, camel case, camelcase, title case, alphabetical, alphabetically, alphabetic, ascending",
    "descending, duplicates, duplicate, unique, vowels, vowel, consonants, letter, letters, uppercase, lowercase",
    "upper case, lower case, caps, backwards, backward, reverse, reversed, by length, even, odd, primes, prime",
    "smallest, largest, longest, shortest, palindrome, palindromes, anagram, anagrams, characters, character",
    "digits, numerically, reverse order, a z, z a, words, word, times, spaces, cipher, rot #, base #, morse",
    "ascii, smallest to, low to high, high to low, numbers, number, intersection, in common, greater than",
    "less than, starting with, elements, syllables, initials, acronym, pig latin, every other, every second",
    "index, position, occurrences, frequency, union, appears, appear, alphabetisch, alphabetischer, aufsteigend",
    "absteigend, aufsteigender, duplikate, doppelte, doppelten, vokale, vokal, konsonanten, buchstabe, buchstaben",
    "grossbuchstaben, kleinbuchstaben, ruckwarts, umgekehrt, umgekehrter, gerade, geraden, ungeraden, zeichen",
    "worter, wort, silben, palindrom, anagramm, lange, zahlen, der grosse, leerzeichen, anfangsbuchstaben",
    "reihenfolge, alfabetico, alfabeticamente, ascendente, descendente, duplicados, repetidos, repetidas, vocales",
    "consonantes, letra, letras, mayusculas, minusculas, al reves, inverso, pares, impares, palindromo, anagrama",
    "anagramas, caracteres, palabras, palabra, silabas, de mayor, de menor, numeros, longitud, espacios",
    "iniciales, orden inverso, veces, alphabetique, croissant, decroissant, doublons, voyelles, voyelle",
    "consonnes, lettre, lettres, majuscules, minuscules, a l envers, pairs, impairs, anagramme, anagrammes, mots",
    "mot, syllabes, du plus, nombres, longueur, espaces, fois, ordre inverse, initiales, l envers, 字母, 元音",
    "辅音, 单词, 排序, 排列, 倒过来, 反转, 倒序, 反过来, 逆序, 大写, 小写, 去重, 重复, 回文, 从大到小, 从小到大",
    "升序, 降序, 偶数, 奇数, 字数, 多少个字, 几个字, 字符, 出现, 首字母, 笔画, 去掉, 删除, 长度, 数字, 颠倒, 空格",
    "分割, 替换, matrix, matriz, matrice, vocal, initial, separated, comma, commas, dashes, underscores, hyphens",
    "digit, per line",
)
"""What of strings, words and lists is counted, sorted or changed."""
SPELLING = Words(
    "all caps, backwards, backward, in reverse, reversed, alphabetical order, alphabetically, palindrome, anagram",
    "anagrams, palindromes, ruckwarts, alphabetisch, palindrom, anagramm, anagramme, al reves, alfabeticamente",
    "orden alfabetico, palindromo, anagramas, a l envers, l envers, ordre alphabetique, anagrammes, 倒过来",
    "反过来, 倒序, 反转, 回文, 倒着, 颠倒, 逆序, in uppercase, in all caps, to uppercase, to lowercase",
    "mayusculas, majuscules, grossbuchstaben, 大写, 小写, without vowels, without the vowels, sans voyelles",
    "sin vocales, ohne vokale, no vowels, in caps, in lowercase, lowercase, uppercase, minusculas, minuscules",
    "kleinbuchstaben",
)
"""Only spelling can be meant, whatever verb stands before it."""
SPELLED = Words(
    "word, words, letter, letters, vowel, vowels, consonants, characters, syllables, longest, shortest",
    "alphabetically, alphabetical, palindrome, palindromes, anagram, anagrams, rhyme, wort, worter, buchstaben",
    "vokale, palabra, palabras, letras, vocales, mot, mots, lettres, voyelles, 单词, 字母, 元音, 词",
)
"""Of words, what is a matter of spelling."""
ITEM = Words(
    "item, element, word, letter, number, entry, character, digit, buchstabe, wort, zahl, zeichen, letra, palabra",
    "numero, elemento, caracter, lettre, mot, nombre, caractere, 字母, 单词, 数字, 字符, 元素, 字, letters, words",
    "items, elements, digits, characters, names, letras, palabras, lettres, mots, worter",
)
"""A part of a list or of a word."""
ORDINAL = Words(
    "first, second, third, fourth, fifth, last, # st, # nd, # rd, # th, erste, ersten, zweite, dritte, vierte",
    "funfte, letzte, letzten, primera, primer, segunda, tercera, cuarta, quinta, ultima, ultimo, premiere",
    "deuxieme, troisieme, quatrieme, derniere, dernier, # eme, # e, # a, # o, 第, 最后",
)
"""Which of the items of a list or the letters of a word."""
WHICH_LETTER = Words(
    "what letter, which letter, welcher buchstabe, que letra, quelle lettre, 哪个字母, 什么字母",
)
"""Asks for a letter by its place."""
COUNTS_LETTERS = Words(
    "occurs in, occur, number of times, how many times, letters in, letters are, letters does, letters has",
    "letters is, letter in, vowels, consonants, syllables, characters in, letter of, vowel, words in this",
    "words are in, words does this, # th letter, letters does the, s are in, s in, times does the, times does",
    "occurrences of, appear in, appears in, occur in, the word, the string, the letter, the letters, buchstaben",
    "vokale, silben, buchstabe, konsonanten, das wort, im wort, zeichen hat, kommt der buchstabe, oft kommt",
    "letras tiene, letras hay, la letra, letra de, vocales, silabas, consonantes, la palabra, letras, aparece",
    "veces aparece, lettres, voyelles, syllabes, consonnes, la lettre, le mot, du mot, lettre de, apparait",
    "fois apparait, 字母, 元音, 单词, 字符, 笔画, 出现, 多少个字, 几个字, 这句话, 这个词, ascii",
)
"""Asks how often, or where, something stands in a text."""
NOT_LETTERS = Words(
    "alphabet, alphabets, language, keyboard, send, sent, wrote, written, write, alfabeto, sprache, idioma",
    "langue, abecedario, 字母表, alphabet has, should, use daily, know",
)
"""Facts about letters rather than a count of them."""
