"""Configurations: JSON into dataclasses, and every mistake with its place."""

import unittest
from dataclasses import dataclass, field
from typing import Literal

from millrace_plugin import ConfigErrors, Span, Unsigned
from millrace_plugin.config import config_of


@dataclass(frozen=True)
class Rule:
    name: str
    outcome: Literal["fraud", "review"]
    hours: list[Unsigned] | None = None


@dataclass(frozen=True)
class Config:
    limit: float
    within: Span = field(default=Span(1))
    rules: list[Rule] = field(default_factory=list)
    rates: dict[str, float] = field(default_factory=dict)
    name: str = field(default="amount", metadata={"name": "as"})


def mistakes(text: str) -> list[str]:
    try:
        config_of(Config, text)
    except ConfigErrors as error:
        return [str(one) for one in error.errors]
    return []


class ConfigTest(unittest.TestCase):
    def test_a_configuration_becomes_what_is_declared(self) -> None:
        config = config_of(
            Config,
            '{"limit": 100, "within": "5m", "as": "x", "rates": {"EUR": 1},'
            ' "rules": [{"name": "a", "outcome": "fraud", "hours": [1]}]}',
        )
        self.assertIsInstance(config.limit, float)
        self.assertEqual(config.within.microseconds, 300_000_000)
        self.assertEqual(config.name, "x")
        self.assertEqual(config.rules, [Rule("a", "fraud", [1])])

    def test_all_mistakes_are_named_at_once(self) -> None:
        text = (
            '{"limt": 1, "within": "5 parsecs", "rates": {"EUR": "1"},'
            ' "rules": [{"name": 7, "outcome": "block"}, {"outcome": "fraud", "hours": [-1]}]}'
        )
        self.assertEqual(
            mistakes(text),
            [
                "unknown field `limt`, expected one of `limit`, `within`, `rules`, `rates`, `as`",
                "missing field `limit`",
                "within: `5 parsecs` is no time span: write 500ms, 60s, 5m, 24h or 7d",
                "rules[0].name: invalid type: integer `7`, expected a string",
                "rules[0].outcome: unknown variant `block`, expected `fraud` or `review`",
                "rules[1]: missing field `name`",
                "rules[1].hours[0]: invalid value: integer `-1`, expected one of 0 and up",
                'rates.EUR: invalid type: string "1", expected a number',
            ],
        )

    def test_true_is_no_number(self) -> None:
        self.assertEqual(
            mistakes('{"limit": true}'),
            ["limit: invalid type: boolean `true`, expected a number"],
        )

    def test_no_configuration_takes_no_key(self) -> None:
        self.assertIsNone(config_of(None, "{}"))
        with self.assertRaisesRegex(ConfigErrors, "unknown field `x`, there are no fields"):
            config_of(None, '{"x": 1}')
