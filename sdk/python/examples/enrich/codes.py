"""Standard codes for what people write: ISO 3166 for countries, ISO 4217 for currencies."""

import re
from pathlib import Path

from millrace_plugin import TextColumn

#: A component has no files: what lies beside the module is read when it is imported, which is when
#: the component is built.
_DATA = Path(__file__).parent / "data"

#: Spaces and punctuation.
_GAP = re.compile(
    "[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000.,'\u2019\\-()&_]+"
)
#: So many texts are remembered with their codes.
_KNOWN_MAX = 10_000


class Codes:
    """Finds codes by any of their names, whatever the case, spaces and punctuation."""

    def __init__(self, table: str) -> None:
        """Each line of the table has a code and its other names; `#` starts a comment."""
        lines = (_DATA / table).read_text(encoding="utf-8").splitlines()
        rows = [line.split("\t") for line in lines if not line.startswith("#")]
        #: All codes.
        self.codes = {names[0] for names in rows}
        self._by_name = {folded(name): names[0] for names in rows for name in names}
        self._known: dict[bytes, str | None] = {}

    def find(self, text: str) -> str | None:
        """The code that a text stands for."""
        # Most texts are codes already.
        return self._by_name.get(text) or self._by_name.get(folded(text))

    def find_all(self, column: TextColumn) -> list[str | None]:
        """The codes of a column of text; None where there is none."""
        texts = column.raw()
        known = self._known
        new = {text for text in set(texts) if text not in known}
        if len(known) + len(new) > _KNOWN_MAX:
            known.clear()
            new = set(texts)
        for text in new:
            known[text] = self.find(text.decode())
        # No code is empty, so null is none as well.
        return [known[text] for text in texts]


def folded(text: str) -> str:
    """Upper case, with one space for any run of spaces and punctuation, and none at the ends."""
    return " ".join(filter(None, _GAP.split(text))).upper()


#: ISO 3166-1 alpha-2, found by alpha-2, alpha-3 or name.
COUNTRIES = Codes("countries.tsv")
#: ISO 4217, found by code, name or symbol.
CURRENCIES = Codes("currencies.tsv")
