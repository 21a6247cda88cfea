"""What every service over HTTP shares: who gets the token, limits, retries, errors."""

import logging

# Their debug lines hold addresses with signatures and headers with tokens.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)
