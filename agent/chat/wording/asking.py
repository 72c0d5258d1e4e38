"""Words that say what is wanted of the reader: a text, advice, a meaning, a count, an amount."""

from pilotage.agent.chat.wording.words import Words

INTO_LANGUAGE = frozenset("in into to ins auf al en".split())
"""Before the name of a language: a translation into it."""
POLITE = Words(
    "hi, hey, hello, ok, okay, so, well, please, pls, plz, can, could, would, will, you, u, now, and, then, just",
    "also, i, want, need, like, d, ll, to, help, tell, me, us, let, s, lets, quick, one, question, maybe, kindly",
    "first, next, yo, alright, hallo, bitte, kannst, konntest, konnen, konnten, wurdest, du, sie, mir, mal, und",
    "dann, jetzt, uns, ich, mochte, hilf, zu, hola, por, favor, puedes, podrias, puede, podria, ayudame, ayuda, a",
    "y, ahora, quiero, que, necesito, bonjour, salut, coucou, peux, pouvez, pourrais, pourriez, tu, vous, moi",
    "aide, et, merci, de, s il te, plait, stp, svp",
)
"""Before the word that a clause begins with in earnest."""
ADDRESSED = Words(
    "kannst, konntest, konnen sie, konnten sie, bitte, du, puedes, podrias, puede, podria, quiero que, ayudame",
    "quiero, peux, pouvez, pourrais, pourriez, aide moi, je veux, j aimerais, por favor, necesito",
)
"""Marks a clause of a language whose requests may put the verb anywhere."""
PROSE = Words(
    "write, compose, draft, translate, summarize, summarise, rewrite, rephrase, paraphrase, proofread, edit",
    "polish, suggest, recommend, brainstorm, come up with, make up, make this, make it, make my, make the text",
    "imagine, invent, pretend, shorten, expand, improve, reword, correct, fix, tl dr, tldr, tl, a story, a joke",
    "a poem, a riddle, tell a, a haiku, generate, design, plan, create, a limerick, an essay, a song, poem, story",
    "essay, haiku, describe, discuss, proof read, put that in, put this in, put it in, check this, check my",
    "check the, clean up, simplify this, explain this, explain it, change the tone, give me bullet, sum up",
    "turn this into, tone down, give feedback, condense, summary, an email, advise, build, schreib, schreibe",
    "verfasse, formuliere, dichte, erfinde, ubersetze, ubersetz, uebersetze, fasse, fass, korrigiere, verbessere",
    "empfiehl, schlag, erzahl, erzahle, uberarbeite, beschreibe, einen witz, ein gedicht, mach das, mach es",
    "mach den, mach diesen, mach daraus, denk dir, kurze den, kurze diesen, escribe, escribeme, redacta, compon",
    "traduce, traduceme, resume, resumeme, reescribe, parafrasea, corrige, mejora, inventa, recomienda",
    "recomiendame, sugiere, cuentame, hazme, dame ideas, un poema, un cuento, un chiste, haz un, haz esto",
    "haz mas, haz este, hazlo, pon esto, acorta, crea, escriba, traduzca, resuma, traducir, redacte, ecris",
    "ecrivez, redige, redigez, traduis, traduisez, traduire, resumez, reformule, reformulez, corrigez, riassumi",
    "traduci, scrivi, correggi, traduza, escreva, vat, vertaal, schrijf, переведи, напиши, перескажи, исправь",
    "ameliore, invente, inventez, propose, suggere, recommande, raconte, decris, fais un, fais moi, un poeme",
    "rends, mets ce, mets cette, mets le texte, simplifie ce, raccourcis, ubersetzung, traduccion, traduction",
    "translation, zusammenfassung, resumen, adapt, adapta, adapte, remix, outline, elaborate, elabora, cree",
    "genere, generiere, erstelle, entwirf, haz una, fais une, reply to this, reply to the, respond to this, answer my",
    "antworte, responde a, reponds a, beantworte diese",
)
"""Asks for prose, where a clause begins with it."""
EXPLAIN = Words("explain, erklare, erklar, explica, explicame, explique, expliquez, explique moi")
"""Asks for an explanation, where a message begins with it; at its end it only asks to show how."""
PROSE_ANYWHERE = Words(
    "mejorar, reescribir, acortar, adaptar, umschreiben, uberarbeiten, anpassen, ameliorer, raccourcir, adapter",
    "schreiben, ubersetzen, uebersetzen, zusammenfassen, umformulieren, verfassen, formulieren, korrigieren",
    "verbessern, empfehlen, vorschlagen, ausdenken, erzahlen, escribir, escribas, redactar, traducir, traduzcas",
    "resumir, resumas, corregir, inventar, recomendar, sugerir, contar un, contarme un, ecrire, rediger, traduire",
    "resumer, reformuler, corriger, inventer, proposer, suggerer, recommander, raconter, ins englische",
    "ins deutsche, auf englisch, al ingles, en anglais, 翻译, 要約, 翻訳, 訳して, 書いて, 错别字, 译成, 译为",
    "翻成, 缩短, 精简, 改一下, 改成更, 扩展, 总结, 概括, 摘要, 改写, 润色, 缩写, 扩写, 推荐, 写一, 写首, 写篇",
    "写个, 写封, 写段, 帮我写, 请写, 创作, 编一, 编个, 讲个, 讲一个, 作一首, 作文, 修改, 起名, 取名, 起几个名",
    "怎么说, 英语说, 语法, 通顺, 解释一下, 介绍, 要点, 变成, 回复这, 回一封",
)
"""Asks for prose wherever it stands in an addressed clause, or in a Chinese one."""
ANSWER_FORM = Words(
    "answer, number, total, factors, yes, no, only, result, solution, output, antwort, ergebnis, losung",
    "respuesta, resultado, reponse, resultat, 答案, 结果",
)
"""`Write your answer as a fraction`: how to answer, no request of its own."""
LANGUAGES = Words(
    "english, german, french, spanish, italian, portuguese, chinese, japanese, korean, russian, arabic, dutch",
    "polish, turkish, latin, mandarin, hindi, englisch, englische, deutsch, deutsche, franzosisch, franzosische",
    "spanisch, spanische, italienisch, italienische, ingles, aleman, frances, espanol, castellano, italiano",
    "portugues, chino, japones, anglais, allemand, francais, espagnol, italien, japonais, chinois, 英文, 英语",
    "中文, 日语, 日文, 法语, 德语, 西班牙语, 韩语, 俄语",
)
"""Names of languages."""
TEXT = Words(
    "text, email, mail, paragraph, article, message, essay, sentence into, nachricht, absatz, artikel, brief",
    "texto, correo, mensaje, parrafo, articulo, texte, courriel, paragraphe, lettre de, typos, grammar, filler",
    "tone, 文章, 邮件, 段落",
)
"""Prose that is worked on, where no criterion is given."""
VAGUE = Words(
    "filler, typos, grammar, mistakes, tone, simpler, simple, politer, polite, formal, professional, friendlier",
    "jargon, key points, main points, important, importance, priority, relevance, fehler, rechtschreibung",
    "einfacher, hoflicher, wichtigsten, ortografia, sencillo, importancia, fautes, simples, poli, 语气, 要点",
    "礼貌, 正式, 简单, 重要",
)
"""What only a reader can judge."""
MEANING = Words(
    "how do you say, how do i say, how to say, do you say, meaning of, mean by, what is meant, translation of",
    "stand for, bedeutet, bedeutung, wie sagt man, heisst auf, auf deutsch, auf franzosisch, auf spanisch",
    "auf englisch, significa, significado, como se dice, se dice, veut dire, signifie, comment dit on, dit on",
    "comment on dit, 什么意思, 怎么说, word for, synonym, synonyms",
)
"""Asks what words say, in one language or in another."""
ADVICE = Words(
    "when can i, should i, should we, do i do, best, good, better, reasonable, normal, too much, worth it",
    "recommend, advice, any tips, tips for, tips on, some tips, ideas, your opinion, do you think, would you",
    "soll ich, sollte ich, sollten wir, sollen wir, tipps, beste, besten, besser, lohnt, empfiehlst, ratsam",
    "wurdest du, was tun, deberia, deberiamos, recomiendas, mejor, consejos, consejo, vale la pena, dois je",
    "devrais je, je devrais, devrait, conseils, meilleur, meilleure, mieux, choisir, recommandes, conseilles",
    "vaut la peine, que hago, que puedo hacer, was mache ich, was kann ich, que puis je, what now, suggestions",
    "suggestion, que faire, un avis, bonne idee, buena idea, 怎么样, 怎么办, 我应该, 要不要, 该不该, 建议, 值得",
    "好不好, thoughts, opinions, opinion, meinung, meinst du, opinas, crees que, penses tu, t en penses",
    "tu penses, would be nice, overweight, 好吗, 来得及, 哪里玩, 哪个好",
)
"""Asks for advice or an opinion."""
WAY = Words(
    "can i do, can we do, how can i, how can we, how do i, how do we, how to, how does, how do, why, how come",
    "wie kann, wie konnen, wie mache, wie schaffe, warum, wieso, weshalb, como puedo, como hago, como podria",
    "como se, por que, comment, pourquoi, 怎么才能, 怎样, 如何, 为什么, what can i do, what can we do",
    "explain how, explain why",
)
"""Asks for a way or a reason."""
SUMS = Words(
    "solve, calculate, compute, work out, figure out, find, losen, berechnen, berechne, ausrechnen, calcular",
    "calculo, resolver, hallar, calculer, resoudre, trouver, 计算, 解, 算, 求",
)
"""What a way is asked for when the way is not the point."""
HOW_MANY = Words(
    "how many, number of, count of, wie viele, wieviele, wie vielen, wie oft, anzahl, cuantos, cuantas",
    "combien de, combien d, combien, 多少, 几个, 几只, 几岁, 几天, 几本, 几次, 几人, 几种, 几名, 几位, 几块, 几元",
    "几分, 几小时, 几张, 几条, 各有几, 有几, 剩几, quanti, quante, quantos, quantas, howmany, how mny, hw many",
    "cuantxs",
)
"""Asks for a count."""
HOW_MUCH = Words(
    "how much, how far, how long, how old, how tall, how fast, how heavy, how wide, how deep, how big, how high",
    "how often, how late, how soon, what percent, what percentage, what fraction, what total, wie viel, wieviel",
    "wie lange, wie weit, wie alt, wie hoch, wie schnell, wie schwer, wie teuer, wie gross, wie breit, wie lang",
    "cuanto, cuanta, que distancia, que velocidad, que porcentaje, que edad, que precio, quel age",
    "quelle distance, quelle vitesse, quel prix, quel pourcentage, combien, ca fait, 多远, 多久, 多长, 多大, 多高",
    "多快, 多重, 多深, 是多少, 几折, 百分之几, quanto, quanta, howmuch, hw much",
)
"""Asks for an amount."""
WHAT_IS = Words(
    "whether, what, whats, calculate, compute, find, determine, evaluate, work out, figure out, solve, when, was",
    "wann, berechne, bestimme, ermittle, welche, welchen, cual, que, calcula, halla, determina, encuentra, cuando",
    "quel, quelle, calcule, calculer, trouve, quand, 求, 什么, 何时, 多少, 计算, qual, quale, calcola, calcular",
    "calculate the",
)
"""Asks what something is."""
WHO = Words(
    "whats, who, which, whose, what, where, whom, wer, welcher, welche, welches, wem, wo, was, quien, quienes",
    "cual, que, donde, qui, quel, quelle, lequel, laquelle, ou, 谁, 哪, 什么, 几, how many, in what order, order",
)
"""Asks for one of several."""
YES_NO = Words(
    "is, are, was, does, do, did, can, must, could, will, has, ist, sind, kann, hat, muss, regnet, hat es, es",
    "son, puede, tiene, est, sont, peut, est ce, a t, on peut, peut on, se puede, podemos, therefore, so, then",
    "also, 吗, 是否",
)
"""Begins a question that is answered by yes or no."""
PERSONAL = Words(
    "i, my, me, we, our, us, your, im, ich, mein, meine, mir, wir, yo, mi, mis, nosotros, je, j, mon, ma, mes",
    "nous, votre, 我, 你的",
)
"""Speaks of the writer: advice or talk rather than a puzzle."""
READER = Words("you, u, your, du, dir, dich, sie denken, tu, te, usted, vous, toi, 你, 您")
"""Speaks of the one who answers."""
