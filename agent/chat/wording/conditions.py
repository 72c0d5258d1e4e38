"""Words of conditions, of code, and of what takes up an earlier question."""

from pilotage.agent.chat.wording.words import Words

CONSTRAINT = Words(
    "exactly one, only one, at least one, either, neither, nor, next to, left of, right of, immediately, opposite",
    "in front, adjacent, between, sits, sit, far left, far right, sitzt, stehen nebeneinander, sienta, assis",
    "entre, zwischen, lie, lies, liar, liars, lying, always, truth, truthful, knight, knights, knave, knaves",
    "each, different, not both, at most, if and only, wrongly, labeled, labelled, only if, unless, contains",
    "directly, middle, every, premises, premise, statements, statement, true, false, nur eine, nur einer, nur ein",
    "wahr, solo una, verdadera, une seule, un seul, vraie, genau ein, genau einer, mindestens, entweder, weder",
    "neben, links von, rechts von, gegenuber, lugt, lugen, lugner, wahrheit, immer, siempre, toujours, ritter",
    "schelm, schelme, jeder, jede, jedes, hochstens, verschiedene, exactamente, al menos, al lado, a la izquierda",
    "izquierda, derecha, miente, mienten, mentiroso, mentirosos, verdad, caballero, caballeros, cada, diferente",
    "ni, solo uno, exactement, au moins, soit, a cote, a gauche, a droite, ment, mentent, menteur, menteurs",
    "verite, chevalier, chevaliers, chaque, differente, aucun, 说谎, 撒谎, 说真话, 说的是真, 骗子, 骑士, 左边",
    "右边, 旁边, 相邻, 恰好, 只有一, 至少, 要么, 其中, 分别, 每个人, 都不, 不同, 谎话, 真话, 假话, implies",
    "impliziert, implica, implique, 蕴含",
)
"""Narrows down who or what may be where."""
COMPARATIVE = Words(
    "ahead of, faster than, before, after, behind, vor, hinter, nach, antes que, despues de, antes de, devant",
    "derriere, avant, apres",
)
"""Puts one before another."""
NEGATION = Words(
    "not, t, no, never, none, cannot, doesnt, isnt, nicht, kein, keine, keinen, nie, ningun, ninguno, nunca, pas",
    "jamais, 不, 没",
)
"""Denies."""
QUANTIFIER = Words(
    "all, every, no, some, none, each, if, 所有, 每个, 没有, 有些, 有的, 都是, 如果, alle, kein, keine, einige",
    "jeder, jede, jedes, wenn, manche, todos, todas, ningun, ninguna, algunos, algunas, todo, toda, si, tous",
    "toutes, tout, toute, aucun, aucune, certains, certaines, given, only, most, whenever, either, only if",
    "suppose, solo, nur, seuls, everyone, everybody, nobody, anyone, jeden, nadie, personne, todo el mundo",
)
"""Begins a premise."""
CONCLUDES = Words(
    "can we conclude, conclude, follow, follows, logically, necessarily, infer, valid, must be, true or false",
    "folgt, schliessen, zwingend, gultig, stimmt es, concluir, deducir, se deduce, necesariamente, conclure",
    "deduire, necessairement, valide, on deduire, 推出, 推断, 结论, 一定, 成立, 对吗, 是否, does it follow",
)
"""Asks what follows."""
PUZZLE = Words(
    "logic puzzle, zebra puzzle, logical puzzle, logikratsel, acertijo logico, enigme logique, 逻辑题, 推理题",
    "propositional logic",
)
"""Says outright that it is a puzzle."""
TURNS = Words(
    "north, south, east, west, left, right, norden, suden, osten, westen, nord, sud, links, rechts, norte, sur",
    "este, oeste, izquierda, derecha, est, ouest, gauche, droite, 东, 南, 西, 北, 左, 右",
)
"""Directions."""
DIRECTION_ASKED = Words(
    "which direction, what direction, which way, direction am, facing, richtung, direccion, direction, 方向, 朝",
    "end up",
)
"""Asks for a direction."""
KIN = Words(
    "mother, father, son, daughter, brother, sister, uncle, aunt, cousin, grandmother, grandfather, niece, nephew",
    "wife, husband, parents, married, child, children, siblings, mutter, vater, sohn, tochter, bruder, schwester",
    "onkel, tante, madre, padre, hijo, hija, hermano, hermana, tio, tia, mere, pere, fils, fille, frere, soeur",
    "oncle, 妈妈, 爸爸, 儿子, 女儿, 哥哥, 姐姐, 弟弟, 妹妹, 父亲, 母亲, 叔叔, 舅舅",
)
"""Kinship."""
RELATED = Words(
    "related, relation, relationship, verwandt, verwandtschaft, parentesco, relacion, lien de, parente, 什么关系",
    "who is, wer ist, quien es, qui est, 是谁",
)
"""Asks for a relation or a person."""
WORK_ON_CODE = Words(
    "fix, error, bug, wrong, refactor, optimize, optimise, improve, explain, why, how do, how can, how to",
    "how would, how could, better, convert, translate, rewrite, test, tests, document, review, comment",
    "complexity, faster, instead of, fehler, warum, verbessere, erklare, optimiere, mejora, explica, por que",
    "optimiza, erreur, pourquoi, ameliore, explique, corrige, 错误, 报错, 为什么, 优化, 解释, 修改, 重构, 改进",
)
"""Wants code changed or explained."""
OUTPUT = Words(
    "print, prints, printed, output, outputs, return, returns, returned, result, results, evaluate, evaluates",
    "evaluate to, displayed, 等于, 多少, how many times, terminate, ever end, iterations, infinite, give, gives",
    "equal, equals, ergibt, donne, que da, 得到, 是什么, logged, value of, final value, s x, s y, is x, is y",
    "at the end, what is x, end up, shown, ausgabe, gibt, ausgegeben, ergebnis, wert, liefert, imprime, imprimira",
    "salida, muestra, devuelve, resultado, valor, vale, affiche, afficher, affichera, sortie, retourne, renvoie",
    "resultat, valeur, vaut, 输出, 打印, 结果, 返回, 运行, 值是",
)
"""Asks what code comes to."""
EXPLAINS = Words(
    "do, does, mean, purpose, work, works, explain, macht, hace, fait, sert, bedeutet, 作用, 功能, 做什么, 干什么",
    "意思, 干嘛",
)
"""Asks what code is for rather than what it comes to."""
DOUBT = Words(
    "forgot, forgotten, missed, overlooked, dont think, t think, though, supposed to, expected, did you, have you",
    "answer key, my answer, vergessen, hast du, ubersehen, kann nicht, olvidaste, olvidas, contaste, oublie",
    "as tu, as oublie, ca ne, 忘, 漏, 答案, 算出来, 我算, wouldn t, doesn t, don t, isnt, doesnt, cant",
    "incorrectly, are you certain, komme ich, anders, something else, stimmt nicht, contradict, sure, wrong",
    "incorrect, mistake, mistaken, check, recheck, double check, recalculate, recount, not right, t right",
    "not correct, t correct, off, really, again, no, nope, nah, hmm, i get, i got, i count, i counted, i think it",
    "shouldn t, should be, t it, disagree, seems, error, verify, count again, not true, t add, t match, isn t",
    "can t be, try again, redo, that can, sicher, falsch, stimmt, fehler, nochmal, noch mal, noch einmal, pruf",
    "prufe, nein, irrst, komme auf, richtig, glaube nicht, seguro, segura, mal, incorrecto, revisa, revisalo",
    "equivocas, equivocado, equivocaste, otra vez, de nuevo, no es, me sale, me da, comprueba, correcto, verdad",
    "sur, faux, erreur, verifie, recompte, recalcule, trompes, trompe, non, je trouve, pas correct, pas bon",
    "pas juste, j obtiens, vraiment, 确定, 不对, 错了, 错误, 再算, 再数, 检查, 重新, 不是, 应该是, 真的吗, 算错",
    "再想, 有误, 不正确, 好像, didn t you, didnt you, haven t you, certain, certaine, positive, ganz sicher",
    "kann das sein, hast dich, verrechnet, verzahlt, 错",
)
"""Doubts what was said."""
THANKS = Words(
    "ok, okay, got it, i see, understood, bye, good night, lol, haha, makes sense, nice, wow, verstanden",
    "alles klar, passt, vale, entendido, adios, d accord, compris, bonne, top, 明白, 懂了, 再见, 晚安, 厉害",
    "thanks, thank, thx, ty, cheers, great, perfect, awesome, danke, super, gracias, genial, perfecto, merci",
    "parfait, cool, 谢谢, 多谢, 感谢, 好的",
)
"""Thanks, agrees or takes leave."""
CONTINUES = Words(
    "and, what about, how about, what if, same, but if, but with, instead, and if, now with, now for, suppose",
    "make it, if it, if there, if i, if we, und, was ist mit, was wenn, und wenn, wenn, dasselbe, y, y si",
    "que tal, lo mismo, pero con, et, et si, et pour, et avec, pareil, meme chose, with, for, mit, fur, con, para",
    "avec, pour, in, en",
)
"""Begins a variation of what was asked before."""
CONTINUES_IN_HAN = Words("那, 如果, 要是, 换成, 改成, 呢")
"""The same in Chinese."""
NOW = Words(
    "now, jetzt, ahora, maintenant, do, try, ok, okay, repeat, then, also, do the, but, aber, pero, mais, oder",
    "or, use, using, change, 现在",
)
"""Begins a repetition with another number."""
NEW_TOPIC = Words(
    "what is the, what s the, whats the, what does, what do, which, was ist die, was ist der, cual es, quel est",
    "quelle est, who, when, where, why, wer, wann, wo, warum, quien, cuando, donde, por que, qui, quand, pourquoi",
    "谁, 为什么, how do, how did, explain, erklare, explica, explique, 解释, how come, weather, joke",
    "tell me about, talk about, another question, other question, different question, different topic",
    "can you help, help me with, by the way, btw, apropos, por cierto, au fait, 顺便, 另外, 换个话题, how was",
    "how is your, how are you, como estas, wie geht, ca va, 你好吗",
)
"""Begins a question of its own, or asks how an answer came about."""
