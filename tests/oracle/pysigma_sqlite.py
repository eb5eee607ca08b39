#!/usr/bin/env python3
"""Random Sigma rule/event pairs, judged by an independent oracle.

Purpose: an opt-in differential test of a Sigma engine.  This script invents
detections and flat events which are likely to (nearly) match them.  pySigma and
its SQLite back end turn each rule into a query; SQLite then decides which of the
events match.  The engine under test evaluates the same pairs, and every
difference has to be explained by a known class (differences.py) or is a bug.

Call:   python pysigma_sqlite.py --seed 1 --rules 150 --events 10
Output: NDJSON on stdout, one object per rule, the same for the same seed:
        {"rule": YAML text, "events": [{...}], "expected": [bool], "classes": [[name]], "sql": query}
        The number of rules that the back end refused goes to stderr.
Needs:  Python >= 3.11, pySigma==2.0.1, pySigma-backend-sqlite==2.1.1 (they bring PyYAML).

How the oracle stores an event: one column per field, without a type (no
affinity).  JSON numbers are SQL numbers, booleans the texts 'true'/'false' (as
Zircolite does), a missing key and JSON null are both NULL.  Plain equality is
made case-insensitive by the back end's option collate_nocase (ASCII only).
"""
import argparse
import base64
import json
import random
import re
import sqlite3
import sys
import uuid

import differences
import yaml
from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection
from sigma.exceptions import SigmaError

FIELDS = ["a", "b", "c", "d", "e1", "f_g"]
WORDS = ["Foo", "foo", "FooBar", "fooBAR", "bar", "Bar", "baz qux", "a.b", "x", "", "100%", "5",
         "f_g", "fxg", "it's", "C:\\Win\\a.exe", "C:\\Win", "a*b", "a?b", "a\\b", "[b]ar", "true"]
FOREIGN = ["Ärger", "naïve", "ΣΟΦΙΑ", "日本"]  # rare: SQLite folds ASCII letters only
RAW = ["*", "?", "??", "\\*", "\\?", "\\\\", "a\\*b", "a\\\\*", "a\\b", "a*b", "C:\\*", "C:\\\\*",
       "C:\\Win\\\\*", "*\\a.exe", "\\\\\\*", "f?o", "*oo*", "f_?", "*%", "[b]*", "a\\"]
NUMBERS = [-1, 0, 1, 2, 5, 10, 443, 1.5, 2.0, 2.5]
OTHERS = [*NUMBERS, True, False, None]
REGEXES = {  # with a text that matches
    "^foo": "foobar", "[Bb]ar$": "foobar", "fo+B?": "fooB", "^(foo|bar)$": "bar", "^.{3}$": "abc",
    "a\\.b": "xa.bx", "[0-9]+": "n7", "\\\\Win\\\\": "C:\\Win\\a", "it's": "it's", "^$": "",
    "x|q[t-v]x": "baz qux", "^[^a-z]+$": "FOO"}
NETWORKS = {  # with an address in it
    "10.0.0.0/8": "10.200.3.4", "192.168.1.0/24": "192.168.1.77", "10.1.2.3/32": "10.1.2.3",
    "172.16.0.0/12": "172.31.255.1", "192.168.0.0/22": "192.168.3.9", "10.1.2.128/25": "10.1.2.200"}
ADDRESSES = ["10.1.2.3", "11.0.0.1", "172.32.0.1", "192.168.4.1", "10.1.2.127", "8.8.8.8", ""]
SECRETS = ["foo bar", "Foo", "net user", "IEX(", "*a?"]
OPTIONS = ["-enc", "/c foo", "x -a", "-a /b", "a-b", "--Foo", "x-"]
KINDS = {  # of detection items, with their weights
    "text": 6, "contains": 2, "startswith": 2, "endswith": 2, "all": 1, "re": 2, "cidr": 2,
    "compare": 2, "exists": 1, "neq": 2, "base64": 1, "base64offset|contains": 1, "fieldref": 1,
    "wide|base64offset|contains": 1, "windash": 1, "number": 2, "bool": 1, "null": 1, "mixed": 1}
CONDITIONS = [
    "sel_1; sel_1; sel_1; 1 of sel_*; all of them; not sel_1; not 1 of them",
    "sel_1 and sel_2; sel_1 or sel_2; sel_1 and not sel_2; sel_1 or not sel_2; 1 of sel_*; "
    "all of sel_*; not 1 of them; not all of them; not (sel_1 and sel_2); not (sel_1 or not sel_2)",
    "(sel_1 or sel_2) and not X; sel_1 and (sel_2 or not X); sel_1 or sel_2 and X; 1 of them; "
    "not sel_1 and sel_2 or X; not (sel_1 and (sel_2 or not X)); 1 of sel_* and not X; "
    "all of sel_* or X; sel_1 or (sel_2 or (X and not sel_1)); not 1 of them"]
MISSING = object()  # among the values for events: leave the key out


class Quoted(str):
    """A text that is always quoted in the YAML, so that YAML 1.1 and 1.2 agree."""


yaml.SafeDumper.add_representer(
    Quoted, lambda d, s: d.represent_scalar("tag:yaml.org,2002:str", s, style="'"))


class Generator:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def chance(self, p):
        return self.r.random() < p

    def word(self):
        return self.r.choice(FOREIGN if self.chance(0.03) else WORDS)

    def recase(self, text):
        return self.r.choice([text, text, text.swapcase(), text.lower(), text.upper()])

    def escape(self, text):
        """Text as a Sigma value; a backslash that needs no escape may stay alone."""
        if self.chance(0.5):
            return re.sub(r"[*?\\]", r"\\\g<0>", text)
        return re.sub(r"[*?]|\\(?=[*?\\]|$)", r"\\\g<0>", text)

    def piece(self, text, kind):
        """A part of the text as the modifier `kind` looks for it."""
        i, j = sorted(self.r.randint(0, len(text)) for _ in "ij")
        return text[i if kind in ("contains", "endswith") else 0:
                    max(j, i + 1) if kind in ("contains", "startswith") else len(text)]

    def pattern(self, kind):
        """A text value with escapes and maybe wildcards, and a text that it may match."""
        if self.chance(0.15):
            raw = self.r.choice(RAW)
            fit = re.sub(r"(?<!\\)[*?]", "x", raw)
            return raw, self.r.choice([fit, re.sub(r"\\([*?\\])", r"\1", fit), self.word()])
        word = self.word()
        part = self.piece(word, kind) or (word if self.chance(0.9) else "")
        if not part or self.chance(0.7):
            return self.recase(self.escape(part)), word
        i = self.r.randrange(len(part))
        mark, n = self.r.choice([("*", self.r.randint(0, 3)), ("?", 1)])
        return self.recase(self.escape(part[:i]) + mark + self.escape(part[i + n:])), word

    def texts(self, kind, high=3):
        """Some patterns, and event texts that fit them or miss them by a little."""
        pairs = [self.pattern(kind) for _ in range(self.r.randint(1, high))]
        near = [f for _, f in pairs] * 3 + [self.recase(f) for _, f in pairs]
        near += [self.r.choice("x-") + pairs[0][1], pairs[0][1] + "z"]
        return [value for value, _ in pairs], near

    def odd(self, *values):
        """Values in which the oracle is known to differ (differences.py): only now and then."""
        return list(values) if self.chance(0.2) else []

    def item(self, kind, field):
        """One detection item: its modifiers, its values, and values for events."""
        r = self.r
        n, m, flag = r.choice(NUMBERS), r.choice(NUMBERS), r.choice([True, False])
        other = r.choice([f for f in FIELDS if f != field])
        simple = {
            "compare": (r.choice(["lt", "lte", "gt", "gte"]), [n],
                        [n, n + 1, n - 1, n + 0.5, m] * 2 + self.odd(str(n), "abc", True)),
            "exists": ("exists", [flag], [MISSING] * 3 + ["foo", "", 0, False] + self.odd(None)),
            "fieldref": ("fieldref", [other], [(other,)] * 3),  # (name,): that field's value
            "number": ("", [n], [n] * 4 + [m, "foo"] + self.odd(str(n), f"{n}0", float(n))),
            "bool": ("", [flag], [True, False, "true", "false"] + self.odd("TRUE", "False", 1, 0)),
            "null": ("", [None], [None, MISSING, MISSING, "", "foo", 0])}
        if kind in simple:
            return simple[kind]
        if kind in ("text", "contains", "startswith", "endswith"):
            modifiers = ("" if kind == "text" else kind) + r.choice(["", "", "", "|cased"])
            return modifiers.lstrip("|"), *self.texts(kind)
        if kind == "all":
            word = self.word() or "foo bar"
            parts = [self.recase(self.escape(self.piece(word, "contains"))) for _ in range(2)]
            return "contains|all", parts, [word, word, self.recase(word), word[1:]]
        if kind == "re":
            values, near = map(list, zip(*r.sample(list(REGEXES.items()), r.randint(1, 2))))
            near += near + [self.recase(text) for text in near] + ["-" + near[0]]
            return r.choice(["re", "re|i"]), values, near
        if kind == "cidr":
            values, near = map(list, zip(*r.sample(list(NETWORKS.items()), r.randint(1, 2))))
            return "cidr", values, near * 3 + ADDRESSES + self.odd("10.1.2", "10.1.2.999")
        if kind == "neq":
            if self.chance(0.2):
                plain = r.choice([n, True, None])
                return "neq", [plain], [plain, 1, "foo", MISSING, None]
            modifiers, values, near = self.item(r.choice(["text", "contains", "endswith"]), field)
            return (modifiers + "|neq").lstrip("|"), values, near + [MISSING, None, "other"]
        if "base64" in kind:
            text = r.choice(SECRETS)
            data = text.encode("utf-16-le" if "wide" in kind else "utf-8")
            coats = [(b"", b""), (b"", b"!"), (b"-", b""), (b"ab", b"cd"), (b"abc", b"")]
            near = [base64.b64encode(p + data + s).decode() for p, s in coats]
            near += near[:1] * 4 if kind == "base64" else near
            return kind, [self.escape(text)], near + [text] + self.odd(near[0].swapcase())
        if kind == "windash":
            text = r.choice(OPTIONS)
            near = [re.sub("[-/]", lambda _: r.choice("-/-/–—―_"), text) for _ in range(4)]
            return "windash|contains", [text], near + [f"cmd {n.upper()} y" for n in near]
        values, near = self.texts(kind, high=2)
        extra = r.choice([None, True, n])
        return "", values + [extra], near + [extra] * 4  # mixed types

    def selection(self, near):
        """A map of items; `near` collects for each field the values fit for events."""
        items = {}
        for field in self.r.sample(FIELDS, self.r.choice([1, 1, 1, 2, 2, 3])):
            modifiers, values, fits = self.item(*self.r.choices(*zip(*KINDS.items())), field)
            near.setdefault(field, []).extend(fits)
            values = [Quoted(v) if isinstance(v, str) else v for v in values]
            value = values[0] if len(values) == 1 and self.chance(0.8) else values
            items[f"{field}|{modifiers}" if modifiers else field] = value
        return items

    def rule(self, number):
        """The YAML text of a rule, and for each of its fields the values fit for events."""
        near = {}
        names = ["sel_1", "sel_2", self.r.choice(["sel_3", "other"])]
        names = names[:self.r.choice([1, 1, 2, 2, 3])]
        detection = {name: [self.selection(near), self.selection(near)] if self.chance(0.1)
                     else self.selection(near) for name in names}
        condition = self.r.choice(CONDITIONS[len(names) - 1].split("; ")).replace("X", names[-1])
        body = {"title": f"Random rule {number}",
                "id": str(uuid.UUID(int=self.r.getrandbits(128), version=4)),
                "logsource": {"product": "aws", "service": "cloudtrail"},
                "detection": {**detection, "condition": condition}, "level": "low"}
        return yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=10**6), near

    def event(self, near):
        """A flat event; most of the rule's fields get a value that was made to fit."""
        event, eager = {}, self.r.choice([0.95, 0.95, 0.6])
        for field in FIELDS:
            pool = [MISSING, MISSING, self.word(), self.word(), self.r.choice(OTHERS)]
            pool = near[field] if field in near and self.chance(eager) else pool
            event[field] = self.r.choice(pool)
        for field, value in event.items():
            if isinstance(value, tuple):
                value = event[value[0]] if isinstance(event[value[0]], (str, int, float)) else "x"
                text = isinstance(value, str) or self.chance(0.1)
                event[field] = self.recase(str(value)) if text else value
        return {field: value for field, value in event.items() if value is not MISSING}


def oracle(sql, events):
    """For each event, whether the query selects it."""
    db = sqlite3.connect(":memory:")
    db.create_function("regexp", 2, lambda r, v: v is not None and bool(re.search(r, str(v))))
    db.execute(f"CREATE TABLE logs (event_number, {', '.join(FIELDS)})")
    for number, event in enumerate(events):
        row = [{True: "true", False: "false"}[v] if isinstance(v, bool) else v
               for v in map(event.get, FIELDS)]
        db.execute(f"INSERT INTO logs VALUES (?{', ?' * len(FIELDS)})", [number, *row])
    selected = {row[0] for row in db.execute(sql)}
    return [number in selected for number in range(len(events))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for option, default in (("--seed", 1), ("--rules", 150), ("--events", 10)):
        parser.add_argument(option, type=int, default=default)
    args = parser.parse_args()
    generator, backend = Generator(args.seed), sqliteBackend(collate_nocase=True)
    done = refused = 0
    while done < args.rules:
        rule, near = generator.rule(done + 1)
        try:
            (sql,) = backend.convert(SigmaCollection.from_yaml(rule))
        except (SigmaError, NotImplementedError):
            refused += 1
            continue
        events = [generator.event(near) for _ in range(args.events)]
        expected = oracle(sql, events)
        classes = [differences.of(yaml.safe_load(rule)["detection"], event) for event in events]
        print(json.dumps({"rule": rule, "events": events, "expected": expected, "classes": classes, "sql": sql}))
        done += 1
    print(f"{refused} rules refused by the back end", file=sys.stderr)


if __name__ == "__main__":
    main()
