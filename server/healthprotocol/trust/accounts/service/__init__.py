"""Acts on accounts, and the doorkeeper that the gate asks."""

from healthprotocol.trust.accounts.service.accounts import (
    ACCOUNTS,
    change_account,
    create_account,
    delete_accounts_of_patient,
    get_account,
    list_accounts,
    require_good_password,
    set_password,
)
from healthprotocol.trust.accounts.service.acting import acting_as
from healthprotocol.trust.accounts.service.asking import asker, asking_token
from healthprotocol.trust.accounts.service.doorkeeper import Doorkeeper
from healthprotocol.trust.accounts.service.organisations import (
    change_organisation,
    create_organisation,
    get_organisation,
)
from healthprotocol.trust.accounts.service.passwords import PasswordHasher
from healthprotocol.trust.accounts.service.policy import usual_choices
from healthprotocol.trust.accounts.service.sign_in import sweep_sessions
from healthprotocol.trust.accounts.service.tokens import (
    TOKENS,
    create_token,
    list_tokens,
    revoke_token,
    scopes_of_token,
    token_of,
)

__all__ = [
    "ACCOUNTS",
    "TOKENS",
    "Doorkeeper",
    "PasswordHasher",
    "acting_as",
    "asker",
    "asking_token",
    "change_account",
    "change_organisation",
    "create_account",
    "create_organisation",
    "create_token",
    "delete_accounts_of_patient",
    "get_account",
    "get_organisation",
    "list_accounts",
    "list_tokens",
    "require_good_password",
    "revoke_token",
    "scopes_of_token",
    "set_password",
    "sweep_sessions",
    "token_of",
    "usual_choices",
]
