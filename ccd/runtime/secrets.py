"""Keys collected in secret: what the flow wants, the command; what the channel says, an event of the flow."""

from typing import TYPE_CHECKING

from ccd.ivr import do
from ccd.model import commands as cmd
from ccd.model import facts

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre


def collect(centre: "Centre", want: do.CollectSecretly) -> None:
    """Before the prompt that asks: a key on its heels is secret already."""
    talk = centre.talks.get(want.interaction)
    if talk is None:
        return
    centre.out.append(
        cmd.CollectSecret(
            talk.customer.leg,
            want.secret,
            want.least,
            want.most,
            want.terminator,
            want.first_wait_s,
            want.wait_s,
            want.total_s,
            want.valid,
            want.play,
            want.for_nobody,
        )
    )


def forget(centre: "Centre", want: do.Forget) -> None:
    """They were used, or nobody asks for them any more."""
    talk = centre.talks.get(want.interaction)
    if talk is not None:
        centre.out.append(cmd.ForgetSecrets(talk.customer.leg, want.secrets))


def compare(centre: "Centre", want: do.Compare) -> None:
    """Where they are kept; only whether they are the same comes back."""
    talk = centre.talks.get(want.interaction)
    if talk is not None:
        centre.out.append(cmd.CompareSecrets(talk.customer.leg, want.secret, want.other))


def compared(centre: "Centre", fact: facts.SecretsCompared) -> None:
    """The fact; a leg that is gone says nothing any more."""
    found = centre.talks.legs.get(fact.leg)
    if found is not None and found[0].customer.leg == fact.leg:
        tell = centre.flows.secrets_compared
        centre.push(tell(found[0].interaction, fact.secret, fact.ok, centre.now))


def remarked(centre: "Centre", want: do.Remarked) -> None:
    """A line on the timeline."""
    centre.history.note(want.interaction, centre.now, want.what, **want.details)


def collected(centre: "Centre", fact: facts.SecretCollected) -> None:
    """Only how many keys came and whether they are good; a leg that is gone says nothing any more."""
    found = centre.talks.legs.get(fact.leg)
    if found is not None and found[0].customer.leg == fact.leg:
        tell = centre.flows.secret_collected
        centre.push(tell(found[0].interaction, fact.secret, fact.length, fact.ok, fact.note, centre.now))


def rejected(centre: "Centre", want: do.Rejected) -> None:
    """A line on the timeline."""
    details = {"typed": want.typed} if want.typed else {}
    centre.history.note(
        want.interaction, centre.now, "bad input", step=want.step, why=want.why, count=want.count, **details
    )
