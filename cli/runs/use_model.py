"""Loads a published model and predicts, as anyone would. Run by the worker's Python: `use_model.py URI CSV ROWS`.

Prints one JSON object: the predictions for rows spread over the file, and the lines of these.
"""

import json
import sys

import mlflow
import pandas as pd


def main(uri: str, path: str, count: int) -> None:
    """Predict on the cells of a file as they are, with every column of it."""
    model = mlflow.pyfunc.load_model(uri)
    table = pd.read_csv(path, dtype="str", keep_default_na=False)
    rows = table.iloc[sorted({number * (len(table) - 1) // max(1, count - 1) for number in range(count)})]
    predictions = [str(value) for value in pd.Series(model.predict(rows)).tolist()]
    print(json.dumps({"rows": [int(row) + 2 for row in rows.index], "predictions": predictions}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
