"""The commands that a refusal ends with: a stage run again, with the very parameters that its advice gives."""

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

from cli.settings import PROJECT
from pipeline_contract.stages import STAGES

_SCHEMA = PROJECT / "dags" / "pipeline" / "stage" / "request.schema.json"
#: Where a line to paste begins; what is only an example of one is none.
_BEGIN = re.compile(r'(?<!for example )\{"')


def make_commands(advice: str, stopped: str, run_key: str) -> list[str]:
    """Return a command for each line of parameters in the *advice* of a refusal.

    :param stopped: the stage that refused, which is run again, or else the first that uses all of the parameters.
    """
    fields = json.loads(_SCHEMA.read_text(encoding="utf-8"))["properties"]
    commands = []
    for params in _find_params(advice):
        stages = [
            stage for stage in STAGES if all(stage in fields.get(name, {}).get("x-stages", ()) for name in params)
        ]
        if stages:
            stage = stopped if stopped in stages else stages[0]
            text = shlex.quote(json.dumps(params, ensure_ascii=False))
            commands.append(f"make rerun STAGE={stage} RUN={run_key} PARAMS={text}")
    return commands


def _find_params(advice: str) -> Iterator[dict[str, Any]]:
    end = 0
    while begin := _BEGIN.search(advice, end):
        try:
            params, end = json.JSONDecoder().raw_decode(advice, begin.start())
            yield params
        except ValueError:
            end = begin.end()
