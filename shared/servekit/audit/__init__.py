r"""The audit log: append-only, hash-chained JSON lines that say which model answered what, and when.

Format. A writer (one process) named W appends to ``W.000001.jsonl``, ``W.000002.jsonl``, … Each line is one JSON
object in UTF-8:

- ``kind``: ``opened`` (first line of every file, and again after every restart), ``prediction`` or ``witness``;
- ``seq``: 1, 2, 3, … over all files of W, without gaps;
- ``time``: UTC, RFC 3339; then the members of its kind (see ``servekit.audit.line``);
- ``prev``: the ``hash`` of the line before, across files too; 64 zeros for the very first;
- ``hash``: always the last member: the hex SHA-256 of the line's own bytes with ``,"hash":"…"`` and the newline cut
  out (or their HMAC-SHA256 under the key in AUDIT_KEY).

Nothing is re-serialised, so a verifier needs no JSON canonicalisation. All of it, in ten lines of your own:

    import glob, hashlib, json
    prev, seq = "0" * 64, 0
    for path in sorted(glob.glob("W.*.jsonl")):
        for number, line in enumerate(open(path, "rb"), 1):
            body, separator, seal = line.rpartition(b',"hash":"')
            digest = hashlib.sha256(body + b"}").hexdigest()
            assert seal == digest.encode() + b'"}\n', f"{path}:{number}: changed"
            record = json.loads(body + b"}")
            assert (record["seq"], record["prev"]) == (seq + 1, prev), f"{path}:{number}: dropped, added or reordered"
            prev, seq = digest, record["seq"]

What it protects against. A plain chain finds accidents and clumsy edits: a changed, dropped, repeated or reordered
line, a missing file. It does not stop someone who may write the files: SHA-256 has no secret, so whoever changes a
line can compute every hash after it anew. With AUDIT_KEY (a secret the log's editors do not have) that takes the
key.

The tail. Cutting lines off the end leaves a valid chain, key or no key. Therefore ``W.head``, one sealed line that is
rewritten after each flush, holds the last ``seq`` and ``hash``: a log that ends before its head was truncated. The
file is larger than its line, so that it can be rewritten in place on a full disk: lines that were recorded and never
reached the log are counted by the head, and missed by ``verify``.
Someone who puts back an old log *and* the old head that went with it, or deletes both, is found only by what lies
elsewhere: note ``AuditLog.head`` (a metric, a ticket, another machine) and give it to ``verify --anchor``, or
``make audit-N ANCHOR="…"``, which prints what to note this time. Servers note theirs by themselves, in
``serving_audit_head``: the first 48 bits of the hash, which a metric holds exactly, and as an anchor good enough to
find a log that was put back or begun anew, though not one made with 2⁴⁸ tries to fit.

The writers. ``writers.list`` is one more chain, a line for each writer of the directory; a chain like theirs, but for
a head. In its place each writer's ``opened`` lines name the hash in which the list ended, and a ``witness`` line does
when somebody joins later. So files that are added or taken away with all that belongs to them are found: the list
lacks them or has them, and a list that was cut to fit lacks what the others' lines know. Nobody is left to witness
against the removal of all of them, or of the only one: that takes an anchor.

Raw features and answers are never logged, only digests. A digest of few possible values can be found by trying them
all; with AUDIT_KEY digests are keyed too.

    log = AuditLog(settings)                                    # in the worker process, after any fork
    log.record(request_id=…, model="iris", version="1", input_digest=log.digest(features),
               output_digest=log.digest(probabilities), decision="setosa", latency_s=0.0012)   # each answer
    log.close()                                                 # at shutdown; AuditLossError: lines are lost

``python -m workbench.audit verify DIR`` checks a directory, ``python -m workbench.audit bench`` measures the cost of
a record.
"""

from __future__ import annotations

from servekit.audit.audited import Audited, refused
from servekit.audit.errors import AuditBacklogError, AuditError, AuditLockedError, AuditLossError, AuditSealError
from servekit.audit.line import digest
from servekit.audit.settings import AuditSettings
from servekit.audit.verify import DirectoryReport, WriterReport, verify
from servekit.audit.writer import AuditLog, AuditWatch

__all__ = [
    "AuditBacklogError",
    "AuditError",
    "AuditLockedError",
    "AuditLog",
    "AuditLossError",
    "AuditSealError",
    "AuditSettings",
    "AuditWatch",
    "Audited",
    "DirectoryReport",
    "WriterReport",
    "digest",
    "refused",
    "verify",
]
