"""The source of a function or class with all that it needs of its file's and of ours, so that it runs by itself."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

import rnn_parity
from rnn_parity.registry.aliases import meant

OURS = Path(rnn_parity.__file__).parent
#: What only makes something known to the suite.
_REGISTERING = ("register", "register_module")
_Import: TypeAlias = ast.Import | ast.ImportFrom


class NotSelfContained(ValueError):
    """What is asked for cannot be taken out of its file; the text says why."""


class _File(NamedTuple):
    path: Path
    text: str
    #: What stands at its top level, by name.
    defines: dict[str, ast.stmt]

    @classmethod
    def read(cls, path: Path) -> _File:
        text = path.read_text(encoding="utf-8")
        return cls(path, text, {name: part for part in ast.parse(text).body for name in _names(part)})


def _names(part: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement at the top level binds."""
    if isinstance(part, ast.FunctionDef | ast.ClassDef):
        yield part.name
    elif isinstance(part, _Import):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in part.names)
    elif isinstance(part, ast.Assign | ast.AnnAssign):
        targets = part.targets if isinstance(part, ast.Assign) else [part.target]
        yield from (name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))
    elif isinstance(part, ast.If | ast.Try):
        yield from (name for inner in part.body for name in _names(inner))


class Bundle:
    """Definitions, each after those that it needs, and the imports of what is not ours."""

    def __init__(self, folder: Path) -> None:
        #: The folder of the file that is taken to pieces: what it imports from there is taken with it.
        self.folder = folder
        self.imports: dict[str, str] = {}
        self.parts: list[str] = []
        self._seen: list[ast.stmt] = []
        self._taken: dict[str, Path] = {}
        self._files: dict[Path, _File] = {}

    @property
    def text(self) -> str:
        """All of it."""
        return "\n\n\n".join(["\n".join(dict.fromkeys(self.imports.values())), *self.parts]).strip()

    def checked(self, reserved: Collection[str]) -> str:
        """Return the text of the file.

        Raises:
            NotSelfContained: it defines one of the names that are `reserved`.
        """
        if taken := sorted({*self._taken, *self.imports} & set(reserved)):
            raise NotSelfContained(f"it defines {', '.join(taken)}, as the script does")
        return self.text

    def take(self, path: Path, name: str) -> None:
        """Take in what a file calls so, and first what that needs.

        Raises:
            NotSelfContained: there is no such thing at its top level, or two files call different things so.
        """
        file = self._files.setdefault(path, _File.read(path))
        if name not in file.defines:
            raise NotSelfContained(f"{name} is not defined at the top level of {path.name}")
        part = file.defines[name]
        if isinstance(part, _Import):
            self._take_import(file, part, name)
            return
        if (taken := self._taken.setdefault(name, path)) != path or name in self.imports:
            raise NotSelfContained(f"both {taken.name} and {path.name} define {name}")
        if part in self._seen:
            return
        self._seen.append(part)
        decorators = _kept_decorators(part)
        for needed in _needed_by(part, decorators):
            if needed in file.defines and needed != name:
                self.take(path, needed)
        self.parts.append(_source(file, part, decorators))

    def _take_import(self, file: _File, part: _Import, name: str) -> None:
        for alias in part.names:
            if (alias.asname or alias.name.partition(".")[0]) != name:
                continue
            module = part.module if isinstance(part, ast.ImportFrom) else alias.name
            source = self._file_of(file, module or "", getattr(part, "level", 0))
            if source is None:
                self._keep_import(file, part, alias, name)
            elif isinstance(part, ast.Import) or alias.asname not in (None, alias.name):
                raise NotSelfContained(f"{file.path.name} imports {module} as {name}")
            else:
                self.take(source, alias.name)

    def _keep_import(self, file: _File, part: _Import, alias: ast.alias, name: str) -> None:
        alone = (
            ast.Import([alias]) if isinstance(part, ast.Import) else ast.ImportFrom(part.module, [alias], part.level)
        )
        line = ast.unparse(alone)
        if self.imports.setdefault(name, line) != line or name in self._taken:
            raise NotSelfContained(f"{file.path.name} imports another {name}")

    def _file_of(self, file: _File, module: str, level: int) -> Path | None:
        """Return the file of a module that is ours, or lies beside the file; None of any other."""
        if level:
            return _file_in(file.path.parents[level - 1], module)
        if (ours := meant(module).partition("."))[0] == rnn_parity.__name__:
            return _file_in(OURS, ours[2]) if ours[2] else OURS / "__init__.pyi"
        return _file_in(self.folder, module)


def _file_in(folder: Path, module: str) -> Path | None:
    """Return the file of a module or a package below a folder."""
    place = folder.joinpath(*module.split("."))
    return next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()), None)


def _kept_decorators(part: ast.stmt) -> list[ast.expr]:
    """Those that do more than to register."""
    return [
        decorator
        for decorator in getattr(part, "decorator_list", [])
        if not (isinstance(decorator, ast.Call) and ast.unparse(decorator.func).rpartition(".")[2] in _REGISTERING)
    ]


def _needed_by(part: ast.stmt, decorators: list[ast.expr]) -> list[str]:
    """Return the names that a statement mentions, in their order."""
    dropped = {
        id(inner)
        for outer in getattr(part, "decorator_list", [])
        if outer not in decorators
        for inner in ast.walk(outer)
    }
    nodes = (node for node in ast.walk(part) if isinstance(node, ast.Name) and id(node) not in dropped)
    return list(dict.fromkeys(node.id for node in nodes))


def _double_quoted(line: str) -> str:
    return line if '"' in line else line.replace("'", '"')


def _source(file: _File, part: ast.stmt, decorators: list[ast.expr]) -> str:
    """As it stands in its file; what is ours, without what it says of itself."""
    if file.path.is_relative_to(OURS):
        for node in ast.walk(part):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) and len(node.body) > 1:
                node.body = node.body[1:]
        if isinstance(part, ast.FunctionDef | ast.ClassDef):
            part.decorator_list = decorators
        return "\n".join(_double_quoted(line) for line in ast.unparse(part).splitlines())
    lines = [f"@{ast.get_source_segment(file.text, decorator)}" for decorator in decorators]
    return "\n".join([*lines, ast.get_source_segment(file.text, part) or ""])
