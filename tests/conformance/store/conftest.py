"""The stores under test."""

from collections.abc import Iterator

import pytest
from tests.conformance.store.etcd_processes import (
    SingleEtcd,
    TlsCluster,
    single_etcd,
    tls_cluster,
)
from tests.conformance.store.subjects import EtcdSubject, FakeSubject, Subject


@pytest.fixture(scope="session")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SingleEtcd]:
    with single_etcd(tmp_path_factory.mktemp("etcd")) as running:
        yield running


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsCluster]:
    with tls_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(params=["fake", pytest.param("etcd", marks=pytest.mark.real)])
def subject(request: pytest.FixtureRequest) -> Subject:
    if request.param == "fake":
        return FakeSubject()
    return EtcdSubject(request.getfixturevalue("etcd"))
