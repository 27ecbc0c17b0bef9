"""What a check found, for other programs: JSON, and JUnit XML as CI servers and pytest read it.

Every JSON file says in `format` which schema it has, with a number that changes with it, whether
the check `passed`, and the `versions` of all that had a part in it. JUnit XML has a suite for each
group of checks; what was left out is `skipped`, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from goldenspike.tools import results
from goldenspike.tools.console import input_errors

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Check:
    """One thing that was checked.

    Parameters
    ----------
    group, name
        What it is called.
    seconds
        Time that it took.
    problem
        Why it failed; empty if it passed.
    left_out
        Why it was not done; empty if it was.
    """

    group: str
    name: str
    seconds: float = 0.0
    problem: str = ""
    left_out: str = ""


def junit(title: str, checks: Iterable[Check]) -> str:
    """Return checks as JUnit XML, those of a group together."""
    import junitparser

    report = junitparser.JUnitXml(title)
    ordered = sorted(checks, key=lambda check: check.group)
    for group, members in groupby(ordered, key=lambda check: check.group):
        suite = junitparser.TestSuite(group)
        cases = []
        for check in members:
            case = junitparser.TestCase(check.name, f"{title}.{group}", round(check.seconds, 3))
            if check.problem:
                failure = junitparser.Failure(check.problem.partition("\n")[0])
                failure.text = check.problem
                case.result = [failure]
            elif check.left_out:
                case.result = [junitparser.Skipped(check.left_out)]
            cases.append(case)
        suite.add_testcases(cases)
        report.add_testsuite(suite)
    report.update_statistics()
    return report.tostring().decode()


class Records:
    """Where a command writes what it found: to neither, one or both of two files.

    Parameters
    ----------
    command
        Name of the command.
    json, junit
        Files, or None.

    Raises
    ------
    InputError
        At once, if one could not be written in the end.
    """

    def __init__(self, command: str, json: Path | None = None, junit: Path | None = None) -> None:
        self.command, self.json, self.junit = command, json, junit
        for path in (json, junit):
            if path is not None:
                with input_errors(str(path)):
                    if path.is_dir():
                        raise ValueError("File must be one that can be written, not a folder")
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with TemporaryFile(dir=path.parent):
                        pass

    def write(self, found: dict[str, Any], checks: Iterable[Check]) -> None:
        """Write what was found."""
        checks = list(checks)
        if self.json is not None:
            passed = not any(check.problem for check in checks)
            head = {"format": f"goldenspike-{self.command}/1", "passed": passed}
            results.write_json(self.json, head | found)
        if self.junit is not None:
            results.write_text(self.junit, junit(f"goldenspike.{self.command}", checks))
