"""From training to traffic: the flow that `make release-N` runs here, and that other engines run step by step.

A step is a plain function. It reads the folders that earlier steps left, writes its own, and returns a verdict::

    def gate(place: Place) -> Verdict:
        scores = json.loads((place.of("evaluate") / "evaluation.json").read_bytes())
        return Verdict("passed" if scores["challenger"] >= scores["champion"] else "failed", "…")

What a step left is remembered by digest. A step whose inputs are those of before is not done again, so a flow that was
killed goes on where it was; a step that was killed is done anew. A verdict other than ``passed`` ends the flow.

=============  ====================================================================
module         holds
=============  ====================================================================
`step`         what a step is, and what it may see
`journal`      what is remembered of each step, in ``.run/release/N/RUN/STEP.json``
`flow`         the steps one after the other, or one of them
`plans`        which steps a level has: `iris`, `recommender`, `shop`
=============  ====================================================================
"""
