"""Sessions, accounts, tokens and the organisation over HTTP."""

from healthprotocol.trust.accounts.routes import accounts, organisation, session, tokens

ROUTES = [*session.ROUTES, *accounts.ROUTES, *tokens.ROUTES, *organisation.ROUTES]
