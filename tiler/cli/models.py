"""`tiler models`: the networks there are, and networks of one's own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tiler.cli.options import GroupedCommand, takes

if TYPE_CHECKING:
    from tiler.model.card import ModelCard
    from tiler.model.trial import Trial

EXAMPLES = "Examples: tiler models; tiler models add network.onnx; tiler models check network"

LEGEND = """
A guide sees pictures as a whole and is not shown tiles; a network for detail is shown tiles alone, and needs a guide:
--guide-model, or --guide. A network for any role is shown both. Not verified: the weights were not run by those who
wrote the card."""

Html = Annotated[
    Path | None,
    typer.Option(metavar="PAGE", help="Also show what it answers on a page, this file.", show_default=False),
]

app = typer.Typer(
    help="List the networks: where they come from, their licence, and whether they are on this disk.",
    epilog=EXAMPLES,
    invoke_without_command=True,
    rich_markup_mode=None,
)


@app.callback()
@takes()
def command(ctx: typer.Context) -> None:
    """List the networks: where they come from, their licence, and whether they are on this disk."""
    if ctx.invoked_subcommand is not None:
        return
    from tiler.cli import process
    from tiler.model.card import cards
    from tiler.model.hub import is_here, status
    from tiler.model.shelf import own_cards

    process.prepare()
    own, wrong = own_cards()
    added = {card.name for card in own}
    for card in sorted((*(card for card in cards() if card.name not in added), *own), key=lambda card: card.name):
        verified, here = "verified" if card.verified else "not verified", "here" if is_here(card) else "not here"
        print(f"{card.name:<20}  {card.role:<6}  commercial use: {card.commercial:<9}  {verified:<12}  {here}")
        print(f"  {card.title}\n  {card.terms}\n  Source: {card.source}\n  {status(card)}")
    print(LEGEND)
    for error in wrong:
        print(error)


@app.command(
    cls=GroupedCommand,
    epilog="Examples: tiler models add network.onnx --name mine --licence MIT; tiler models add hf:Xenova/modnet",
)
@takes()
def add(
    network: Annotated[
        str,
        typer.Argument(
            metavar="FILE|DIR|URL|HUB-ID",
            help="An ONNX file or its https address; a directory with a network; hf:OWNER/NAME[:PATH] on Hugging Face; "
            "ms:OWNER/NAME on ModelScope.",
            show_default=False,
        ),
    ],
    name: Annotated[str | None, typer.Option(help="What it is to be called.", show_default="as its file")] = None,
    licence: Annotated[str | None, typer.Option(help="The licence of its weights.", show_default="not stated")] = None,
    commercial: Annotated[
        Literal["yes", "no", "not known"] | None,
        typer.Option(help="Whether that allows commercial use.", show_default="not known"),
    ] = None,
    html: Html = None,
) -> None:
    """Add a network of your own: its card is proposed from its graph, and it is tried before it is kept.

    A preprocessor_config.json or NAME.onnx.json beside an ONNX file is read. A card.toml in a directory goes before
    all, and so does the card of a listed network whose name is given.
    """
    from tiler.cli import process, remote, terminal
    from tiler.model.adding import add as add_network

    process.prepare()
    with terminal.progress(quiet=False) as progress, remote.local(network, progress) as (where, called):
        source = None if str(where) == network else network
        card, said, tried = add_network(
            where, name=name or called, source=source, licence=licence, commercial=commercial
        )
    print("\n".join(said))
    if html is not None:
        _write_page(html, card, tried, said)
    print(f"{card.name} is kept in {card.directory}; change what is wrong in its card.toml.")
    guide = "--guide-model modnet " if card.role == "detail" else ""
    print(f"Try it: tiler matte photo.tif -o cutout.tif {guide}--model {card.name}")


@app.command(cls=GroupedCommand, epilog="Example: tiler models check modnet --html modnet.html")
@takes()
def check(
    name: Annotated[str, typer.Argument(help="A network.", show_default=False)],
    html: Html = None,
) -> None:
    """Say what in a network bears on tiling, and what it answers for the example portrait."""
    from tiler.cli import process, terminal
    from tiler.model.session import open_session
    from tiler.model.trial import try_out
    from tiler.settings import ComputeOptions

    process.prepare()
    with (
        terminal.progress(quiet=False) as progress,
        open_session(ComputeOptions(model=name, threads=1, precision="f32"), progress) as session,
    ):
        tried = try_out(session)
    card = session.card
    likes = f"guide of {card.guide_px} px, tiles of {card.tile_px} px"
    if card.role != "guide":
        likes += ", noise not measured" if card.noise is None else f", noise {card.noise:g}"
    print(f"{card.name}: {card.role}, {likes}, fit {card.input.fit}, takes {card.kind}, sha256 {session.sha256}")
    said = (*(session.graph_report.sentences() or ("Its graph is fit for tiles.",)), *tried.sentences())
    print("\n".join((card.terms, *said)))
    if html is not None:
        _write_page(html, card, tried, said)


@app.command(cls=GroupedCommand, epilog="Example: tiler models remove mine")
@takes()
def remove(name: Annotated[str, typer.Argument(help="A network that was added.", show_default=False)]) -> None:
    """Remove a network that was added."""
    from tiler.model.shelf import remove as remove_network

    print(f"{remove_network(name)} is removed.")


def _write_page(path: Path, card: "ModelCard", tried: "Trial", said: tuple[str, ...]) -> None:
    from tiler.inspect.network_page import write_network_html

    write_network_html(path, card, tried, said)
    print(f"What it answers is shown in {path}.")
