"""Receipts: small, checkable alone, and good for exactly one event."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from photogate.audit.damage import Damage
from photogate.audit.merkle import leaf_hash
from photogate.audit.receipt import Receipt, check_receipt, make_receipt, parse_receipt
from photogate.config import REPOSITORY
from photogate.errors import IntegrityError, NoteError, ProofError
from tests.export_builders import KEY, SealedLog
from tests.ledger_builders import EcSigner

LOG = SealedLog(photos=50)


def a_receipt(index: int = 123) -> Receipt:
    return make_receipt(index, LOG.rows[index].body, LOG.newest, LOG.files.files.get)


@pytest.mark.parametrize("index", [0, 1, 123, 255, 256, 299])
def test_a_receipt_proves_its_event(index: int) -> None:
    body, found, checkpoint = check_receipt(a_receipt(index).data, KEY)
    assert (body, found, checkpoint.size) == (LOG.rows[index].body, index, 300)


def test_its_form_is_that_of_the_specification() -> None:
    lines = a_receipt().data.decode().split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert base64.b64decode(lines[1].removeprefix("extra ")) == LOG.rows[123].body
    assert lines[2] == "index 123"
    gap = lines.index("")
    assert all(len(base64.b64decode(line)) == 32 for line in lines[3:gap])
    assert "\n".join(lines[gap + 1 :]).encode() == LOG.newest


def test_the_event_may_travel_beside_it() -> None:
    receipt = a_receipt()
    bare = Receipt(receipt.index, receipt.proof, receipt.checkpoint).data
    assert check_receipt(bare, KEY, LOG.rows[123].body)[1] == 123
    with pytest.raises(ProofError, match="beside it"):
        check_receipt(bare, KEY)
    with pytest.raises(ProofError, match="Expected the root"):
        check_receipt(bare, KEY, LOG.rows[124].body)


def test_no_flipped_byte_goes_unseen() -> None:
    data = a_receipt().data
    for place in range(len(data)):
        flipped = data[:place] + bytes([data[place] ^ 0x01]) + data[place + 1 :]
        with pytest.raises(IntegrityError):
            check_receipt(flipped, KEY)


def test_a_receipt_of_another_key_is_refused() -> None:
    with pytest.raises(NoteError, match="known key"):
        check_receipt(a_receipt().data, EcSigner(seed="another").key)


def test_no_receipt_is_made_that_would_not_check() -> None:
    with pytest.raises(ProofError, match="Expected the root"):
        make_receipt(5, LOG.rows[6].body, LOG.newest, LOG.files.files.get)
    with pytest.raises(ProofError, match="below the tree's size"):
        make_receipt(300, LOG.rows[6].body, LOG.newest, LOG.files.files.get)


NODE = base64.b64encode(leaf_hash(b"x")).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c2sp.org/tlog-proof@v2\nindex 0\n\nnote",
        "c2sp.org/tlog-proof@v1\n\nnote",
        "c2sp.org/tlog-proof@v1\nindex 00\n\nnote",
        "c2sp.org/tlog-proof@v1\nindex -1\n\nnote",
        "c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\nnote",
        f"c2sp.org/tlog-proof@v1\nindex 0\n{NODE} \n\nnote",
        f"c2sp.org/tlog-proof@v1\n{NODE}\nindex 0\n\nnote",
        f"c2sp.org/tlog-proof@v1\nextra !\nindex 0\n{NODE}\n\nnote",
        f"c2sp.org/tlog-proof@v1\nindex 0\n{NODE}",
        "c2sp.org/tlog-proof@v1\nindex \u0660\n\nnote",
    ],
)
def test_a_malformed_receipt_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        parse_receipt(text.encode())


def test_the_page_on_the_log_lists_every_exit_code() -> None:
    page = Path(REPOSITORY / "docs" / "audit.md").read_text()
    rows = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("| ") and line[2].isdigit()]
    assert [(int(code), title.strip()) for code, title in rows] == [(kind.value, kind.title) for kind in Damage]
