"""The reference of options, made from the groups of `Settings`: a hook of MkDocs for docs/reference/settings.md."""

from typing import Any

from tiler.options import Option, options_of
from tiler.settings import GROUPS

MARKER = "<!-- options -->"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the tables in the place of the marker."""
    return markdown.replace(MARKER, tables())


def tables() -> str:
    """Return a heading, a sentence and a table for each group of options, in Markdown."""
    parts = []
    for group, kind in GROUPS.items():
        sentence = (kind.__doc__ or "").split("\n")[0]
        rows = [_row(one) for one in options_of(kind)]
        parts += [f"## {group} {{: #{group} }}", "", f"`{kind.__name__}`. {sentence}", "", HEAD, *rows, ""]
    return "\n".join(parts)


HEAD = "| option | values | default | what it does |\n|---|---|---|---|"


def _row(one: Option) -> str:
    flag, values = f"`{one.flag}`", {int: "whole number", str: "text"}.get(one.kind, "path")
    if one.kind is bool:
        flag, values = f"{flag}, `--no-{one.flag[2:]}`", ""
    elif one.choices:
        values = ", ".join(f"`{choice}`" for choice in one.choices)
    elif one.many:
        values = "texts"
    elif one.words:
        values = ", ".join(["whole number", *(f"`{word}`" for word in one.words)])
    elif one.help.least is not None:
        values = f"{values}, at least {one.help.least}"
    default = one.help.shown or ("off" if one.default is False else f"`{one.default}`")
    return f"| {flag} | {values} | {default} | {one.help.text} |"
