"""Exercise 2 · Ask with tensors.

In the Open Inference Protocol every model takes named tensors and returns named tensors. Do it by hand once.

1. Write REQUEST, the JSON body of `POST /v2/models/iris/infer`, with the id "two-flowers" and these two flowers:

       sepal length 5.1, sepal width 3.5, petal length 1.4, petal width 0.2
       sepal length 6.7, sepal width 3.0, petal length 5.2, petal width 2.3

2. Write `read(answer)`: for each flower in an answer, return its species and the probability of that species.

Try it: `make up-1`, then
    curl -s http://127.0.0.1:8100/v2/models/iris/infer -H 'content-type: application/json' -d '…'
"""

from __future__ import annotations

SPECIES = ("setosa", "versicolor", "virginica")

REQUEST = """
{}
"""


def read(answer: str) -> list[tuple[str, float]]:
    """For each flower (species, probability), from the JSON of an answer with the tensors label and probabilities."""
    raise NotImplementedError
