# Every command that a person needs. They want Python 3.11 or newer, git and make; the rest they install into .venv.
# The targets are thin: tools/ says what they do.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: help run test test-server test-web test-browser lint format web build openapi schema requirements clean

help:  ## What can be made
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 22

run:  ## Install what is needed, and start everything on http://127.0.0.1:8000 (DEMO=0: without demo data)
	@tools/python tools/run.py

test:  ## Everything that CI runs: lint, server, web, browser
	@tools/python tools/check.py all

test-server:  ## The tests of the server (ARGS="tests/care -k today": some of them)
	@tools/python tools/check.py server -- $(ARGS)

test-web:  ## The tests of the web app
	@tools/python tools/check.py web

test-browser:  ## The tests in a real Chromium
	@tools/python tools/check.py browser

lint:  ## Style, format, types, layers
	@tools/python tools/check.py lint

format:  ## Bring the Python code into form
	@tools/python tools/prepare.py tools ruff format . ../tools ../load
	@tools/python tools/prepare.py tools ruff check --fix . ../tools ../load

web:  ## Build the web app into the server's package
	@tools/python tools/prepare.py web

build:  ## Build the wheel that carries the web app, into build/wheel
	@tools/python tools/build.py

openapi:  ## Write server/openapi.json, the contract, from the code
	@tools/python tools/prepare.py tools healthprotocol openapi --output openapi.json

schema:  ## Write server/schema.sql, what all migrations make, for review
	@HP_UPDATE_SCHEMA=1 tools/python tools/check.py server -- tests/migrations/test_schema_file.py

requirements:  ## Pin the newest versions of everything in server/requirements
	@tools/python tools/prepare.py tools python requirements/compile.py

clean:  ## Remove what was installed and built; the data in var/ stays
	rm -rf .venv build web/node_modules server/healthprotocol/web
	find . -name __pycache__ -not -path './var/*' -prune -exec rm -rf {} +
	rm -rf server/.pytest_cache server/.ruff_cache server/.hypothesis server/.import_linter_cache server/.coverage*
