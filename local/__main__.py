"""The command line of the local stack: `python -m local <command>`; `make <command>` calls it."""

import argparse
import importlib
import os
import sys

from local.errors import LocalError
from pipeline_contract.escape import escape

# Each is a module of local.commands with add_arguments(parser) and run(arguments) -> exit code; imported when asked for.
COMMANDS = {
    "demo": "set up, start, drop examples/penguins, follow it to the published model",
    "up": "start what does not run, and say where everything is",
    "down": "stop everything; all data stays",
    "status": "say what runs where, and what happened to the last drops",
    "drop": "drop a file and follow it to its end",
    "trigger": "run the pipeline by hand, with a JSON payload",
    "rerun": "run one stage of a run again",
    "soak": "drop files while services are killed, and keep a ledger of what became of them",
    "test": "all tests",
    "clean": "stop everything and delete all data (asks first)",
    "check": "linters and types",
    "lock": "compile the lock files anew",
    "docs": "write what the README takes from the code anew",
}


def main(argv: list[str]) -> int:
    """Run one command; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        if argv and argv[0] == name:
            module = importlib.import_module(f"local.commands.{name}")
            module.add_arguments(command)
    arguments = parser.parse_args(argv)
    try:
        code = int(importlib.import_module(f"local.commands.{arguments.command}").run(arguments))
        sys.stdout.flush()  # here, where it is known what it means that nobody reads it
    except LocalError as error:
        print("\n" + "\n".join(map(escape, str(error).split("\n"))), file=sys.stderr)
        return error.exit
    except BrokenPipeError:
        # Who reads our output has seen enough. Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("\nInterrupted. What was started goes on; `make down` stops it.", file=sys.stderr)
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
