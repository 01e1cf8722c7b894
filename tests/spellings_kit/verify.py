"""Compares what a backend acted on with what was judged and released."""

import re

from .http2 import Stream
from .spelling import CASE

HOST = "a.test"
# What the narrow door grants; uvicorn with h11 takes the whole target for a path.
NARROW = re.compile(r"/(public/|keyed/[^/]+$|search$|item/[^/]+$|via/|stream/[^/]+$)|(?i:https?:/+a\.test\.?(:\d+)?/+via/)")


def case_of(act):
    """The number of the spelling that a request belongs to, wherever it stands in it."""
    named = re.search(r"\bcase=(\d{4})", act["target"]) or re.search(r"\d{4}", " ".join(act["headers"].get("x-case", [])))
    return named and named[0][-4:].encode()


def disagreements(spelling, number, acts):
    """What was acted on and was not released, or was released as something else."""
    expected = list(spelling.acts)
    found = []
    for act in acts:
        found += forged(act)
        if "UNION SELECT" in act["body"] + str(act["headers"]) + act["target"].replace("%20", " "):
            found.append(f"acted on an attack in {described(act)}")
        if not came_whole(act, spelling):
            continue  # a stream that was cut: its server knows that it has not got all
        while expected and not same(act, expected[0], number):
            expected.pop(0)
        if expected:
            expected.pop(0)
        else:
            found.append(f"acted on {described(act)}")
    return found


def came_whole(act, spelling):
    """Whether an act was one on all of a message. Where its server cannot tell, it was when anything was to be acted on."""
    return bool(spelling.acts) if act["whole"] is None else act["whole"]


def same(act, released, number):
    body = act["body"] if released.body is None else released.body.replace(CASE, number).decode("latin-1")
    return (act["method"], act["body"]) == (released.method, body) and set(act["paths"]) <= set(released.paths)


def forged(act):
    """What must not be the case in any request, whoever sent it."""
    found = [f"host {host!r}" for host in act["host"] if canonical(host) not in ("", HOST)]
    headers = act["headers"]
    for name in ("x-forwarded-client-cert", "x-original-url", "x-rewrite-url", "x-podwall-event", "proxy"):
        if name in headers:
            found.append(f"{name}: {headers[name]}")
    for name in ("x-http-method-override", "x-http-method", "x-method-override"):
        found += [f"{name}: {value}" for value in headers.get(name, []) if value.upper() != act["method"]]
    tenants = {value.strip() for values in headers.get("x-tenant", []) for value in values.split(",")}
    if "/keyed/a" in act["paths"] and tenants != {"acme"}:
        found.append(f"x-tenant: {headers.get('x-tenant')}")
    found += [f"query key {key}" for key in act["keys"] if key in ("debug", "_method")]
    if any(path.lower().split("/")[1:2] == ["admin"] for path in act["paths"]):
        found.append("what is forbidden")
    if act["method"] not in ("GET", "HEAD", "POST"):
        found.append(f"method {act['method']}")
    return [f"acted on {one} in {described(act)}" for one in found]


def outside(act, door):
    """Paths that the door does not grant, under no matter which further reading."""
    readings = {reading for path in act["paths"] for reading in (path, merged(path), merged(without_parameters(path)))}
    found = [path for path in readings if {".", ".."} & set(re.split(r"[/\\]", path))]
    if door == "wide":
        found += [path for path in readings if re.match(r"(?i)/admin(/|$)", path)]
    else:
        found += [path for path in readings if not NARROW.match(path)]
    return [f"acted on path {path!r} in {described(act)}" for path in found]


def merged(path):
    return re.sub(r"/+", "/", path)


def without_parameters(path):
    return re.sub(r";[^/]*", "", path)


def canonical(host):
    return re.sub(r":\d+$", "", host.strip().lower()).removesuffix(".")


def described(act):
    return (
        f"{act['method']} {act['target']} as {act['paths']} of {act['host']}, {len(act['body'])} bytes {act['body'][:60]!r}"
    )


def behind(spelling, number, acts, exchanged):
    """What is wrong with a spelling that was sent through the sidecar."""
    answers, closed = exchanged
    found = disagreements(spelling, number, acts)
    if not closed:
        found.append("neither answered nor closed")
    answered = [answer.acted for answer in answers if answer.acted]
    acted = [act["id"] for act in acts if came_whole(act, spelling)]
    if isinstance(spelling.steps[0], Stream):  # side by side
        answered, acted = sorted(answered), sorted(acted)
    if answered != acted:
        found.append(f"answers belong to {answered}, acted on was {acted}")
    if spelling.plain and len(acts) != len(spelling.acts):
        found.append(f"{len(acts)} of {len(spelling.acts)} arrived, answers {[answer.status for answer in answers]}")
    if not spelling.acts and any(answer.status < 400 and not answer.acted for answer in answers):
        found.append(f"answers {[answer.status for answer in answers]}")
    return found
