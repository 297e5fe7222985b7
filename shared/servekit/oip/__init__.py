"""The Open Inference Protocol (V2): tensors, the REST and gRPC wires, and a conformance suite for any server.

``tensors`` is what both wires decode to; ``rest`` is JSON with binary tensors; ``rpc`` is gRPC. Failures are
``servekit.errors``, whose classes carry the HTTP status and the gRPC code:

=========================  ====  ==================
error                      HTTP  gRPC
=========================  ====  ==================
MalformedError             400   INVALID_ARGUMENT
UnknownModelError          404   NOT_FOUND
TooLargeError              413   RESOURCE_EXHAUSTED
MediaTypeError             415   INVALID_ARGUMENT
InvalidValueError          422   INVALID_ARGUMENT
NotReadyError              503   UNAVAILABLE
DeadlineError              504   DEADLINE_EXCEEDED
=========================  ====  ==================
"""
