# Each target runs `python -m cli <target>` in .state/venvs/tools, which is made first where it is missing.
PYTHON ?= python3
COMMAND = @$(PYTHON) -m cli.setup $@

define HELP
make demo      set up, start, drop examples/penguins, follow it to the published model
make up        start Airflow, MLflow, S3 and Postgres on this machine; returns when all is healthy
               STACK=compose, with this and all below: in containers, by docker-compose.yaml (or set it in .env)
make down      stop everything; all data stays
make status    [RUN=...]   what runs where, and what happened to the last drops; with RUN, all of one
make drop      FILE=... [DATASET=...] [PARAMS=...] [WAIT=0]             drop a file and follow it to its end
make trigger   PARAMS=... [FILE=...] [WAIT=0]                           run the pipeline by hand, with a JSON payload
make rerun     STAGE=... RUN=... [PARAMS=...] [CASCADE=0] [WAIT=0]      run one stage of a run again
make soak      [DROPS=...] [KILL=...] [EVERY=...] [BOUND=...]   drop files while services are killed; 0 only if nothing is lost
make test-quick  for each save: linters, types, tests that need no server and train nothing; a minute
make test      all that a change can break on this machine; 5 minutes, 9 where a Docker engine answers
make test-long the rest: what is slow, repeated or exhaustive; 12 minutes
make check     linters and types only
make clean     stop everything and delete all data (asks first; CONFIRM=yes does not ask)
make lock      compile the lock files anew
make docs      write what the README takes from the code anew
endef

# These reach a command through the environment, never through the shell's words, so that a name with spaces and JSON
# with quotes and dollar signs arrive as they were typed.
VARIABLES := STACK FILE DATASET PARAMS STAGE RUN CASCADE WAIT CONFIRM DROPS KILL EVERY BOUND SEED
$(foreach name,$(VARIABLES),$(if $(filter-out undefined,$(origin $(name))),\
  $(eval override $(name) := $$(value $(name)))$(eval export $(name))))

.NOTPARALLEL:
.PHONY: help demo up down status drop trigger rerun soak test test-quick test-long check clean lock docs

help:
	@: $(info $(HELP))

demo: ; $(COMMAND)
up: ; $(COMMAND)
down: ; $(COMMAND)
status: ; $(COMMAND)
drop: ; $(COMMAND)
trigger: ; $(COMMAND)
rerun: ; $(COMMAND)
soak: ; $(COMMAND)
test: ; $(COMMAND)
test-quick: ; @$(PYTHON) -m cli.setup test --pace=quick
test-long: ; @$(PYTHON) -m cli.setup test --pace=long
check: ; $(COMMAND)
clean: ; $(COMMAND)
lock: ; $(COMMAND)
docs: ; $(COMMAND)
