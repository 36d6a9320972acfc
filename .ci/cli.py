"""Calls every operation that the local AWS offers with the AWS CLI of Amazon, in
this process: python .ci/cli.py ENDPOINT. The script is that of TestEveryOperation,
local/internal/stack/testdata/operations.txt; it must have run on a fresh local AWS.
"""

import base64
import contextlib
import io
import json
import os
import platform
import re
import sys
import tempfile
import time
import zipfile

import awscli.clidriver
from botocore import xform_name

LINE = re.compile(r"^(\w+) (\w+) (\{.*?\})(?: ! (\w+))?(?: until (\S+)=(\S+))?(?: => (.*))?$")
COMMANDS = {"s3": "s3api", "states": "stepfunctions"}


def run(arguments):
    """Returns what the CLI answers, or the code of its error."""
    out, err = io.StringIO(), io.StringIO()
    out.buffer = io.BytesIO()  # for bodies
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = awscli.clidriver.create_clidriver().main(arguments)
        except SystemExit as end:  # how it refuses what it does not understand
            code = end.code
    if code == 0:
        return json.loads(out.getvalue() or "{}"), None
    text = err.getvalue().strip()
    found = re.search(r"An error occurred \((\w+)\)", text)
    return {}, (found.group(1) if found else "", text)


def arguments_of(service, operation, params, scratch):
    """A body is a file, and a blob that comes back goes to one."""
    # Version 1 of the CLI overlooks AWS_ENDPOINT_URL for SQS: awscli/customizations/overridesslcommonname.py.
    command = [COMMANDS.get(service, service), xform_name(operation, "-"), "--endpoint-url", os.environ["AWS_ENDPOINT_URL"], "--region", "us-east-1", "--output", "json"]
    if "Body" in params:
        path = os.path.join(scratch, "body")
        with open(path, "w") as f:
            f.write(params.pop("Body"))
        command += ["--body", path]
    for holder in (params, params.get("Code", {})):
        if "ZipFile" in holder:
            path = os.path.join(scratch, "function.zip")
            with open(path, "wb") as f:
                f.write(base64.b64decode(holder.pop("ZipFile")))
            params.pop("Code", None)
            command += ["--zip-file", "fileb://" + path]
    if (service, operation) in (("s3", "GetObject"), ("lambda", "Invoke")):  # which want options beside a file's name
        return command + [word for name, value in params.items() for word in ("--" + xform_name(name, "-"), value)] + [os.path.join(scratch, "answer")]
    return command + ["--cli-input-json", json.dumps(params)]


def find(answer, path):
    for name in path.split("."):
        if isinstance(answer, list):
            answer = answer[0] if answer else None
        elif isinstance(answer, dict):
            answer = answer.get(name)
    return "" if answer is None else str(answer)


def empty_function():
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w") as z:
        info = zipfile.ZipInfo("bootstrap")
        info.external_attr = 0o755 << 16
        z.writestr(info, "#!/bin/sh\n")
    return base64.b64encode(b.getvalue()).decode()


def play(match, known, scratch):
    service, operation, text, want, path, value, captures = match.groups()
    text = re.sub(r"\$\{(\w+)(:json)?\}", lambda m: json.dumps(known.get(m[1], "")) if m[2] else known.get(m[1], ""), text)
    for _ in range(400):
        answer, error = run(arguments_of(service, operation, json.loads(text), scratch))
        if (error[0] if error else None) != want:
            return error[1] if error else f"must be refused with {want}"
        if not path or find(answer, path) == value:
            break
        time.sleep(0.02)
    else:
        return f"{path} never became {value}"
    for capture in (captures or "").split():
        name, at = capture.split("=")
        known[name] = find(answer, at)
        if not known[name]:
            return f"the answer has no {at}"
    return None


def main(endpoint):
    os.environ.update(AWS_ENDPOINT_URL=endpoint, AWS_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE", AWS_SECRET_ACCESS_KEY="secret", AWS_PAGER="", AWS_DISABLE_HOST_PREFIX_INJECTION="true")
    known = {"now": str(int(time.time() * 1000)), "zip": empty_function(), "architecture": "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"}
    script = os.path.join(os.path.dirname(__file__), "..", "local", "internal", "stack", "testdata", "operations.txt")
    called, faults, began = set(), 0, time.time()
    with tempfile.TemporaryDirectory() as scratch, open(script) as lines:
        for number, line in enumerate(lines, 1):
            match = LINE.match(line.strip())
            if not match:
                continue
            called.add(match.groups()[:2])
            if fault := play(match, known, scratch):
                faults += 1
                print(f"operations.txt:{number}: {match[1]} {match[2]}: {fault}")
    print(f"the AWS CLI called {len(called)} operations in {time.time() - began:.0f} s, {faults} not as expected")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
