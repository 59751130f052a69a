"""Ask questions of long videos and get answers with the moments that prove them."""

from __future__ import annotations

__version__ = "0.1.0"
