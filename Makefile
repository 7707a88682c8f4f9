# ccd: everything one does with a checkout. `make help` lists it.

SHELL := /bin/sh
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
STAMP := $(VENV)/.ccd-installed
PIP_FLAGS ?=

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR ?=
LIBDIR = $(PREFIX)/lib/ccd
SHAREDIR = $(PREFIX)/share
STAGED = $(DESTDIR)$(LIBDIR)
FRESH = $(STAGED).new
FORMER = $(STAGED).old

DEMO_S ?= 120
QUICK_TESTS = tests/architecture tests/unit tests/scenario tests/contract
TESTS ?= tests/loopback tests/interop
PYTEST_FLAGS ?=
WORKERS ?= $(shell nproc 2>/dev/null || echo 1)
# the tests on the wire mostly wait: two for each core; those that measure time (`alone`) come after them
WIRE_WORKERS ?= $(shell echo $$(($(WORKERS) * 2)))

.PHONY: help venv demo test check format lint types quicktests bench bench-quick soak fresh install uninstall clean distclean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

# -- the virtual environment -----------------------------------------------------------------------------

venv: $(STAMP) ## .venv with ccd and all that developing needs

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not ((3, 11) <= sys.version_info < (3, 14)))' || \
	  { echo "ccd needs Python 3.11 to 3.13; $(PYTHON) is `$(PYTHON) -V 2>&1`. Say: make PYTHON=python3.12 venv"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make a virtual environment. On Debian: apt-get install python3-venv"; exit 1; }
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@echo "Installing ccd and its tools into $(VENV) (a minute the first time)…"
	@$(PY) -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) -e '.[dev,webchat]'
	@touch $@

# -- see it work -----------------------------------------------------------------------------------------

demo: venv ## a centre on loopback takes scripted calls over real SIP and RTP (no root, under a minute)
	@timeout --signal=INT --kill-after=20 $(DEMO_S) $(PY) demo/run.py

# -- is it right? ----------------------------------------------------------------------------------------

test: venv ## every test this machine can run; says what it skipped and how to get it
	@$(PY) -m pytest -q -n $(WORKERS) $(PYTEST_FLAGS) $(QUICK_TESTS)
	@$(PY) -m pytest -q -n $(WIRE_WORKERS) --dist load --maxschedchunk 1 -m "not alone" $(PYTEST_FLAGS) $(TESTS)
	@$(PY) -m pytest -q -m alone $(PYTEST_FLAGS) $(TESTS) || [ $$? -eq 5 ]  # 5: none among TESTS

check: format lint types quicktests ## format, lint, types, architecture, unit, scenario, contract: under a minute

format: venv
	@$(BIN)/ruff format --check --quiet . || { echo "cure: $(BIN)/ruff format ."; exit 1; }

lint: venv
	@$(BIN)/ruff check --quiet .

types: venv
	@$(BIN)/mypy
	@$(BIN)/mypy bench

quicktests: venv
	@$(PY) -m pytest -q -n $(WORKERS) $(PYTEST_FLAGS) $(QUICK_TESTS)

# -- is it fast? -----------------------------------------------------------------------------------------

bench: venv ## what we claim about speed, measured: calls, media, encryption, flows, idle, a day (one JSON line each)
	@$(PY) bench/calls.py --json
	@$(PY) bench/media.py --json
	@$(PY) bench/srtp.py --json
	@$(PY) bench/flows.py --json
	@$(PY) bench/idle.py --json
	@$(PY) bench/day.py --json

bench-quick: venv ## the same, briefly: shows that the benches run, not how fast ccd is
	@$(PY) bench/calls.py --json --quick
	@$(PY) bench/media.py --json --quick
	@$(PY) bench/srtp.py --json --quick
	@$(PY) bench/flows.py --json --quick
	@$(PY) bench/idle.py --json --quick
	@$(PY) bench/day.py --json --quick

soak: venv ## the long runs: 200 SIPp calls at 10 a second, lost packets, kill -9 under traffic
	@CCD_SOAK=1 $(PY) -m pytest -q --timeout 900 tests/interop/test_crowd.py tests/interop/test_crash.py tests/interop/test_torn_messages.py

fresh: ## as root: a new Debian 12 in a folder, make demo and make test in it, ccd.service under its systemd (16 min)
	@tests/fresh/debian.sh

# -- put in place ----------------------------------------------------------------------------------------

install: ## program, units, reference configuration, docs; honours DESTDIR and PREFIX (see docs/install.md)
	@$(PYTHON) -c 'import sys; sys.exit(not ((3, 11) <= sys.version_info < (3, 14)))' || \
	  { echo "ccd needs Python 3.11 to 3.13; $(PYTHON) is `$(PYTHON) -V 2>&1`"; exit 1; }
	# made beside the one that is there, which stays whole until this one is: the network may fail meanwhile,
	# and a running daemon starts workers and snapshots from its files
	rm -rf "$(FRESH)" "$(FORMER)"
	$(PYTHON) -m venv "$(FRESH)"
	"$(FRESH)/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile $(PIP_FLAGS) '.[webchat]'
	"$(FRESH)/bin/python" -m pip uninstall --quiet --yes pip setuptools 2>/dev/null || true
	# what names the place of building: scripts begin with it, pip notes it
	rm -f "$(FRESH)"/lib/python3.*/site-packages/ccd-*.dist-info/direct_url.json "$(FRESH)"/bin/[Aa]ctivate*
	find "$(FRESH)/bin" -type f -exec sed -i '1s|^#!$(FRESH)|#!$(LIBDIR)|' {} +
	sed -i '/^command = /d' "$(FRESH)/pyvenv.cfg"
	"$(FRESH)/bin/python" -W ignore -m compileall -q -s "$(FRESH)" -p "$(LIBDIR)" "$(FRESH)/lib" || true
	if [ -e "$(STAGED)" ]; then mv "$(STAGED)" "$(FORMER)"; fi
	mv "$(FRESH)" "$(STAGED)"
	rm -rf "$(FORMER)"
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/sbin"
	ln -sf "$(LIBDIR)/bin/ccd" "$(DESTDIR)$(PREFIX)/sbin/ccd"
	ln -sf "$(LIBDIR)/bin/ccctl" "$(DESTDIR)$(PREFIX)/bin/ccctl"
	install -d "$(DESTDIR)$(PREFIX)/lib/systemd/system" "$(DESTDIR)$(PREFIX)/lib/sysusers.d" "$(DESTDIR)$(PREFIX)/lib/tmpfiles.d"
	sed 's|@LIBDIR@|$(LIBDIR)|g; s|@SHAREDIR@|$(SHAREDIR)|g' systemd/ccd.service > "$(DESTDIR)$(PREFIX)/lib/systemd/system/ccd.service"
	chmod 0644 "$(DESTDIR)$(PREFIX)/lib/systemd/system/ccd.service"
	install -m 0644 systemd/sysusers.d/ccd.conf "$(DESTDIR)$(PREFIX)/lib/sysusers.d/ccd.conf"
	install -m 0644 systemd/tmpfiles.d/ccd.conf "$(DESTDIR)$(PREFIX)/lib/tmpfiles.d/ccd.conf"
	install -d "$(DESTDIR)$(SHAREDIR)/ccd" "$(DESTDIR)$(SHAREDIR)/doc/ccd"
	cp -R conf "$(DESTDIR)$(SHAREDIR)/ccd/"
	cp -R README.md CHANGELOG.md LICENSE docs/. systemd/ccd.service.d "$(DESTDIR)$(SHAREDIR)/doc/ccd/"
	install -d "$(DESTDIR)$(SHAREDIR)/bash-completion/completions"
	"$(STAGED)/bin/python" -m ccd.cli.main completion bash > "$(DESTDIR)$(SHAREDIR)/bash-completion/completions/ccctl"
	@# a configuration that is there is never touched
	@if [ -e "$(DESTDIR)$(SYSCONFDIR)/ccd/ccd.toml" ]; then \
	  echo "$(SYSCONFDIR)/ccd is kept as it is; the reference lies in $(SHAREDIR)/ccd/conf"; \
	else \
	  install -d "$(DESTDIR)$(SYSCONFDIR)/ccd/conf.d" && \
	  install -m 0644 conf/ccd.toml "$(DESTDIR)$(SYSCONFDIR)/ccd/" && \
	  install -m 0644 conf/conf.d/*.toml "$(DESTDIR)$(SYSCONFDIR)/ccd/conf.d/"; \
	fi
	@install -d -m 0700 "$(DESTDIR)$(SYSCONFDIR)/ccd/secrets"
	@test -n "$(DESTDIR)" || echo "Next: systemd-sysusers && systemd-tmpfiles --create && systemctl daemon-reload (docs/install.md)"

uninstall: ## takes away what install put; leaves /etc/ccd and /var/lib/ccd
	rm -rf "$(STAGED)" "$(FRESH)" "$(FORMER)" "$(DESTDIR)$(SHAREDIR)/ccd" "$(DESTDIR)$(SHAREDIR)/doc/ccd"
	rm -f "$(DESTDIR)$(PREFIX)/sbin/ccd" "$(DESTDIR)$(PREFIX)/bin/ccctl"
	rm -f "$(DESTDIR)$(PREFIX)/lib/systemd/system/ccd.service" "$(DESTDIR)$(PREFIX)/lib/sysusers.d/ccd.conf"
	rm -f "$(DESTDIR)$(PREFIX)/lib/tmpfiles.d/ccd.conf" "$(DESTDIR)$(SHAREDIR)/bash-completion/completions/ccctl"

clean: ## caches and what the demo left
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist run
	find ccd adapters tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## clean, and the virtual environment
	rm -rf $(VENV)
