"""The page: the whole report as one HTML file that loads nothing, runs only its own scripts, and works offline.

``page`` writes it; ``payload`` gives the data that it draws, which the live view sends again when the ledger changed.
"""

from ledger.report.html.page import page
from ledger.report.html.payload import payload

__all__ = ["page", "payload"]
