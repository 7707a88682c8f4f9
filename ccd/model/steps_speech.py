"""The steps `language` and `confirm`: which language is spoken, and whether what was keyed in is right."""

from collections.abc import Iterator

from ccd.model.step import Key, Say, Step, set_ones


class Language(Step, frozen=True, tag="language"):
    """Choose the language that is spoken from here on: by the caller's country, else by a key.

    With neither, or when no key comes, the language stays as it is and the flow goes on.
    """

    id: str = ""
    choices: dict[str, str] = {}
    """Key → language. Written on a text leg, the language chooses too."""
    say: Say = ""
    """What asks: of language → text all are said one after another, each in its language."""
    prompt: str = ""
    """Prompt that asks, before `say`."""
    by_country: dict[str, str] = {}
    """Country (ISO 3166) of the number → language: known, nothing is asked."""
    number: str = "caller"
    """Whose country counts: of the `caller`'s number or of the one `dialled`."""
    wait_s: float = 5.0
    """Time for a key after the question ended."""
    limit: int = 2
    """It is asked at most so often."""

    def says(self) -> Iterator[tuple[Key, str]]:
        yield ("prompt",), self.prompt

    def languages(self) -> Iterator[tuple[Key, str]]:
        """Languages that it may choose: where, and which."""
        yield from ((("choices", key), language) for key, language in self.choices.items())
        yield from ((("by_country", country), language) for country, language in self.by_country.items())

    def speaks(self, language: str) -> Iterator[str]:
        yield language
        yield from (chosen for _, chosen in self.languages())


class Confirm(Step, frozen=True, tag="confirm"):
    """Say something back and ask whether it is right: 1 is yes, 2 is no. Typed ahead nothing counts."""

    id: str = ""
    prompt: str = ""
    """Prompt that asks, before `say`."""
    say: Say = ""
    """What is asked, e.g. `"You keyed {var.number:digits}. If this is right, press 1, else 2."`"""
    yes: str = ""
    """Step to go to when it is right; empty: the next one."""
    no: str = ""
    """Step to go to when it is not; empty: the next one."""
    wait_s: float = 5.0
    """Time for a key after the question ended."""
    limit: int = 3
    """It is asked at most so often."""
    on_none: str = ""
    """Step to go to when neither came so often; empty: hang up."""

    def targets(self) -> dict[Key, str]:
        return set_ones(yes=self.yes, no=self.no, on_none=self.on_none)

    def goes_on(self) -> bool:
        return not (self.yes and self.no)

    def says(self) -> Iterator[tuple[Key, str]]:
        yield ("prompt",), self.prompt
