"""Packed bytes: what comes back, what stays plain, and that dictionaries stay what they are."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zstandard import ZstdCompressor, ZstdError, frame_content_size, get_frame_parameters

from app.db.packed import PACKED_MAX_BYTES, Packed, dictionary

DICTIONARIES = {
    1: "909868eeef615919027844440aef12a2532c274a8623554e86839bb0e6eaa7cf",
    2: "f92e47ab60d9dbf6b5d2f598308678e18e8b4aa56d6d8df458b103807b56604c",
}
"""Each dictionary that ever was in a release, with its SHA-256. Lines are added, never changed: data was written with them."""

BODY = b'{"resourceType":"Observation","id":"1","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]}}'


@pytest.mark.parametrize("number", DICTIONARIES)
def test_a_dictionary_that_data_was_written_with_is_as_it_was(number: int) -> None:
    assert hashlib.sha256(dictionary(number)).hexdigest() == DICTIONARIES[number]


@given(st.binary(max_size=3000))
def test_what_is_unpacked_is_what_was_packed(tail: bytes) -> None:
    packed = Packed(1)
    assert packed.unpack(packed.pack(b"{" + tail)) == b"{" + tail


def test_a_small_resource_gets_small_and_names_its_dictionary() -> None:
    frame = Packed(1).pack(BODY)
    assert len(frame) < len(BODY) / 2
    assert get_frame_parameters(frame).dict_id == 1


@pytest.mark.parametrize("plain", [b"", b"{}", b'{"a":1}'])
def test_what_gets_no_smaller_stays_plain(plain: bytes) -> None:
    assert Packed(1).pack(plain) == plain


def test_what_was_kept_before_there_were_dictionaries_is_read_as_it_is() -> None:
    assert Packed(1).unpack(BODY) == BODY


def test_a_frame_of_another_dictionary_is_read_with_that() -> None:
    assert Packed(2).unpack(Packed(1).pack(BODY)) == BODY


@pytest.mark.parametrize(
    "others", [[], [BODY], [b""], [Packed(2).pack(BODY)]], ids=["alone", "plain", "empty", "other"]
)
def test_of_many_each_is_read_as_it_is_alone(others: list[bytes]) -> None:
    packed = Packed(1)
    kept = [packed.pack(BODY), *others, packed.pack(BODY)]
    assert packed.unpack_all(kept) == [packed.unpack(one) for one in kept]


def test_of_many_a_damaged_one_is_an_error() -> None:
    packed = Packed(1)
    with pytest.raises(ZstdError):
        packed.unpack_all([BODY, packed.pack(BODY)[:-4]])


def test_many_are_unpacked_together_if_they_have_room() -> None:
    packed = Packed(1)
    kept = [packed.pack(BODY)] * 3
    found = packed.unpack_together(kept, 3 * len(BODY))
    assert found is not None
    assert [bytes(one) for one in found] == [BODY] * 3
    assert packed.unpack_together(kept, 3 * len(BODY) - 1) is None
    assert packed.unpack_together([], 0) == []


def without_size() -> bytes:
    """Return a frame that does not say what it unpacks to."""
    frame = ZstdCompressor(write_content_size=False).compress(BODY)
    assert frame_content_size(frame) == -1
    return frame


@pytest.mark.parametrize(
    "other",
    [BODY, b"", Packed(2).pack(BODY), Packed(1).pack(BODY)[:-4], without_size()],
    ids=["plain", "empty", "other", "damaged", "without its size"],
)
def test_what_can_not_be_unpacked_together_is_left_to_who_asks(other: bytes) -> None:
    assert Packed(1).unpack_together([Packed(1).pack(BODY), other], 10_000) is None


def test_a_frame_of_a_dictionary_that_is_not_there_is_an_error() -> None:
    frame = bytearray(Packed(1).pack(BODY))
    frame[frame.index(b"\x01", 5)] = 99
    assert get_frame_parameters(bytes(frame)).dict_id == 99
    with pytest.raises(FileNotFoundError):
        Packed(1).unpack(bytes(frame))


def test_a_damaged_frame_is_an_error() -> None:
    with pytest.raises(ZstdError):
        Packed(1).unpack(Packed(1).pack(BODY)[:-4])


def test_threads_pack_and_unpack_at_once() -> None:
    packed = Packed(1)
    bodies = [b'{"resourceType":"Patient","id":"%d"}' % number * 40 for number in range(200)]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda body: packed.unpack(packed.pack(body)), bodies)) == bodies


def test_megabytes_of_nothing_take_the_room_that_they_take_in_memory() -> None:
    """Otherwise a page of a thousand of them costs who sent them nothing, and who serves it gigabytes."""
    nothing = b'{"data":"' + b"A" * (4 << 20) + b'"}'
    assert Packed(1).pack(nothing) == nothing
    assert len(Packed(1).pack(nothing[:PACKED_MAX_BYTES])) < PACKED_MAX_BYTES
