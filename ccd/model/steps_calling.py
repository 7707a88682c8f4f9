"""The steps by which one flow calls another: `call` and `return`."""

from typing import ClassVar

from ccd.model.step import Step


class Call(Step, frozen=True, tag="call"):
    """Run another flow, then go on at the next step: when it returns, or comes to its end.

    Variables and the language are shared, a hangup in it ends the interaction; calls may be 8 deep.
    """

    flow: str
    """Name of the other flow."""
    id: str = ""
    arguments: dict[str, str] = {}
    """Variables that are set while it runs, and put back as they were after it; values as in `set`."""

    instant: ClassVar[bool] = True


class Return(Step, frozen=True, tag="return"):
    """Go back to the step after the `call`; in a flow that was not called: its end."""

    id: str = ""

    instant: ClassVar[bool] = True

    def goes_on(self) -> bool:
        return False
