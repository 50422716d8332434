"""The settings that ``--help`` lists: the composed config, each setting with the comment of its config file."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from omegaconf import DictConfig, OmegaConf

COMMENT_COLUMN = 44
"""Column at which comments start, further right after a long setting."""

Key = tuple[str, ...]


class Source(NamedTuple):
    """A setting as it stands in a config file: its comment, and whether its value is written on one line."""

    comment: str
    is_inline: bool


def described(config: DictConfig, choices: dict[str, str], folders: Sequence[Path], program: str) -> str:
    """Return a config as YAML with a comment behind each setting.

    Args:
        config: The composed config, without Hydra's own part.
        choices: The chosen name of each group. A group without one, such as a list of callbacks, uses all its files.
        folders: The config folders.
        program: The name of the program's config file.
    """
    sources: dict[Key, Source] = {}
    for group, content in config.items_ex(resolve=False):
        if not isinstance(content, DictConfig):
            continue
        choice = choices.get(str(group))
        for path in _files(str(group), choice, folders):
            heading = {(str(group),): Source(_heading(path), False)} if choice else {}
            sources = _sources(path, (str(group),)) | heading | sources
    top = _sources(folders[0] / f"{program}.yaml", ())
    sources = {key: top[key] if key in top and top[key].comment else source for key, source in (top | sources).items()}
    return "\n".join(_lines(OmegaConf.to_container(config), (), sources)) + "\n"


def _files(group: str, choice: str | None, folders: Sequence[Path]) -> list[Path]:
    """Return the file of a choice and those in its defaults list; all files of the group without a choice."""
    if choice is None:
        return [path for folder in folders for path in sorted((folder / group).glob("*.yaml"))]
    paths = [folder / group / f"{choice}.yaml" for folder in folders]
    files = [path for path in paths if path.is_file()][:1]
    for path in files[:]:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        names = content.get("defaults", []) if isinstance(content, dict) else []
        files += [file for name in names if isinstance(name, str) for file in _files(group, name, folders)]
    return files


def _heading(path: Path) -> str:
    """Return the first comment of a file, up to its example."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [line.removeprefix("#").strip() for line in lines if line.startswith("#") and "@package" not in line]
    return comments[0].partition("  ")[0] if comments else ""


def _sources(path: Path, parent: Key) -> dict[Key, Source]:
    if not path.is_file():
        return {}
    text = path.read_text(encoding="utf-8")
    return dict(_walk(yaml.compose(text), text.splitlines(), parent))


def _walk(node: yaml.Node | None, lines: list[str], parent: Key) -> Iterator[tuple[Key, Source]]:
    if not isinstance(node, yaml.MappingNode):
        return
    for name, value in node.value:
        key = (*parent, str(name.value))
        is_block = isinstance(value, yaml.CollectionNode) and not value.flow_style
        end = name.end_mark if is_block else value.end_mark
        found = re.match(r"\s*:?\s*#\s*(.*)", lines[end.line][end.column :] if end.line < len(lines) else "")
        above = lines[name.start_mark.line - 1].strip() if name.start_mark.line else ""
        comment = found[1] if found else above.lstrip("# ") if is_block and above.startswith("#") else ""
        yield key, Source(comment.partition("  ")[0], not is_block)
        yield from _walk(value, lines, key)


def _lines(value: Any, key: Key, sources: dict[Key, Source]) -> Iterator[str]:
    for name, child in value.items():
        path = (*key, str(name))
        source = sources.get(path, Source("", not isinstance(child, dict)))
        is_part = isinstance(child, dict) and bool(child) and not source.is_inline
        text = f"{'  ' * len(key)}{name}:" + ("" if is_part else f" {_inline(child)}")
        yield f"{text:<{COMMENT_COLUMN}}  # {source.comment}" if source.comment else text
        if is_part:
            yield from _lines(child, path, sources)


def _inline(value: Any) -> str:
    """Return a value as YAML on one line.

    Example:
        >>> _inline([1, 2]), _inline(None), _inline("a: b"), _inline("???")
        ('[1, 2]', 'null', "'a: b'", '???')
    """
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")
