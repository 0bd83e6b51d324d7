"""The text of a script with only what is used in it, in the order in which people write."""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter

from rnn_parity import Config


def tidied(text: str) -> str:
    """Return a script with its imports at the top, without what nothing in it uses."""
    imports, rest = _parted(text)
    return _spaced(_grouped(_used(_lean("\n".join([*imports, "", rest])))))


def _parted(text: str) -> tuple[list[str], str]:
    """Return the imports at the top level, each name on a line of its own, and the rest."""
    imports, rest, end = set(), [], 0
    lines = text.splitlines()
    for part in ast.parse(text).body:
        if isinstance(part, ast.Import | ast.ImportFrom):
            imports |= {_import_of(part, alias) for alias in part.names}
        else:
            rest += lines[end : part.end_lineno]
        end = part.end_lineno or end
    return sorted(imports), "\n".join(rest)


def _import_of(part: ast.Import | ast.ImportFrom, alias: ast.alias) -> str:
    return ast.unparse(ast.Import([alias]) if isinstance(part, ast.Import) else ast.ImportFrom(part.module, [alias], 0))


def _used(text: str) -> str:
    """Without functions, constants and imports that nothing mentions."""
    while True:
        kept = _pruned(text)
        if kept == text:
            return text
        text = kept


def _lean(text: str) -> str:
    """Return the text with as much of `Config` as it uses."""
    tree = ast.parse(text)
    methods = [
        method
        for part in tree.body
        if isinstance(part, ast.ClassDef) and part.name == Config.__name__
        for method in part.body
        if isinstance(method, ast.FunctionDef)
    ]
    for method in methods:
        inside = {id(node) for node in ast.walk(method)}
        asked = (node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and id(node) not in inside)
        if method.name not in asked:
            lines = text.splitlines()
            first = min([method.lineno, *(decorator.lineno for decorator in method.decorator_list)])
            return _lean("\n".join(lines[: first - 1] + lines[method.end_lineno :]))
    return text


def _grouped(text: str) -> str:
    """Put imports at the top, those of one module on a line, Python's own first."""
    lines = text.splitlines()
    top = [part for part in ast.parse(text).body if isinstance(part, ast.Import | ast.ImportFrom)]
    rest = "\n".join(lines[top[-1].end_lineno :])
    modules: dict[str, set[str]] = {}
    for part in top:
        name = part.module or "" if isinstance(part, ast.ImportFrom) else ""
        modules.setdefault(name, set()).update(ast.unparse(alias) for alias in part.names)
    whole = [f"import {name}" for name in sorted(modules.pop("", ()))]
    parts = [f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(modules.items())]
    future = [line for line in parts if line.startswith("from __future__")]
    known = [line for line in [*whole, *parts] if _is_pythons(line) and line not in future]
    others = [line for line in [*whole, *parts] if not _is_pythons(line)]
    return "\n\n".join("\n".join(group) for group in (future, known, others) if group) + "\n\n" + rest


def _is_pythons(line: str) -> bool:
    return re.split(r"[ .]", line)[1] in sys.stdlib_module_names


def _spaced(text: str) -> str:
    """Two empty lines around functions and classes, and one at most anywhere else."""
    lines, spaced, end, before = text.splitlines(), "", 0, False
    for part in ast.parse(text).body:
        chunk = lines[end : part.end_lineno]
        block = isinstance(part, ast.FunctionDef | ast.ClassDef)
        gap = 2 if block or before else int(not chunk[0].strip())
        spaced += "\n" * (gap + 1) + "\n".join(chunk).strip()
        end, before = part.end_lineno or end, block
    return spaced.strip()


def _pruned(text: str) -> str:
    lines, kept, end = text.splitlines(), [], 0
    body = ast.parse(text).body
    mentioned = [{node.id for node in ast.walk(part) if isinstance(node, ast.Name)} for part in body]
    times = Counter(name for names in mentioned for name in names)
    for part, names in zip(body, mentioned, strict=True):
        binds = _bound(part)
        if not binds or any(times[name] > (name in names) for name in binds):
            kept += lines[end : part.end_lineno]
        end = part.end_lineno or end
    return "\n".join(kept)


def _bound(part: ast.stmt) -> set[str]:
    """Return the names that a statement may be dropped with."""
    if isinstance(part, ast.FunctionDef | ast.ClassDef):
        return {part.name}
    if isinstance(part, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in part.names}
    if isinstance(part, ast.Assign):
        return {target.id for target in part.targets if isinstance(target, ast.Name)}
    return set()
