"""Who belongs to the cluster, and for how long."""

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID

from tandem.node.authority import (
    AUTHORITY_DAYS,
    NODE_DAYS,
    RENEWAL_DAYS,
    Authority,
    AuthorityError,
    Credentials,
    create_authority,
    create_key,
    expires_utc_us,
    fingerprint,
    needs_renewal,
    public_key,
)

DAY_US = 86_400 * 1_000_000
ADDRESSES = ("10.0.1.1", "fd00::1")


class HandClock:
    """A clock that says what it is set to."""

    def __init__(self, utc_us: int = 1_800_000_000_000_000) -> None:
        self.now_us = utc_us

    def boot_us(self) -> int:
        return self.now_us

    def utc_us(self) -> int:
        return self.now_us


def issued(clock: HandClock, node: str = "n1", key: bytes | None = None) -> bytes:
    authority = Authority(create_authority("test", clock))
    return authority.issue(node, ADDRESSES, public_key(key or create_key()), clock)


def test_a_certificate_names_its_node_and_all_its_links() -> None:
    certificate = x509.load_pem_x509_certificate(issued(HandClock()))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["n1"]
    found = {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    assert found == set(ADDRESSES)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usage) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}


def test_a_nodes_certificate_signs_no_others() -> None:
    certificate = x509.load_pem_x509_certificate(issued(HandClock()))
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert not constraints.value.ca


def test_a_certificate_is_its_authoritys_and_no_others() -> None:
    clock = HandClock()
    one, two = create_authority("test", clock), create_authority("test", clock)
    signed = Authority(one).issue("n1", ADDRESSES, public_key(create_key()), clock)
    certificate = x509.load_pem_x509_certificate(signed)
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(one.certificate))
    with pytest.raises(InvalidSignature):
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(two.certificate))


def test_a_server_whose_battery_died_is_let_in_before_it_reaches_a_time_server() -> None:
    certificate = x509.load_pem_x509_certificate(issued(HandClock()))
    assert certificate.not_valid_before_utc.timestamp() == 0


def test_a_clock_that_is_wrong_by_years_signs_nothing() -> None:
    wrong = HandClock(0)
    with pytest.raises(AuthorityError, match="1970-01-01"):
        create_authority("test", wrong)
    authority = Authority(create_authority("test", HandClock()))
    with pytest.raises(AuthorityError, match="clock"):
        authority.issue("n1", ADDRESSES, public_key(create_key()), wrong)


def test_certificates_end_after_their_time() -> None:
    clock = HandClock()
    assert expires_utc_us(issued(clock)) == clock.now_us + NODE_DAYS * DAY_US
    authority = create_authority("test", clock)
    assert expires_utc_us(authority.certificate) == clock.now_us + AUTHORITY_DAYS * DAY_US


def test_a_certificate_is_renewed_from_the_beginning_of_its_window() -> None:
    clock = HandClock()
    certificate = issued(clock)
    begin_us = clock.now_us + (NODE_DAYS - RENEWAL_DAYS) * DAY_US
    for now_us, renew in ((begin_us, False), (begin_us + 1_000_000, True)):
        clock.now_us = now_us
        assert needs_renewal(certificate, ADDRESSES, clock) is renew


def test_a_node_whose_links_have_changed_needs_another_certificate() -> None:
    clock = HandClock()
    certificate = issued(clock)
    assert not needs_renewal(certificate, ADDRESSES[::-1], clock)
    assert needs_renewal(certificate, ADDRESSES[:1], clock)
    assert needs_renewal(certificate, (*ADDRESSES, "10.0.2.1"), clock)


@pytest.mark.parametrize("node", ["", "N1", "n 1", "-n", "n-", "n" * 64, "n.1", "*", "n1\n"])
def test_what_is_no_name_for_a_node_is_refused(node: str) -> None:
    with pytest.raises(AuthorityError, match="cannot be a node's id"):
        issued(HandClock(), node)


def test_an_address_that_is_none_is_refused_with_the_nodes_name() -> None:
    clock = HandClock()
    authority = Authority(create_authority("test", clock))
    with pytest.raises(AuthorityError, match=r"node n1: '10\.0\.1'"):
        authority.issue("n1", ("10.0.1",), public_key(create_key()), clock)


def test_damaged_files_are_called_damaged() -> None:
    made = create_authority("test", HandClock())
    for key, certificate in ((made.key, b"x"), (b"x", made.certificate)):
        with pytest.raises(AuthorityError, match="damaged"):
            Authority(Credentials(key, certificate))
    with pytest.raises(AuthorityError, match="damaged"):
        fingerprint(made.certificate[:100])


def test_a_key_that_is_not_the_certificates_is_refused() -> None:
    made = create_authority("test", HandClock())
    with pytest.raises(AuthorityError, match="not the one in its certificate"):
        Authority(Credentials(create_key(), made.certificate))


def test_a_private_key_is_never_shown() -> None:
    made = create_authority("test", HandClock())
    assert "PRIVATE" not in repr(made)
    assert b"PRIVATE" not in public_key(made.key)


def test_fingerprints_tell_certificates_of_one_node_apart() -> None:
    clock, key = HandClock(), create_key()
    one, two = issued(clock, key=key), issued(clock, key=key)
    assert len({fingerprint(one), fingerprint(two)}) == 2
    assert fingerprint(one) == fingerprint(one)
    assert len(bytes.fromhex(fingerprint(one))) == 32
