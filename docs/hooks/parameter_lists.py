"""Parameters that a docstring explains as `name: what it is`, shown as a list: an extension of griffe for the site."""

import re
from typing import Any

import griffe

# A name, or several, and a colon: where a paragraph begins, or after a sentence.
NAMES = re.compile(r"(?:^|(?<=[.;] ))(\w+(?:, \w+)*): ")


class ParameterLists(griffe.Extension):
    """Turns explained parameters of functions, and fields of classes, into lists."""

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        _list(func, {parameter.name for parameter in func.parameters})

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        _list(cls, set(cls.members))


def _list(explained: griffe.Function | griffe.Class, names: set[str]) -> None:
    if explained.docstring is not None:
        paragraphs = explained.docstring.value.split("\n\n")
        explained.docstring.value = "\n\n".join(listed(paragraph, names) for paragraph in paragraphs)


def listed(paragraph: str, names: set[str]) -> str:
    """Return a paragraph in Markdown, with one item for each explanation of some of the `names`."""
    text = paragraph if paragraph.startswith("    ") else " ".join(paragraph.split())
    found = [match for match in NAMES.finditer(text) if names.issuperset(match[1].split(", "))]
    if not found:
        return paragraph
    ends = [match.start() for match in found[1:]] + [len(text)]
    items = [
        f"- {', '.join(f'`{name}`' for name in match[1].split(', '))}: {text[match.end() : end].strip()}"
        for match, end in zip(found, ends, strict=True)
    ]
    before = text[: found[0].start()].strip()
    return "\n".join([before, "", *items] if before else items)
