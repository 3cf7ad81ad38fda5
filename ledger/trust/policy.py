"""The policy of a trust root: who has which role, and what an environment demands.

Rules:
- It is JSON, so that a shell can read it too, and it is read strictly: no unknown member, no key twice.
- Approvals are told per role. They are met by different people: who has two roles, or two keys, counts once.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from ledger.trust.canonical import parse
from ledger.trust.refusal import RefusedError

WAIVER_ROLE: Final = "baselines"
"""Role whose holders may sign waivers of baselines; no environment needs to ask for it."""

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._%+@-]*$", max_length=200)]
_STRICT: Final = ConfigDict(extra="forbid", frozen=True, strict=True)


class Principal(BaseModel):
    """A person: the roles they approve in."""

    model_config = _STRICT

    roles: list[Name]


class EnvironmentPolicy(BaseModel):
    """What a deployment to an environment demands.

    Attributes:
        jobs: Jobs whose assets are deployed; what they make is what the checklist is about.
        approvals: Role to how many people of it must have signed.
        max_age_s: Longest time a manifest may be valid, seconds.
        required_items: Items of the checklist that must hold.
    """

    model_config = _STRICT

    jobs: list[Name] = Field(min_length=1)
    approvals: dict[Name, Annotated[int, Field(ge=1, le=20)]] = Field(min_length=1, max_length=10)
    max_age_s: Annotated[int, Field(ge=60, le=366 * 86_400)]
    required_items: list[Name] = Field(min_length=1)


class TrustPolicy(BaseModel):
    """People and environments."""

    model_config = _STRICT

    schema_version: int = Field(alias="schema", ge=1, le=1)
    principals: dict[Name, Principal]
    environments: dict[Name, EnvironmentPolicy] = Field(min_length=1)


def parse_policy(data: bytes, where: str) -> TrustPolicy:
    """Return the policy that a file holds.

    Raises:
        RefusedError: ``trust_root``; the message says where and what.
    """
    document = parse(data, where, "trust_root")
    try:
        return TrustPolicy.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the document"
        message = f"{where}: {place}: {first['msg']}; correct the policy by a pull request"
        raise RefusedError(message, "trust_root") from error


def unmet_roles(approvals: Mapping[str, int], roles_of: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the roles that are still to be met, one entry per approval that is missing; empty when all are.

    Each person meets one approval. As many approvals as can be are met (a maximum matching by augmenting paths,
    Kuhn 1955), so that nobody's second role is wasted.

    Args:
        approvals: Role to how many people of it are demanded.
        roles_of: Person who signed to their roles.
    """
    slots = [role for role, count in sorted(approvals.items()) for _ in range(count)]
    taken: dict[str, int] = {}

    def placed(slot: int, tried: set[str]) -> bool:
        for person in sorted(roles_of):
            if person in tried or slots[slot] not in roles_of[person]:
                continue
            tried.add(person)
            if person not in taken or placed(taken[person], tried):
                taken[person] = slot
                return True
        return False

    return tuple(role for slot, role in enumerate(slots) if not placed(slot, set()))
