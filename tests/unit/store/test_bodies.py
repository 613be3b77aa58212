"""Bodies stay as they came."""

import msgspec
import pytest

from app.store.bodies import content_in, content_of, with_identity

decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
INSTANT = 1_772_366_400_123_456  # 2026-03-01T12:00:00.123456Z


def kept(sent: bytes, resource_id: str = "abc", version: int = 1) -> bytes:
    return with_identity(content_in(decode(sent)), resource_id, version, INSTANT)


@pytest.mark.parametrize(
    "inside",
    [
        b'"valueQuantity":{"value":72.50}',
        b'"valueQuantity": { "value" : 7.250E1 }',
        b'"zzz":[1,2],"aaa":{"b":"\\u00e9 \xc3\xa9"}',
        b'"_status":{"extension":[{"url":"http://example.org/unknown","valueString":"x"}]}',
        b'"big":123456789012345678901234567890',
    ],
)
def test_what_came_stays_as_it_came(inside: bytes) -> None:
    assert kept(b'{"resourceType":"Observation",' + inside + b"}").endswith(
        b"}," + inside.replace(b'": ', b'":', 1) + b"}"
    )


def test_the_servers_id_and_meta_take_the_place_of_the_senders() -> None:
    sent = b'{"id":"mine","resourceType":"Goal","meta":{"versionId":"9","lastUpdated":"x","tag":[{"code":"a"}]},"x":1}'
    expected = (
        b'{"resourceType":"Goal","id":"abc","meta":{"versionId":"3","lastUpdated":"2026-03-01T12:00:00.123Z",'
        b'"tag":[{"code":"a"}]},"x":1}'
    )
    assert kept(sent, version=3) == expected


def test_the_same_content_is_known_again_whatever_the_server_added() -> None:
    sent = b'{"resourceType":"Goal","meta":{"tag":[{"code":"a"}]},"x":72.50}'
    again = kept(kept(sent), "other", 7)
    assert content_of(kept(sent)) == content_of(again)
    for other in (
        sent.replace(b"72.50", b"72.5"),
        sent.replace(b'"code":"a"', b'"code":"b"'),
        sent.replace(b'"x"', b'"y"'),
    ):
        assert content_of(kept(other)) != content_of(kept(sent))
