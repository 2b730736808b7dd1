"""Runs one Python test file and writes what came of each test to a file, a JSON object a line.

Arguments: the project's folder, the test file's path in it, the file for the results.
"""

import asyncio
import importlib
import importlib.util
import inspect
import json
import os
import sys
import time
import traceback
import unittest

ROOT, PATH, RESULTS = sys.argv[1:4]
FULL = os.path.join(ROOT, PATH)
OUT = open(RESULTS, "a", encoding="utf-8")
MANIFESTS = ("requirements.txt", "requirements-dev.txt", "dev-requirements.txt", "setup.py", "setup.cfg", "Pipfile", "environment.yml")


def tell(name, outcome, seconds=0.0, message="", places=()):
    told = {"name": name, "outcome": outcome, "ms": int(seconds * 1000), "message": message[:4000], "places": list(places)[:20]}
    OUT.write(json.dumps(told) + "\n")
    OUT.flush()


def places_of(error):
    """The project's lines that an error passed through, the innermost first."""
    found = []
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.startswith(ROOT + os.sep):
            found.append(f"{frame.filename[len(ROOT) + 1:].replace(os.sep, '/')}:{frame.lineno}")
    if isinstance(error, SyntaxError) and error.filename and error.filename.startswith(ROOT + os.sep):
        found.insert(0, f"{error.filename[len(ROOT) + 1:].replace(os.sep, '/')}:{error.lineno}")
    return found


def chain(error):
    seen = []
    while error is not None and error not in seen:
        seen.append(error)
        error = error.__cause__ or error.__context__
    return seen


def declares_dependencies():
    for name in MANIFESTS:
        path = os.path.join(ROOT, name)
        if os.path.isfile(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                if any(line.strip() and not line.lstrip().startswith("#") for line in file):
                    return True
    path = os.path.join(ROOT, "pyproject.toml")
    if os.path.isfile(path):
        try:
            import tomllib

            with open(path, "rb") as file:
                made = tomllib.load(file)
        except Exception:
            return True
        project = made.get("project", {})
        needs = [project.get("dependencies"), project.get("optional-dependencies"), made.get("dependency-groups")]
        return any(needs) or bool(made.get("tool", {}).get("poetry", {}).get("dependencies"))
    return False


def absent(error):
    """What an error lacks that is not the project's fault; None where it is a failure."""
    for one in chain(error):
        if isinstance(one, ModuleNotFoundError) and one.name:
            top = one.name.split(".")[0]
            folders = [ROOT, os.path.join(ROOT, "src"), os.path.dirname(FULL)]
            own = any(os.path.exists(os.path.join(folder, top + end)) for folder in folders for end in ("", ".py"))
            if not own and (declares_dependencies() or top in ("pytest", "hypothesis", "numpy", "_pytest")):
                return f"it needs the package {top}, which is not installed"
        kind = type(one).__name__
        if kind == "gaierror" or isinstance(one, OSError) and one.errno in (1, 13, 100, 101):
            return f"it asked for what is denied here: {one}"
    return None


def describe(error):
    text = str(error)
    kind = type(error).__name__
    if isinstance(error, AssertionError):
        line = "".join(traceback.format_tb(error.__traceback__)[-1:]).strip().splitlines()[1:2]
        return text or f"AssertionError at: {line[0].strip() if line else ''}"
    return f"{kind}: {text}"


def fail(name, error, seconds):
    lacks = absent(error)
    if lacks:
        tell(name, "not_run", seconds, lacks, places_of(error))
    else:
        tell(name, "failed", seconds, describe(error), places_of(error))


class Result(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.began = time.perf_counter()
        self.failed = False

    @staticmethod
    def named(test):
        identity = test.id()
        parts = identity.split(".")
        return ".".join(parts[-2:]) if len(parts) > 1 and " " not in identity else identity

    def startTest(self, test):
        super().startTest(test)
        self.began, self.failed = time.perf_counter(), False

    def took(self):
        return time.perf_counter() - self.began

    def addSuccess(self, test):
        if not self.failed:
            tell(self.named(test), "passed", self.took())

    def addFailure(self, test, err):
        fail(self.named(test), err[1], self.took())

    addError = addFailure

    def addSkip(self, test, reason):
        tell(self.named(test), "skipped", self.took(), reason)

    def addExpectedFailure(self, test, err):
        tell(self.named(test), "passed", self.took())

    def addUnexpectedSuccess(self, test):
        tell(self.named(test), "failed", self.took(), "it is marked as failing, and passes")

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.failed = True
            fail(f"{self.named(test)} {subtest._subDescription()}", err[1], self.took())


def load():
    """Imports the test file as pytest and unittest do: by its package, from the first folder that is none."""
    folder, names = os.path.dirname(FULL), [os.path.splitext(os.path.basename(FULL))[0]]
    while os.path.isfile(os.path.join(folder, "__init__.py")) and folder != ROOT:
        folder, name = os.path.split(folder)
        names.insert(0, name)
    for entry in (os.path.join(ROOT, "src"), ROOT, folder):
        if os.path.isdir(entry) and entry not in sys.path:
            sys.path.insert(0, entry)
    return importlib.import_module(".".join(names))


def with_pytest():
    """Runs the file with pytest."""
    import pytest

    told = {}

    class Reports:
        def pytest_collectreport(self, report):
            if report.failed:
                message = getattr(report.longrepr, "longrepr", None) or str(report.longrepr)
                missing = "ModuleNotFoundError" in message and declares_dependencies()
                tell(PATH, "not_run" if missing else "failed", 0, message[-3000:], [f"{PATH}:1"])

        @pytest.hookimpl(hookwrapper=True)
        def pytest_runtest_makereport(self, item, call):
            outcome = yield
            report = outcome.get_result()
            name = item.nodeid.split("::", 1)[-1].replace("::", ".")
            error = call.excinfo.value if call.excinfo is not None else None
            if report.failed:
                told[name] = True
                fail(name, error or AssertionError(str(report.longrepr)), report.duration)
            elif report.skipped and name not in told:
                told[name] = True
                reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else getattr(report, "wasxfail", "")
                tell(name, "skipped", report.duration, str(reason))
            elif report.when == "call" and name not in told:
                told[name] = True
                tell(name, "passed", report.duration)

    arguments = [FULL, "-q", "-p", "no:cacheprovider", f"--rootdir={ROOT}", "-o", "addopts="]
    for entry in (os.path.join(ROOT, "src"), ROOT):
        sys.path.insert(0, entry)
    return pytest.main(arguments, plugins=[Reports()])


def functions_of(module):
    for name, thing in list(vars(module).items()):
        if name.startswith("test") and inspect.isfunction(thing) and thing.__module__ == module.__name__:
            yield name, thing


def plain(module):
    """Functions in pytest's manner that need nothing of it."""
    for name, test in functions_of(module):
        needed = [p.name for p in inspect.signature(test).parameters.values() if p.default is inspect.Parameter.empty]
        if needed:
            tell(name, "not_run", 0, f"it needs pytest, which is not installed (for {', '.join(needed)})")
            continue
        began = time.perf_counter()
        try:
            made = test()
            if inspect.iscoroutine(made):
                asyncio.run(made)
        except unittest.SkipTest as skipped:
            tell(name, "skipped", time.perf_counter() - began, str(skipped))
        except BaseException as error:
            fail(name, error, time.perf_counter() - began)
        else:
            tell(name, "passed", time.perf_counter() - began)
    for name, thing in list(vars(module).items()):
        is_class = inspect.isclass(thing) and name.startswith("Test") and thing.__module__ == module.__name__
        if is_class and not issubclass(thing, unittest.TestCase):
            tell(name, "not_run", 0, "it needs pytest, which is not installed")


def main():
    with open(FULL, encoding="utf-8", errors="replace") as file:
        text = file.read()
    sys.dont_write_bytecode = True
    wants_pytest = "import pytest" in text or "from pytest" in text or "\ndef test" in text or "\nasync def test" in text
    conftest = any(name == "conftest.py" for _, _, names in os.walk(ROOT) for name in names)
    if (wants_pytest or conftest) and importlib.util.find_spec("pytest") is not None:
        with_pytest()
        return
    if "unittest" not in text and "import pytest" in text:
        tell(PATH, "not_run", 0, "it needs the package pytest, which is not installed")
        return
    began = time.perf_counter()
    try:
        module = load()
    except unittest.SkipTest as skipped:
        tell(PATH, "skipped", 0, str(skipped))
        return
    except BaseException as error:
        fail(PATH, error, time.perf_counter() - began)
        return
    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    suite.run(Result())
    plain(module)


main()
OUT.write(json.dumps({"end": True}) + "\n")
OUT.close()
