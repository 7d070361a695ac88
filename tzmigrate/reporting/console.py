"""Every result as text for people: one function finds the page that fits."""

from rich.console import Console

from tzmigrate.backup.model import Kept, Restoration, Shelf
from tzmigrate.execution.model import Adoption, Run, Status
from tzmigrate.inventory.model import Inventory
from tzmigrate.planning.model import Plan
from tzmigrate.reporting.adoption_text import adoption_page
from tzmigrate.reporting.backup_text import kept_page, restoration_page, shelf_page
from tzmigrate.reporting.inventory_text import inventory_page
from tzmigrate.reporting.page import Page, make_console
from tzmigrate.reporting.plan_text import plan_page
from tzmigrate.reporting.proof_text import proof_page
from tzmigrate.reporting.run_text import run_page, status_page
from tzmigrate.verification.model import Proof

__all__ = ["Result", "make_console", "page_of", "show"]

Result = Inventory | Plan | Proof | Status | Run | Adoption | Kept | Shelf | Restoration
"""What a command returns."""


def page_of(  # noqa: PLR0911  one line for each
    result: Result, *, width: int = 120, everything: bool = False
) -> Page:
    """Lay out any result; with ``everything``, leave nothing out for brevity."""
    match result:
        case Inventory():
            return inventory_page(result, width=width, everything=everything)
        case Plan():
            return plan_page(result, width=width)
        case Proof():
            return proof_page(result, width=width)
        case Status():
            return status_page(result, width=width)
        case Run():
            return run_page(result, width=width)
        case Adoption():
            return adoption_page(result, width=width)
        case Kept():
            return kept_page(result, width=width)
        case Shelf():
            return shelf_page(result, width=width)
        case Restoration():
            return restoration_page(result, width=width)


def show(result: Result, console: Console, *, everything: bool = False) -> None:
    """Print any result on a console of :func:`make_console`."""
    page_of(result, width=console.width, everything=everything).print(console)
