"""``python -m tests.docs.layers``: writes the picture of the layers into docs/architecture.md.

The picture is made of what import-linter enforces (pyproject.toml) and of the first line of each package's docstring,
so that it can be neither wishful nor old; ``test_architecture_page`` holds the page against it.
"""

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- layers: begin -->", "<!-- layers: end -->"


def layers() -> list[list[str]]:
    """Return the packages of each layer, the outermost first."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (contract,) = [one for one in contracts if one["type"] == "layers"]
    return [[name.strip() for name in line.split("|")] for line in contract["layers"]]


def source(name: str) -> Path:
    """Return the file that a package or module begins with."""
    path = ROOT / ("cli" if name == "ledger_cli" else "") / name.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def size(name: str) -> int:
    """Return the lines of code of a package or module."""
    first = source(name)
    files = first.parent.rglob("*.py") if first.name == "__init__.py" else [first]
    return sum(len(path.read_text().splitlines()) for path in files)


def sentence(name: str) -> str:
    """Return the first line of a docstring."""
    told = ast.get_docstring(ast.parse(source(name).read_text())) or ""
    return told.split("\n", maxsplit=1)[0]


def picture() -> str:
    """Return the layers as a Mermaid flow chart and a table."""
    lines = ["```mermaid", "flowchart TB"]
    for number, names in enumerate(layers()):
        lines += [f'  subgraph L{number}[" "]', "    direction LR"]
        lines += [f'    {name.replace(".", "_")}["{name}"]' for name in names]
        lines.append("  end")
        if number:
            lines.append(f"  L{number - 1} --> L{number}")
    lines += ["```", "", "| package | lines | what it is |", "|---|---|---|"]
    for names in layers():
        for name in names:
            parts = sorted(path.parent.name for path in source(name).parent.glob("*/__init__.py"))
            inner = [f"{name}.{part}" for part in parts] if source(name).name == "__init__.py" else []
            lines += [f"| `{one}` | {round(size(one), -2):,} | {sentence(one)} |" for one in (name, *inner)]
    return "\n".join(lines)


def page(text: str) -> str:
    """Return the page with the picture as it is now."""
    return re.sub(f"{BEGIN}.*?{END}", lambda _: f"{BEGIN}\n{picture()}\n{END}", text, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
