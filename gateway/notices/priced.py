"""The letters about what a service costs: a price to say yes to, and a deposit that is still open."""

from dataclasses import replace

from gateway.notices.letter import Letter, plain, to_page, written
from gateway.notices.matter import Matter
from gateway.notices.price import valid_until
from gateway.texts import Translator


def quote(matter: Matter, t: Translator, link: str) -> Letter:
    """Write the letter that asks for a yes to a price."""
    price = matter.price
    letter = written(
        matter,
        t,
        t.gettext("What the service for %(product)s costs") % {"product": matter.product_name},
        t.gettext("Please look at the price on your page and say yes or no. Nothing is done before."),
    )
    until = valid_until(price, matter.request.place_time_zone, t)
    return replace(
        letter,
        facts=((t.gettext("What does it cost?"), price.cost(t)), *price_lines(matter, t)),
        button=t.gettext("Look at the price"),
        link=link,
        after=(t.gettext("The price holds until %(moment)s.") % {"moment": until},) if until else (),
    )


def deposit_due(matter: Matter, t: Translator, link: str) -> Letter:
    """Write the letter that reminds of a deposit that has not been paid."""
    letter = plain(
        matter,
        t,
        t.gettext("The deposit for %(product)s is still open") % {"product": matter.product_name},
        t.gettext("You have agreed to the price, and a deposit comes first. Your page leads you to where it is paid."),
        t.gettext("If it stays open, a member of our staff asks you in person."),
    )
    return to_page(letter, t, link)


def price_lines(matter: Matter, t: Translator) -> tuple[tuple[str, str], ...]:
    """Return the lines of a price that the owner pays or that others pay for him."""
    return tuple(
        (
            line.title,
            " · ".join(
                [
                    line.gross,
                    *(
                        t.gettext("paid by %(payer)s: %(amount)s") % {"payer": payer, "amount": amount}
                        for payer, amount, _ in line.payers
                    ),
                ]
            ),
        )
        for line in matter.price.lines(t)
    )
