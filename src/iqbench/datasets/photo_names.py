"""The names of photos in the results, which are printable, and the paths that they stand for."""

import re
import sys


def display_name(path: str) -> str:
    r"""Return the name of a relative path in the results.

    Bytes that are not UTF-8 become ``\xNN``, and a backslash becomes two, so that no two paths share a name.

    Example:
        >>> print(display_name("été/1.jpg"), display_name(r"caf\xe9.jpg"))
        ./été/1.jpg ./caf\\xe9.jpg
    """
    doubled = path.replace("\\", "\\\\")
    return "./" + doubled.encode("utf-8", sys.getfilesystemencodeerrors()).decode("utf-8", "backslashreplace")


def path_of(name: str) -> str:
    r"""Return the path of a name in the results, the inverse of `display_name`.

    Example:
        >>> print(path_of("./été/1.jpg"), path_of(r"./caf\\xe9.jpg"))
        été/1.jpg caf\xe9.jpg
    """
    escaped = name.removeprefix("./").encode()
    raw = re.sub(rb"\\(\\|x[0-9a-f]{2})", lambda match: _byte(match[1]), escaped)
    return raw.decode("utf-8", sys.getfilesystemencodeerrors())


def _byte(escape: bytes) -> bytes:
    return escape if escape == b"\\" else bytes.fromhex(escape[1:].decode())
