"""What the gateway says of the address that people type, before it is built: it refuses to start by the same rules
(`Config::check` in gateway/src/config.rs; a test holds each against the other)."""

import contextlib
import ipaddress
import os
import socket
from urllib.parse import urlsplit

import given
from preflight import Trouble

NAME = "FENXI_GATEWAY_PUBLIC_URL"
# What is for https alone, with the values that turn it off.
FOR_HTTPS = {"FENXI_GATEWAY_HSTS_MAX_AGE_SECS": "0", "FENXI_GATEWAY_HSTS_INCLUDE_SUBDOMAINS": "false"}


def check(url: str) -> None:
    """Raises if the gateway would not start with this public URL and what is set beside it."""
    name = given.place(NAME)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise Trouble(f"{name} {url}: it is no URL ({error})") from error
    if parts.scheme not in ("http", "https") or not host or " " in host:
        raise Trouble(f"{name} {url}: it is to be an http or https URL")
    if parts.path not in ("", "/") or "?" in url or "#" in url or parts.username:
        raise Trouble(f"{name} {url}: it is to be scheme, host and port, without a path")
    address = address_of(host)
    if address and address.is_unspecified:
        raise Trouble(f"{name} {url}: it is to be the address that people type; this one means every address of a machine")
    is_https = parts.scheme == "https"
    is_here = is_loopback(address) if address else host == "localhost" or host.endswith(".localhost")
    if not (is_https or is_here) and given.get("FENXI_GATEWAY_ALLOW_PLAIN_HTTP") != "true":
        raise Trouble(f"{name} {url}: browsers keep login cookies safe only over https or on this machine; put TLS in front "
                      "and set it to the https address that people type, or accept the risk with "
                      "FENXI_GATEWAY_ALLOW_PLAIN_HTTP=true")
    check_https(name, url, is_https)


def check_https(name: str, url: str, is_https: bool) -> None:
    cert, key = "FENXI_GATEWAY_TLS_CERT_FILE", "FENXI_GATEWAY_TLS_KEY_FILE"
    if bool(given.get(cert)) != bool(given.get(key)):
        raise Trouble(f"{cert} and {key}: TLS needs both")
    if given.get(cert) and not is_https:
        raise Trouble(f"{given.place(cert)} and {name} {url}: with a certificate the page's port speaks TLS, so the public "
                      "URL is to be the https address that people type")
    for file in filter(given.get, (cert, key)):
        if not os.access(given.get(file), os.R_OK):
            raise Trouble(f"{given.place(file)}: the file {given.get(file)} cannot be read")
    for other, off in FOR_HTTPS.items():
        if not is_https and (given.get(other) or off) != off:
            raise Trouble(f"{given.place(other)} and {name} {url}: browsers heed it over https alone; make the public URL "
                          "the https address that people type, or unset it")


def address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host is, also in the short forms that browsers take for one (127.1); `None` for a name."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host)
    last = host.rstrip(".").rpartition(".")[2]
    if not last[:1].isdigit():
        return None
    with contextlib.suppress(OSError):
        return ipaddress.IPv4Address(socket.inet_aton(host))
    return None


def is_loopback(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    # An IPv4 address in the form of IPv6 is not one to browsers.
    return address.is_loopback and not (address.version == 6 and address.ipv4_mapped)
