"""What the tests of all rooms share: simulators, raw servers, the vendors' schemas."""

from tests.support.racks import running, running_in_thread, running_rack
from tests.support.schemas import schema_lines, schemas_dir
from tests.support.sockets import RawServer, free_port, raw_server

__all__ = [
    "RawServer",
    "free_port",
    "raw_server",
    "running",
    "running_in_thread",
    "running_rack",
    "schema_lines",
    "schemas_dir",
]
