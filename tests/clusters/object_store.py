"""An object store on loopback with the files that are named. Prints a URL of each; ends with standard input.

    python object_store.py FILE...
"""

import sys
from pathlib import Path

import boto3
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
host, port = server.get_host_and_port()
client = boto3.client(
    "s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
)
client.create_bucket(Bucket="shards")
for path in map(Path, sys.argv[1:]):
    client.upload_file(str(path), "shards", path.name)
    print(client.generate_presigned_url("get_object", Params={"Bucket": "shards", "Key": path.name}), flush=True)
sys.stdin.read()
server.stop()
