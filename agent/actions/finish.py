"""The action ``finish``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vagent.agent.actions.desk import Desk
from vagent.agent.state import Claim, Observation


def finish(
    desk: Desk,
    answer: Annotated[
        str, Field(description="one to three sentences; what is quoted stands in quotation marks", max_length=4000)
    ] = "",
    evidence: Annotated[
        list[str] | None, Field(description="labels of what proves it, best first: e12, l1", max_length=40)
    ] = None,
    answered: Annotated[bool, Field(description="false when the videos do not show what is asked")] = True,
    option: Annotated[str, Field(description="the option chosen, where there are options", max_length=2000)] = "",
) -> Observation:
    """Answer the question and stop.

    Say only what the evidence says, and name the labels that prove it. When nothing that was found answers the
    question, set answered to false: that is a good answer.
    """
    claim = Claim(answered, answer.strip(), tuple(evidence or ()), option.strip())
    return Observation("an answer" if answered else "not in the videos", "", answer=claim)
