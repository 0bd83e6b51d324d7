"""Lend this machine to a run elsewhere: python -m rnn_parity.tests.commandline.gateway HOST:PORT, in a checkout.

execnet's own server stays one process, in which the next run would find what the last one imported, and which a crash
ends. Here each connection has a process of its own, one after another. Whoever reaches the port may run anything here.
"""

from __future__ import annotations

import os
import socket
import sys

from execnet.gateway_base import get_execmodel
from execnet.script import socketserver


def serve(host: str, port: int) -> None:
    """Serve one run after another, until killed."""
    socketserver.execmodel = get_execmodel("main_thread_only")
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((host, port))
        server.listen(5)
        print(f"lending this machine on {host}:{port}", flush=True)
        while True:
            if process := os.fork():
                os.waitpid(process, 0)
            else:
                socketserver.exec_from_one_connection(server)
                os._exit(0)


if __name__ == "__main__":
    address, _, number = sys.argv[1].rpartition(":")
    serve(address or "127.0.0.1", int(number))
