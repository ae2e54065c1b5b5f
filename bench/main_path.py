"""How long a photo takes on the local cloud from the end of its upload to its end, and what fifty at once do.

usage: main_path.py [--photos 50] [--at-once 50]

The photos have 2 MP. Of the time, the share that is not our code is what the handlers did not spend: the emulator, its
queues, starting processes, and the client's own polling. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import collections
import io
import json
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from local.client import Client, send_form
from local.cloud import LocalCloud
from local.demo import prepare_tenants
from local.samples import picture
from photogate.audit.query import AuditReader, check_chain
from photogate.aws.audit_table import AuditTable

SIZE = (1632, 1224)
TERMINAL = {"ACCEPTED", "REDACTED", "RETAKE", "IN_REVIEW", "REJECTED", "EXPIRED"}


def photo(number: int) -> bytes:
    """Make a 2 MP photo; no two are the same."""
    image = picture("coffee").resize(SIZE)
    image.putpixel((number % SIZE[0], 0), (number % 256, 0, 0))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90)
    return out.getvalue()


def one(client: Client, consent: str, data: bytes) -> tuple[str, float, str]:
    """Send one photo; give its id, the seconds from the end of the upload to the end, and the status."""
    upload = client.request_upload(data, "image/jpeg", consent)
    sent = send_form(client.pool, upload["post"], data)
    if sent.status >= 400:
        raise SystemExit(f"Expected S3 to take the photo; found {sent.status}")
    started = time.perf_counter()
    while (status := client.status(upload["id"])["status"]) not in TERMINAL:
        if time.perf_counter() - started > 300:
            break
        time.sleep(0.05)
    return upload["id"], time.perf_counter() - started, status


def busy(cloud: LocalCloud) -> dict[str, float]:
    """Add up what the workflow's handlers say that they spent, in seconds by function."""
    spent: collections.Counter[str] = collections.Counter()
    for line in cloud.logs():
        if '"message":"step ended"' in line:
            entry = json.loads(line)
            if "execution_id" in entry or entry["function"] == "admit_upload":
                spent[entry["function"]] += entry["duration_ms"] / 1000
    return dict(spent)


def main() -> None:
    """Measure on a cloud of its own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=int, default=50)
    parser.add_argument("--at-once", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, LocalCloud(Path(folder)) as cloud:
        prepare_tenants(cloud)
        token = cloud.token("courier", "bench", ["uploads:write", "consents:write"])
        client = Client(cloud.outputs["ApiUrl"], token, cloud.ca_bundle)
        consent = client.consent()
        one(client, consent, photo(0))  # starts the functions
        before = sum(busy(cloud).values())
        seconds = []
        for number in range(options.photos):
            seconds.append(one(client, consent, photo(number + 1))[1])
            print(f"\r{number + 1}/{options.photos}", end="", file=sys.stderr)
        ours = sum(busy(cloud).values()) - before
        result: dict[str, Any] = {
            "one_after_the_other": {
                "photos": len(seconds),
                "median_s": round(statistics.median(seconds), 2),
                "p95_s": round(sorted(seconds)[int(len(seconds) * 0.95) - 1], 2),
                "share_not_our_code": round(1 - ours / sum(seconds), 2),
            }
        }
        gate = threading.Barrier(options.at_once)

        def rush(number: int) -> tuple[str, float, str]:
            data = photo(1000 + number)
            gate.wait()
            return one(client, consent, data)

        with ThreadPoolExecutor(options.at_once) as pool:
            ended = list(pool.map(rush, range(options.at_once)))
        reader = AuditReader(AuditTable(cloud.client("dynamodb"), cloud.outputs["AuditTable"]))
        whole = 0
        for upload_id, _, _ in ended:
            rows = reader.photo("courier", upload_id)
            check_chain(rows)
            whole += [row.fields["name"] for row in rows].count("upload.completed") == 1
        result["at_once"] = {
            "uploads": len(ended),
            "statuses": dict(collections.Counter(status for _, _, status in ended)),
            "one_terminal_status_and_a_whole_chain": whole,
            "slowest_s": round(max(s for _, s, _ in ended), 1),
        }
        print(file=sys.stderr)
        print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
