"""What history remembers of flows, by step. Plain values for the snapshot; the fold: `flow_figures`."""

import msgspec


class StepFigures(msgspec.Struct, omit_defaults=True):
    """One step of a flow on one day; durations in seconds."""

    visits: int = 0
    hung_up: int = 0
    spent_sum_s: float = 0.0
    spent_max_s: float = 0.0
    to: dict[str, int] = {}
    """Step that followed, or how the flow was left (`(end)`, `(hung up)`…) → how often."""


class FlowFigures(msgspec.Struct, omit_defaults=True):
    """One flow on one day."""

    entered: int = 0
    """Interactions that came into the centre by it; each counts for one flow."""
    over: int = 0
    """Those of them that left the flows."""
    contained: int = 0
    """Those of these that never asked for a person."""
    hung_up: int = 0
    """Those of the contained whose customer hung up before the flow came to its end."""
    steps: dict[str, StepFigures] = {}
    """By id, or `#` and place; in the order of the first visit."""
