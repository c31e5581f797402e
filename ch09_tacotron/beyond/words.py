"""Beyond the print (section 9.8.14): jieba's words and their parts of speech."""

import functools
from typing import Dict

from ch09_tacotron.beyond import readings


@functools.lru_cache(maxsize=None)
def tokenizer():
    """jieba's tokenizer, its dictionary read here: its own loader writes a cache outside of this project, and prints."""
    import jieba

    found = jieba.Tokenizer()
    found.FREQ, found.total = found.gen_pfdict(found.get_dict_file())
    found.initialized = True
    for word in readings.NO_WORDS:
        found.del_word(word)
    for word in readings.PHRASES:
        if not found.FREQ.get(word):
            found.add_word(word)
    return found


@functools.lru_cache(maxsize=None)
def parts_of_speech() -> Dict[str, str]:
    """word → part of speech of jieba's dictionary: v, a, d (adverb), n, nr (name of a person), r (pronoun) …"""
    with tokenizer().get_dict_file() as stream:
        lines = (line.decode("utf-8").split(" ") for line in stream)
        return {word: tag.strip() for word, _, tag in lines}
