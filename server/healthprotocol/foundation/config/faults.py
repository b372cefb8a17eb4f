"""What is wrong with settings, as it is told to an operator."""

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """One thing that cannot be as it is, and what to do about it; never with a secret in it."""

    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.problem}: {self.remedy}"
