# SPDX-License-Identifier: Apache-2.0
"""Zuul's executor, but what streams its logs listens on loopback; Zuul's own knows every address.

It is run by an environment that has Zuul and nothing of this project.
"""

import zuul.lib.log_streamer
from zuul.cmd import executor


class Streamer(zuul.lib.log_streamer.LogStreamer):
    """Listens on loopback."""

    def __init__(self, host: str, port: int, root: str) -> None:
        super().__init__("::1", port, root)


if __name__ == "__main__":
    zuul.lib.log_streamer.LogStreamer = Streamer
    executor.main()
