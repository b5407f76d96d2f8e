"""Everything behind `make`: what a user calls, what it works on, and what those need who change the product."""

import sys
from pathlib import Path

# The contract lies beside this package, and the set-up needs it before there is an environment that knows where.
sys.path.append(str(Path(__file__).resolve().parent.parent / "contract" / "src"))
