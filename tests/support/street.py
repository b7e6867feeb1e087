"""A street with one MCP server: an edge, nginx in front of the server, and people who connect. All real, each can be broken and mended.

The edge is what a tunnel's other end is: whoever comes passes it first, and its log is not the operator's. Clients and server are the official SDKs'.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from support.live import free_port
from support.prometheus import wait

__all__ = ["CHATGPT", "CURSOR", "HOST", "STOCK", "Client", "Street", "missing"]

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "tests" / "support" / "mcp_peers"
PYTHON, NODE_SDK = ROOT / ".cache" / "mcp" / "bin" / "python", ROOT / ".cache" / "mcp-js"
NGINX = shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
NODE = shutil.which("node")
HOST = "mcp.example.org"
#: What nginx-proxy writes unless it is told otherwise.
STOCK = '$host $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$upstream_addr"'
CONFIG = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log notice;
events {{ worker_connections 256; }}
http {{
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  {log_format}
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; proxy_connect_timeout 2s;
  server {{
    listen 127.0.0.1:{edge}; access_log off;
    {edge_rule}
    location / {{ proxy_pass http://127.0.0.1:{front}; proxy_set_header Host {host}; proxy_set_header CF-Connecting-IP $remote_addr; }}
  }}
  server {{
    listen 127.0.0.1:{front}; server_name {host}; access_log {folder}/access.log connwatch;
    location / {{ proxy_pass http://127.0.0.1:{back}; proxy_set_header Host $http_host; proxy_set_header X-Request-ID $request_id; }}
  }}
}}
"""


@dataclass(frozen=True)
class Client:
    """A product as a server sees it, and the SDK that plays it."""

    family: str
    command: Callable[[str], list[str]]


#: A hosted one: its backend asks for documents and tokens under one name and speaks MCP under another. The Python SDK.
CHATGPT = Client(
    "chatgpt",
    lambda url: [
        str(PYTHON), str(PEERS / "client.py"), url, "openai-mcp/1.0.0", "--before", "Python/3.12 aiohttp/3.13.5",
        "--name", "ChatGPT", "--callback", "https://chatgpt.com/connector/oauth/k7Qm2",
    ],
)  # fmt: skip
#: One on a person's desk, with a redirect URI of its own scheme. The TypeScript SDK.
CURSOR = Client(
    "cursor",
    lambda url: [
        str(NODE), str(PEERS / "client.cjs"), str(NODE_SDK), url, "Cursor/3.2.16 (linux x64)",
        "Cursor", "cursor://anysphere.cursor-mcp/oauth/callback",
    ],
)  # fmt: skip


def missing() -> str | None:
    """Why there can be no such street here."""
    wanted = {
        "nginx": NGINX is not None,
        "the MCP SDK for Python": PYTHON.exists(),
        "node": NODE is not None,
        "the MCP SDK for TypeScript": (NODE_SDK / "node_modules" / "@modelcontextprotocol" / "sdk").is_dir(),
    }
    absent = [name for name, here in wanted.items() if not here]
    return f"not here: {', '.join(absent)} (tools/real.sh gets them)" if absent else None


class Street:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.edge, self.front, self.back = free_port(), free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.edge}"
        self.access, self.app = folder / "access.log", folder / "server.log"
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def proxy(self, log_format: str, edge_rule: str = "") -> None:
        """nginx anew: `log_format` is the directive that names the format connwatch, `edge_rule` what the edge does beside passing on."""
        config = self.folder / "nginx.conf"
        config.write_text(
            CONFIG.format(
                folder=self.folder, log_format=log_format, edge_rule=edge_rule, host=HOST, edge=self.edge, front=self.front, back=self.back
            ),
            encoding="utf-8",
        )
        self._anew("nginx", [str(NGINX), "-p", str(self.folder), "-c", str(config)], self.edge, self.folder / "nginx.said")

    def server(self, *options: str) -> None:
        """The MCP server anew, which forgets its clients and tokens."""
        self._anew("server", [str(PYTHON), "-u", str(PEERS / "server.py"), str(self.back), self.url, "--stamps", *options], self.back, self.app)

    def stop(self, name: str) -> None:
        process = self._running.pop(name, None)
        if process is not None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def close(self) -> None:
        for name in list(self._running):
            self.stop(name)

    def tries(self, *clients: Client) -> list[str]:
        """These people connect, all at the same time: what each one's client said, "" where it got what it wanted."""
        started = [subprocess.Popen(one.command(f"{self.url}/mcp"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for one in clients]
        said = []
        for process in started:
            _, error = process.communicate(timeout=60)
            said.append("" if process.returncode == 0 else error)
        return said

    def _anew(self, name: str, command: list[str], port: int, log: Path) -> None:
        self.stop(name)
        with log.open("ab") as said:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd=self.folder, env={**os.environ, "TZ": "UTC"})
        self._running[name] = process
        wait(lambda: process.poll() is not None or _listens(port))
        assert process.poll() is None, log.read_text(errors="replace")[-2000:]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
