"""The keyword index sees what was written after an earlier search, also in the words it had not met."""

from memory.concept import ConceptDraft


def test_a_word_that_a_search_missed_is_found_once_it_is_written(store):
    def concept(topic):
        return ConceptDraft(title=f"Add {topic}", cues=(f"{topic} are counted and more come",))

    store.add(concept("apples"))
    store.search("how many candles and more")
    wanted = store.add(concept("candles"))
    store.add(concept("bridges"))
    with store._ledger.read() as connection:
        assert store._words.search(connection, "default", "how many candles and more", 3)[0] == wanted
