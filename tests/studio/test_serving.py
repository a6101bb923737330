"""The command: its address, what it refuses, and an end that leaves nothing behind."""

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from chainrule.errors import ArgumentError
from chainrule.studio.serving import _listen, serve


@pytest.mark.sampled(0)
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGHUP])  # Ctrl-C, and the end of the terminal
def test_a_studio_starts_lets_in_and_ends(tmp_path: Path, end: signal.Signals) -> None:
    command = [sys.executable, "-m", "chainrule", "studio", str(tmp_path / "runs"), "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\?token=([\w-]{30,})", address)
        assert found is not None, address
        with urllib.request.build_opener(urllib.request.HTTPCookieProcessor()).open(address) as page:
            assert page.status == 200
            assert page.url == f"http://127.0.0.1:{found[1]}/"
        process.send_signal(end)
        _, said = process.communicate(timeout=60)
        assert (process.returncode, said) == (0, "")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "studio.example", ""])
def test_what_others_can_reach_needs_a_token(tmp_path: Path, host: str) -> None:
    with pytest.raises(ArgumentError, match="Give a `token` too"):
        serve(tmp_path, host=host, browser=False)


@pytest.mark.parametrize("host", ["a..b", "x" * 70, "no such host"])
def test_what_is_no_address_is_told(tmp_path: Path, host: str) -> None:
    with pytest.raises(ArgumentError, match=r"cannot be listened on: .*`host` has to be an address of this machine"):
        serve(tmp_path, host=host, token="t" * 16, browser=False)


def test_a_folder_of_data_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"`data` is .*gone', which is no folder"):
        serve(tmp_path, data=tmp_path / "gone", browser=False)


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            ArgumentError, match=f"port {port} of 127.0.0.1 cannot be listened on: .*Choose another `port`"
        ):
            serve(tmp_path, port=port, browser=False)


def test_answers_are_sent_at_once() -> None:
    """A header and its content are two writes, of which the second would wait for the browser to confirm the first."""
    with _listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("token", ["", "with blank and more", "ümläut-and-more-of-it", 'quoted"-and-more-of-it', "a;b"])
def test_a_token_is_part_of_an_address(tmp_path: Path, token: str) -> None:
    with pytest.raises(ArgumentError, match=r"`token` has .* letters, digits"):
        serve(tmp_path, token=token, browser=False)


def test_a_token_that_others_could_guess_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="`token` has 6 characters; expected at least 16"):
        serve(tmp_path, host="0.0.0.0", token="secret", browser=False)
