"""Commands print on every terminal, and end bad input in one line."""

import subprocess
import sys

import pytest

from base.terminal import PLAIN
from reports.tables.layout import OUTCOMES, SYMBOLS

# Ways in which a terminal is not UTF-8. (Under LC_ALL=C alone Python speaks UTF-8 all the same, unless told not to.)
ENCODINGS = [
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1"},
    {"LC_ALL": "C", "PYTHONUTF8": "0"},
    {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]


def run(body: str, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[bytes]:
    program = f"from base.terminal import command\nfrom base.errors import InputError\n{body}\ncommand(main, '')"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], env=environment, capture_output=True, check=False
    )


@pytest.mark.parametrize("environment", ENCODINGS, ids=lambda e: "-".join(e.values()))
def test_what_the_terminal_lacks_is_printed_otherwise(environment: dict[str, str]) -> None:
    done = run(r"def main(_): print('\u2713 12 \xb7 \u2260 3 \u6f22')", environment)
    assert (done.returncode, done.stderr) == (0, b"")
    dot = b"\xb7" if environment == {"PYTHONIOENCODING": "latin-1"} else b"-"
    assert done.stdout == b"+ 12 " + dot + b" ! 3 ?\n"


def test_a_utf8_terminal_gets_every_character_and_names_that_are_no_text() -> None:
    done = run("def main(_): print('\\u2713 \\u6f22 \\udcff')", {"PYTHONIOENCODING": "utf-8"})
    assert (done.returncode, done.stdout.decode()) == (0, "✓ 漢 ?\n")


def test_bad_input_ends_in_one_line_whatever_it_names() -> None:
    done = run("def main(names): raise InputError(f'{names[0]}: is damaged')", {"PYTHONIOENCODING": "ascii"}, "Prüfung")
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"error: Pr?fung: is damaged\n")


def test_a_reader_who_has_read_enough_is_no_error() -> None:
    program = "from base.terminal import command\ncommand(lambda _: print('line\\n' * 100000), '')"
    command = f'{sys.executable} -c "$PROGRAM" | head -1'
    done = subprocess.run(command, shell=True, env={"PROGRAM": program}, capture_output=True, check=False)
    assert (done.stdout, done.stderr) == (b"line\n", b"")


def test_every_symbol_of_the_reports_has_a_plain_form_of_its_own() -> None:
    for symbols in (SYMBOLS, OUTCOMES):
        plain = [PLAIN[symbol] for symbol in symbols.values()]
        assert len(set(plain)) == len(plain)
        assert all(text.isascii() for text in plain)
