"""Full-text search: normalization and tokenization of texts and queries, matching and highlighting.

Case, width and diacritics are ignored. Scripts without spaces are split into single characters, and their words are
found as phrases of adjacent characters; the same applies to the parts of `xX_Steve_Xx` and of `don't`.
Private-use characters are ignored: a store may use them for its own markers.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from coalserver.domain.minecraft.log.header import TERMINAL_CODES, strip_colors

#: The rest of a longer query is ignored.
MAX_QUERY_WORDS = 32
MAX_QUERY_LENGTH = 1000

#: Scripts without spaces between words, symbols and emoji.
_UNSPACED_SCRIPTS = re.compile(
    "(["
    "\u0e00-\u0eff\u0f40-\u0fbc\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Tibetan, Burmese, Khmer
    "\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u30ff\u3105-\u318f\u31a0-\u31ff"  # radicals, kana, jamo
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"  # Han, Hangul
    "\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
    "\u2190-\u21ff\u2300-\u27bf\u2900-\u297f\u2b00-\u2bff\U0001f000-\U0001faff"  # arrows, signs, emoji
    "])"
)
#: Marks that people often omit or write in two ways: accents, points, vowel signs, joiners.
_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640"
    "\u064b-\u065f\u0670\u06d6-\u06dc\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f"
    "\u200b-\u200d\u2060\ufeff\u00ad]"
)
#: Letters with a mark that Unicode does not decompose.
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe", "ħ": "h"}
)
#: й is a separate letter and keeps its mark, whereas ё is commonly written е.
_SHORT_I = "\u0438\u0306"
#: Surrogates, NUL and private-use characters.
_UNSEARCHABLE = re.compile("[\ud800-\udfff\x00\ue000-\uf8ff\U000f0000-\U0010ffff]")
#: A formatting character without its code, so that the space after it still separates words.
_EMPTY_COLOR_CODE = re.compile(r"§+(?=\s|$)")
_QUOTED = re.compile(r'"([^"]*)"|([^\s"]+)')
#: Letters, marks and digits.
_WORD_CATEGORIES = ("L", "M", "N")


def normalize(text: str) -> str:
    """Return the text in the form that is tokenized: equal words become equal characters."""
    text = _strip_formatting(text)
    if text.isascii():
        return text
    text = (
        unicodedata.normalize("NFKC", _UNSEARCHABLE.sub(" ", text)).casefold().translate(_LETTERS)
    )
    text = unicodedata.normalize("NFD", text).replace(_SHORT_I, "й")
    text = unicodedata.normalize("NFC", _MARKS.sub("", text))
    return _UNSPACED_SCRIPTS.sub(r" \1 ", text)


def tokenize(text: str) -> list[str]:
    """Return the words of a normalized text, in order."""
    if text.isascii():
        return re.findall("[0-9a-z]+", text.lower())
    return "".join(char if _is_word_character(char) else " " for char in text).lower().split()


def parse_query(query: str) -> list[tuple[str, ...]]:
    """Return the phrases of a query, each a tuple of adjacent words; a text must match all.

    Quotes delimit a phrase; an unpaired quote is ignored. Empty if the query has no words.
    """
    phrases: dict[tuple[str, ...], None] = {}
    for quoted, unquoted in _QUOTED.findall(_strip_formatting(query[:MAX_QUERY_LENGTH])):
        words = tuple(tokenize(normalize(quoted or unquoted)))[:MAX_QUERY_WORDS]
        if words:
            phrases[words] = None
    return list(phrases)[:MAX_QUERY_WORDS]


def matches(text: str, phrases: Sequence[tuple[str, ...]]) -> bool:
    """Return whether the text contains all phrases."""
    words = tokenize(normalize(text))
    return all(
        any(
            tuple(words[start : start + len(phrase)]) == phrase
            for start in range(len(words) - len(phrase) + 1)
        )
        for phrase in phrases
    )


def _strip_formatting(text: str) -> str:
    """Return the text without terminal and game colour codes."""
    text = TERMINAL_CODES.sub("", text) if "\x1b" in text else text
    return strip_colors(_EMPTY_COLOR_CODE.sub("", text)) if "§" in text else text


def _is_word_character(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] in _WORD_CATEGORIES or category == "So"


def highlight(text: str, phrases: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the text split into pieces, with matches at the odd indexes (1, 3, …).

    Joined, the pieces are the text.
    """
    runs = list(_iter_words(text))
    words = [word for word, _, _ in runs]
    matched: set[int] = set()
    for phrase in phrases:
        for first in range(len(words) - len(phrase) + 1):
            if tuple(words[first : first + len(phrase)]) == phrase:
                matched.update(range(first, first + len(phrase)))
    pieces: list[str] = []
    end, last = 0, -2
    for index in sorted(matched):
        _, start, stop = runs[index]
        # Adjacent matches form one piece, with the separator between them.
        if index == last + 1 and pieces:
            pieces[-1] += text[end:stop]
        else:
            pieces += [text[end:start], text[start:stop]]
        end, last = stop, index
    return [*pieces, text[end:]]


def _iter_words(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield the words of a text, each with its start and end index."""
    for run in re.finditer(r"\w+|\S", text):
        tokens = tokenize(normalize(run[0]))
        if len(tokens) == 1:
            yield tokens[0], run.start(), run.end()
            continue
        start, word = run.start(), ""
        for index in range(run.start(), run.end()):
            # A character is a word of its own or continues the current word.
            character = normalize(text[index])
            tokens = tokenize(character)
            if len(tokens) == 1 and character == character.strip():
                start = start if word else index
                word += tokens[0]
                continue
            if word:
                yield word, start, index
            word = ""
            for token in tokens:
                yield token, index, index + 1
        if word:
            yield word, start, run.end()
