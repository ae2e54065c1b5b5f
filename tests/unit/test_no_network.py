"""A test of the tests: what a unit test cannot do."""

import socket
import urllib.request

import pytest


@pytest.mark.parametrize("host", ["127.0.0.1", "192.0.2.1"])
def test_a_unit_test_cannot_open_a_connection(host: str) -> None:
    with pytest.raises(AssertionError, match="opened a connection"), socket.socket() as opened:
        opened.connect((host, 9))


def test_nor_can_a_library_on_its_behalf() -> None:
    with pytest.raises(AssertionError, match="opened a connection"):
        urllib.request.urlopen("http://192.0.2.1/", timeout=1)
