"""Sends a table with tuspy, an existing client of tus 1.0, breaks off in the middle and goes on: tus_upload.py FILE.

The address of the page and an ApiToken are in the environment (FENXI_URL, FENXI_SECRET). Prints the upload's URL.
"""

import os
import sys

from tusclient import client

PIECE_BYTES = 100_000

tus = client.TusClient(os.environ["FENXI_URL"] + "/uploads", headers={"Authorization": f"Bearer {os.environ['FENXI_SECRET']}"})
first = tus.uploader(sys.argv[1], chunk_size=PIECE_BYTES, metadata={"filename": "of tus.csv"})
first.upload(stop_at=2 * PIECE_BYTES)
# As after a break: the client asks how much has arrived, and sends the rest.
again = tus.uploader(sys.argv[1], chunk_size=PIECE_BYTES, url=first.url)
assert again.offset == 2 * PIECE_BYTES, again.offset
again.upload()
print(first.url)
