"""One vector on one connection: write it, compare every answer with its request, see how the connection ends."""

from tests.conformance.copying import assert_copied, read_requests
from tests.conformance.corpus import OPEN, Vector
from tests.conformance.wire import Answer, Connection


def run_vector(connection: Connection, vector: Vector) -> list[Answer]:
    """Give the answers, which are as many as expected, of accepted statuses, and true to their requests."""
    connection.send(vector.octets)
    answers = [connection.read_answer() for _ in vector.answers]
    for answer, accepted in zip(answers, vector.answers, strict=True):
        assert answer.status in accepted, answer.octets
    heads = [head for head in read_requests(vector.octets) if head.method != "ACK" and head.method[:4] != "SIP/"]
    assert len(heads) >= len(answers)
    for answer, head in zip(answers, heads, strict=False):  # junk at the end is no request
        assert_copied(head, answer)
    if vector.ends == OPEN:
        connection.assert_alive()
    else:
        connection.assert_closed()
    return answers
