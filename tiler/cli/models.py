"""`tiler models`: the networks there are."""

from tiler.cli.options import takes

EXAMPLES = "Example: tiler models"


@takes()
def command() -> None:
    """List the networks: where they come from, their licence, and whether they are on this disk."""
    from tiler.cli import process
    from tiler.model.card import cards
    from tiler.model.hub import status

    process.prepare()
    for card in cards():
        print(f"{card.name}\n  {card.title}\n  licence: {card.licence}\n  source:  {card.source}\n  {status(card)}")
