"""Acts as the stage whose command it is run as, with faults; it stands before the stub's own."""

from pipeline_contract.stages import STAGES
from pipeline_worker.faults import main

if __name__ == "__main__":
    main(next(name for name, stage in STAGES.items() if __spec__.name.endswith(f".{stage.command}")))
