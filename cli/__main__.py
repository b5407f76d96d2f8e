"""The command line: `python -m cli <command>`; `make <command>` calls it."""

import argparse
import importlib
import os
import sys
from typing import Any

from cli.errors import CommandError
from pipeline_contract.escape import escape

# Each is a module with run(arguments) -> exit code and, where there are any, add_arguments(parser); imported when asked for.
# These are in cli.commands,
COMMANDS = {
    "demo": "set up, start, drop examples/penguins, follow it to the published model",
    "up": "start what does not run, and say where everything is",
    "down": "stop everything; all data stays",
    "status": "say what runs where, and what happened to the last drops",
    "drop": "drop a file and follow it to its end",
    "trigger": "run the pipeline by hand, with a JSON payload",
    "rerun": "run one stage of a run again",
    "soak": "drop files while services are killed, and keep a ledger of what became of them",
    "clean": "stop everything and delete all data (asks first)",
}
# and these in cli.dev.
DEV_COMMANDS = {
    "test": "all tests",
    "check": "linters and types",
    "lock": "compile the lock files anew",
    "docs": "write what the README takes from the code anew",
}


def main(argv: list[str]) -> int:
    """Run one command; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m cli", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, summary in (COMMANDS | DEV_COMMANDS).items():
        command = commands.add_parser(name, help=summary, description=summary)
        if argv and argv[0] == name:
            module = import_command(name)
            if hasattr(module, "add_arguments"):
                module.add_arguments(command)
    arguments = parser.parse_args(argv)
    try:
        code = int(import_command(arguments.command).run(arguments))
        sys.stdout.flush()  # here, where it is known what it means that nobody reads it
    except CommandError as error:
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


def import_command(name: str) -> Any:
    """Return the module of a command."""
    return importlib.import_module(f"cli.{'dev' if name in DEV_COMMANDS else 'commands'}.{name}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
