"""Which addresses versions are fetched from."""

from ipaddress import ip_address, ip_network
from socket import AF_INET, AF_INET6, SOCK_STREAM

import pytest

from coalserver.hosting.versions.addresses import (
    AddressRefused,
    AddressRules,
    CheckingResolver,
)
from coalserver.hosting.versions.errors import VersionError, VersionErrorCode

PUBLIC = ("1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1")
NOT_PUBLIC = (
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "233.252.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001:0:a00:1::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:101:101::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700::1111%eth0",
    "fec0::1",
    "ff02::1",
)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address_is_allowed(address):
    assert AddressRules().is_allowed(ip_address(address))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_other_address_is_refused(address):
    assert not AddressRules().is_allowed(ip_address(address))


def test_named_networks_are_allowed_too():
    rules = AddressRules([ip_network("10.0.0.0/8"), ip_network("fd00::/8")])
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd00::1", "1.1.1.1"):
        assert rules.is_allowed(ip_address(address))
    for address in ("127.0.0.1", "192.168.1.1", "64:ff9b::a01:203", "fe80::1"):
        assert not rules.is_allowed(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "https://jars.example/a.jar",
        "http://jars.example:8080/a%20b.jar",
        "https://1.1.1.1/a.jar",
        "https://[2606:4700::1111]/a.jar",
        "https://jars.example./a.jar",
        "https://köln.example/ä.jar",
    ],
)
def test_valid_url_passes(url):
    assert AddressRules().check_url(url).path.endswith(".jar")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://jars.example/a.jar", "only http and https"),
        ("file:///etc/passwd", "only http and https"),
        ("gopher://127.0.0.1:25565/", "only http and https"),
        ("data:application/java-archive,PK", "only http and https"),
        ("//jars.example/a.jar", "only http and https"),
        ("/a.jar", "only http and https"),
        ("", "only http and https"),
        ("http:///a.jar", "not a valid URL"),
        ("http://jars.example:99999/", "not a valid URL"),
        ("http://jars.example:0/", "not a valid URL"),
        ("http://[::1/a.jar", "not a valid URL"),
        ("http://jars.example/a\nHost: x", "not a valid URL"),
        ("http://1.1.1.1\\@127.0.0.1/", "not a valid URL"),
        ("http://jars.example/" + "a" * 2000, "not a valid URL"),
        ("http://user:word@jars.example/a.jar", "a user or a password"),
        ("http://user@jars.example/a.jar", "a user or a password"),
        ("http://:word@jars.example/a.jar", "a user or a password"),
        ("http://127.0.0.1/a.jar", "127.0.0.1 is not public"),
        ("http://127.0.0.1./a.jar", "127.0.0.1 is not public"),
        ("http://[::1]:8080/a.jar", "::1 is not public"),
        ("http://[::ffff:127.0.0.1]/a.jar", "is not public"),
        ("http://[64:ff9b::7f00:1]/a.jar", "is not public"),
        ("http://[fe80::1%25eth0]/a.jar", "is not public"),
        ("http://2130706433/a.jar", "not a valid address"),
        ("http://0x7f000001/a.jar", "not a valid address"),
        ("http://0177.0.0.1/a.jar", "not a valid address"),
        ("http://0x7f.1/a.jar", "not a valid address"),
        ("http://127.1/a.jar", "not a valid address"),
        ("http://１２７.0.0.1/a.jar", "127.0.0.1 is not public"),
        ("http://127。0。0。1/a.jar", "127.0.0.1 is not public"),
    ],
)
def test_other_url_is_refused(url, reason):
    with pytest.raises(VersionError) as caught:
        AddressRules().check_url(url)
    assert caught.value.code is VersionErrorCode.NOT_FETCHED
    assert reason in caught.value.reason


async def test_address_of_a_socket_is_checked_last():
    resolver = CheckingResolver(AddressRules())
    with pytest.raises(AddressRefused, match="the address 127.0.0.1 is not public"):
        resolver.open_socket((AF_INET, SOCK_STREAM, 0, "", ("127.0.0.1", 80)))
    with pytest.raises(AddressRefused):
        resolver.open_socket((AF_INET6, SOCK_STREAM, 0, "", ("::1", 80, 0, 0)))
    resolver.open_socket((AF_INET, SOCK_STREAM, 0, "", ("1.1.1.1", 80))).close()
