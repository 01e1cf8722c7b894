"""Every spelling. Adding one is one line in the file of its family."""

from . import attacks, chunks, forms, framing, hosts, http2, limits, names, paths

FAMILIES = {
    "framing": framing.ALL,
    "chunks": chunks.ALL,
    "forms": forms.ALL,
    "paths": paths.ALL,
    "hosts": hosts.ALL,
    "names": names.ALL,
    "attacks": attacks.ALL,
    "limits": limits.ALL,
    "http2": http2.ALL,
}


def numbered():
    """Every spelling with the four bytes that stand for it on the wire."""
    every = [(f"{family}: {one.name}", one) for family, spellings in FAMILIES.items() for one in spellings]
    return {b"%04d" % number: pair for number, pair in enumerate(every, 1000)}
