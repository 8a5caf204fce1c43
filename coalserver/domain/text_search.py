"""Words: how a text and what is searched in it are cut into words, so that what looks alike is alike.

Case, width and marks on letters count for nothing. Writing without blanks between words is cut into single signs,
and words of it are found as signs that stand side by side; so are the parts of `xX_Steve_Xx` and of `don't`.
Private characters are no words: a store may use them to tell its own from what people wrote.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from coalserver.domain.minecraft.log.header import TERMINAL_CODES, strip_colors

#: More than anybody types. The rest of a longer search is passed over.
MAX_QUERY_WORDS = 32
MAX_QUERY_LENGTH = 1000

#: Writing in which no blank says where a word ends; and pictures.
_UNSPACED_SCRIPTS = re.compile(
    "(["
    "\u0e00-\u0eff\u0f40-\u0fbc\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Tibetan, Burmese, Khmer
    "\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u30ff\u3105-\u318f\u31a0-\u31ff"  # radicals, kana, jamo
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"  # Han, Hangul
    "\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
    "\u2190-\u21ff\u2300-\u27bf\u2900-\u297f\u2b00-\u2bff\U0001f000-\U0001faff"  # arrows, signs, emoji
    "])"
)
#: Marks that are left out where people leave them out, or write them in two ways: accents, points, vowel signs.
_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640"
    "\u064b-\u065f\u0670\u06d6-\u06dc\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f"
    "\u200b-\u200d\u2060\ufeff\u00ad]"
)
#: Letters that a mark is part of, but that do not fall into letter and mark.
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe", "ħ": "h"}
)
#: й is a letter of its own; ё is written е as often as not.
_SHORT_I = "\u0438\u0306"
#: No text, or nobody's but a store's.
_UNSEARCHABLE = re.compile("[\ud800-\udfff\x00\ue000-\uf8ff\U000f0000-\U0010ffff]")
#: The game's sign for a colour with no letter for it: it takes no blank away that words stand apart by.
_EMPTY_COLOR_CODE = re.compile(r"§+(?=\s|$)")
_QUOTED = re.compile(r'"([^"]*)"|([^\s"]+)')
#: Letters, digits, marks and signs that stand for something.
_WORD_CATEGORIES = ("L", "M", "N")


def normalize(text: str) -> str:
    """A text as words are looked for in it. What is the same for a reader is the same letter by letter."""
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
    """The words of a folded text, in their order."""
    if text.isascii():
        return re.findall("[0-9a-z]+", text.lower())
    return "".join(char if _is_word_character(char) else " " for char in text).lower().split()


def parse_query(query: str) -> list[tuple[str, ...]]:
    """What somebody looks for: phrases, each of words that stand side by side; all must be there.

    None at all, if there is no word in it. Quotes hold words together; one without its pair is none.
    """
    found: dict[tuple[str, ...], None] = {}
    for quoted, single in _QUOTED.findall(_strip_formatting(query[:MAX_QUERY_LENGTH])):
        words = tuple(tokenize(normalize(quoted or single)))[:MAX_QUERY_WORDS]
        if words:
            found[words] = None
    return list(found)[:MAX_QUERY_WORDS]


def matches(text: str, phrases: Sequence[tuple[str, ...]]) -> bool:
    """Whether a text has every one of these phrases in it."""
    words = tokenize(normalize(text))
    return all(
        any(
            tuple(words[start : start + len(phrase)]) == phrase
            for start in range(len(words) - len(phrase) + 1)
        )
        for phrase in phrases
    )


def _strip_formatting(text: str) -> str:
    """A text without the colours of a terminal and of the game."""
    text = TERMINAL_CODES.sub("", text) if "\x1b" in text else text
    return strip_colors(_EMPTY_COLOR_CODE.sub("", text)) if "§" in text else text


def _is_word_character(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] in _WORD_CATEGORIES or category == "So"


def highlight(text: str, phrases: Sequence[tuple[str, ...]]) -> list[str]:
    """A text in pieces: what lies between the words that were looked for, and those, in turn.

    Words stand at 1, 3 and so on; put together the pieces are the text.
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
        # What lies between words that stand side by side belongs to them.
        if index == last + 1 and pieces:
            pieces[-1] += text[end:stop]
        else:
            pieces += [text[end:start], text[start:stop]]
        end, last = stop, index
    return [*pieces, text[end:]]


def _iter_words(text: str) -> Iterator[tuple[str, int, int]]:
    """The words of a text, each with where it begins and ends."""
    for run in re.finditer(r"\w+|\S", text):
        found = tokenize(normalize(run[0]))
        if len(found) == 1:
            yield found[0], run.start(), run.end()
            continue
        start, word = run.start(), ""
        for index in range(run.start(), run.end()):
            # One by one: a sign that is a word by itself, or one more letter of the word before.
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
