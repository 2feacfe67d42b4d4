"""Text that UTF-8 cannot hold: JSON can spell half of a character, which neither ledger nor wire can carry."""

from __future__ import annotations


def broken_text_in(arguments: object) -> str | None:
    """The first argument that has a lone surrogate in its name, or anywhere in its value; None where there is none.

    Args:
        arguments: As a client gave them, nested to any depth; what is no object of names is left to others.
    """
    if not isinstance(arguments, dict):
        return None
    for name, value in arguments.items():
        waiting: list[object] = [name, value]
        while waiting:
            node = waiting.pop()
            if isinstance(node, str):
                if not _whole(node):
                    return str(name)
            elif isinstance(node, dict):
                waiting += [*node, *node.values()]
            elif isinstance(node, list | tuple):
                waiting += node
    return None


def _whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
