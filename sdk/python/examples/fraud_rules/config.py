"""The step's configuration, checked against the input and made into rules."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rule import Condition, Hours, Outcome, Over, Rule, Under, Words, is_number

from millrace_plugin import INT32, INT64, UTF8, ConfigErrors, DataType, Schema, Unsigned

#: The name of the rule that `max_amount` stands for.
MAX_AMOUNT = "max_amount"


@dataclass(frozen=True)
class Columns:
    """What the columns are called."""

    amount: str = "amount"
    country: str = "country"
    merchant: str = "merchant"
    hour: str = "hour"
    segment: str = "segment"


@dataclass(frozen=True)
class RuleText:
    """A rule as it was written."""

    name: str
    outcome: Outcome
    reason: str | None = None
    amount_over: float | None = None
    amount_under: float | None = None
    countries: list[str] | None = None
    countries_not: list[str] | None = None
    merchants: list[str] | None = None
    merchants_not: list[str] | None = None
    hours: list[Unsigned] | None = None
    segments: list[str] | None = None
    segments_not: list[str] | None = None


@dataclass(frozen=True)
class Config:
    """`[step.X.config]`."""

    columns: Columns = Columns()
    #: Short for a first rule: amounts above it are fraud.
    max_amount: float | None = None
    #: In the order in which they are asked.
    rules: list[RuleText] = field(default_factory=list)


def resolve(config: Config, schema: Schema, errors: ConfigErrors) -> tuple[list[Rule], list[str]]:
    """The rules and the columns that they read; what is wrong goes to `errors`."""
    resolver = Resolver(config.columns, schema, errors)
    rules: list[Rule] = []
    names: set[str] = set()
    if config.max_amount is not None:
        conditions = resolver.number(MAX_AMOUNT, Over, config.max_amount)
        reason = f"amount over {shown(config.max_amount)}"
        rules.append(Rule(MAX_AMOUNT, "fraud", reason, conditions))
        names.add(MAX_AMOUNT)
    elif not config.rules:
        errors.add("rules", "there is no rule; give `rules` or `max_amount`")
    for at, text in enumerate(config.rules):
        path = f"rules[{at}]"
        if text.name in names:
            message = f"another rule is called `{text.name}`; give it its own name"
            errors.add(f"{path}.name", message)
        names.add(text.name)
        rules.append(resolver.rule(path, text))
    return rules, resolver.reads


@dataclass
class Resolver:
    """Finds columns, and collects those that are read."""

    columns: Columns
    schema: Schema
    errors: ConfigErrors
    reads: list[str] = field(default_factory=list)

    def rule(self, path: str, text: RuleText) -> Rule:
        """A rule from what was written."""
        over, under = text.amount_over, text.amount_under
        conditions: list[Condition] = []
        reasons = []
        if over is not None and under is not None and over >= under:
            message = f"no amount is over {shown(over)} and under {shown(under)}"
            self.errors.add(f"{path}.amount_over", message)
        if over is not None:
            conditions += self.number(f"{path}.amount_over", Over, over)
            reasons.append(f"amount over {shown(over)}")
        if under is not None:
            conditions += self.number(f"{path}.amount_under", Under, under)
            reasons.append(f"amount under {shown(under)}")
        if text.hours is not None:
            conditions += self.hours(f"{path}.hours", text.hours)
            reasons.append(f"hour is one of {', '.join(map(str, text.hours))}")
        columns = self.columns
        for key, what, column, words in (
            ("countries", "country", columns.country, text.countries),
            ("countries_not", "country", columns.country, text.countries_not),
            ("merchants", "merchant", columns.merchant, text.merchants),
            ("merchants_not", "merchant", columns.merchant, text.merchants_not),
            ("segments", "segment", columns.segment, text.segments),
            ("segments_not", "segment", columns.segment, text.segments_not),
        ):
            if words is None:
                continue
            negated = key.endswith("_not")
            conditions += self.words(f"{path}.{key}", column, words, negated)
            reasons.append(f"{what} is {'none' if negated else 'one'} of {', '.join(words)}")
        if not reasons:
            self.errors.add(path, "has no condition and would match every row; give one")
        reason = ", ".join(reasons) if text.reason is None else text.reason
        return Rule(text.name, text.outcome, reason, conditions)

    def number(self, path: str, test: type[Over] | type[Under], limit: float) -> list[Condition]:
        """A test of the amount; none if it can't be made."""
        if not self.found(path, self.columns.amount, "a number", is_number):
            return []
        return [test(self.columns.amount, limit)]

    def hours(self, path: str, hours: Sequence[int]) -> list[Condition]:
        """A test of the hour; none if it can't be made."""
        for hour in hours:
            if hour > 23:
                self.errors.add(path, f"{hour} is no hour; hours are 0 to 23")
                return []
        if not self.not_empty(path, hours):
            return []
        column = self.columns.hour
        if not self.found(path, column, "int32 or int64", lambda type: type in (INT32, INT64)):
            return []
        return [Hours(column, frozenset(hours))]

    def words(self, path: str, column: str, words: Sequence[str], negated: bool) -> list[Condition]:
        """A test of a text; none if it can't be made."""
        if not self.not_empty(path, words):
            return []
        if not self.found(path, column, "utf8", lambda type: type == UTF8):
            return []
        return [Words(column, frozenset(word.encode() for word in words), negated)]

    def not_empty(self, path: str, values: Sequence[object]) -> bool:
        """Whether a list has anything in it."""
        if not values:
            message = "is an empty list; name at least one value or leave it out"
            self.errors.add(path, message)
        return bool(values)

    def found(self, path: str, name: str, expected: str, fits: Callable[[DataType], bool]) -> bool:
        """Whether the input has a column that fits; it is then among those that are read."""
        known = self.schema.get(name)
        if known is None:
            names = ", ".join(self.schema.names)
            message = f"tests `{name}`, which the input lacks; it has {names}"
            self.errors.add(path, f"{message}; `columns` can name another")
            return False
        if not fits(known.type):
            self.errors.add(path, f"tests `{name}` of type {known.type}; it must be {expected}")
            return False
        if name not in self.reads:
            self.reads.append(name)
        return True


def shown(number: float) -> str:
    """A number as people write it: 10000 and not 10000.0 or 1e+4."""
    return f"{number:.0f}" if number == int(number) else repr(number)
