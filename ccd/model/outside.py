"""Words of what is asked outside, known to the configuration, the engines and the channel that asks."""

HTTP = "http"
SQL = "sql"
KINDS = (HTTP, SQL)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
WITH_BODY = ("POST", "PUT", "PATCH")
CHANNEL = "outside"
"""Name of the built-in channel that asks; its legs are `outside:ASK`."""
STEP_FIELD = "step"
"""Field of an answer that names the step to go to, for `do = "hook"`."""
