"""The project's own English words in Chinese, for pages and pictures: the table docs/words.zh.json.

A key may hold ``{}``, which stands for anything (a name, a number, words that are looked up in turn), in the order of the text.
"""

import functools
import os
import re

from common import options

WORDS_FILE = os.path.join(options.REPOSITORY, "docs", "words.zh.json")


@functools.lru_cache(maxsize=None)
def _table():
    """(words, [(pattern, Chinese with ``{}``)]); patterns with more words of their own come first."""
    rows = options.read_json(WORDS_FILE)
    patterns = sorted((key for key in rows if "{}" in key), key=lambda key: -len(key))
    compiled = [(re.compile("(.+?)".join(map(re.escape, key.split("{}"))), re.DOTALL), rows[key]) for key in patterns]
    return rows, compiled


@functools.lru_cache(maxsize=4096)
def chinese(text: str) -> str:
    """``text`` in Chinese; as it is where the table has no words for it."""
    words, patterns = _table()
    for known in (text, text.replace("_", " "), text.replace("\n", " ")):
        if known in words:
            return words[known]
    for pattern, translated in patterns:
        found = pattern.fullmatch(text)
        if found:
            line = translated.format(*map(chinese, found.groups()))
            return re.sub(
                "(?<=[\u3001-\u9fff]) (?=[\u3001-\u9fff])", "", line
            )  # a space stands beside Latin letters only
    return text


def chinese_path(path: str) -> str:
    """Where the picture with Chinese words lies that belongs to the picture ``path``."""
    return "%s.zh%s" % os.path.splitext(path)


def is_chinese(text: str) -> bool:
    """Whether a text holds Chinese characters."""
    return re.search("[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]", text) is not None
