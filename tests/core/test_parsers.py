"""Ids inside of longer texts: the same resource has one id, and what is unclear has none."""

import pytest

from callgate.core.parsers import PARSERS

HEX = "0123456789abcdef0123456789abcdef"
TOPIC = "arn:aws:sns:us-east-1:123456789012:alerts"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:orders"


@pytest.mark.parametrize(
    ("name", "text", "ids"),
    [
        ("figma_url", "https://www.figma.com/design/AbC123xyz/Title?node-id=1-2", ("AbC123xyz",)),
        ("figma_url", "https://figma.com/file/AbC123xyz", ("AbC123xyz",)),
        ("figma_url", "https://www.figma.com/design/AbC123xyz/branch/Br456/Title", ("Br456",)),
        ("figma_url", "AbC123xyz", ("AbC123xyz",)),
        ("figma_url", "https://figma.com.evil.example/design/AbC123xyz", None),
        ("figma_url", "https://www.figma.com@evil.example/design/AbC", None),
        ("figma_url", "https://www.figma.com/design/../file/AbC123", None),
        ("figma_url", "https://www.figma.com/design/Ab%43", None),
        ("sentry_url", "https://acme.sentry.io/issues/123/?x=1", ("acme/123",)),
        ("sentry_url", "https://sentry.io/organizations/acme/issues/123/", ("acme/123",)),
        ("sentry_url", "https://acme.sentry.io.evil.example/issues/1", None),
        ("sentry_url", "https://sentry.io/issues/1", None),
        ("drive_url", "https://docs.google.com/document/d/1AbC_x/edit#heading=h.1", ("1AbC_x",)),
        ("drive_url", "https://drive.google.com/drive/u/0/folders/1AbC_x?usp=sharing", ("1AbC_x",)),
        ("drive_url", "https://drive.google.com/open?id=1AbC_x", ("1AbC_x",)),
        ("drive_url", "https://drive.google.com/open?id=1AbC_x&id=2AbC_x", None),
        ("drive_url", "https://docs.google.com/forms/d/e/1FAIp/viewform", None),
        ("drive_url", "1AbC_x", ("1AbC_x",)),
        ("drive_url", "'root' in parents", None),
        ("github_url", "Acme/Web", ("acme/web",)),
        ("github_url", "https://github.com/Acme/Web.git", ("acme/web",)),
        ("github_url", "https://github.com/Acme/Web/pull/5", ("acme/web",)),
        ("github_url", "https://github.com/Acme", None),
        ("github_url", "https://gist.github.com/acme/web", None),
        ("github_url", "git@github.com:acme/web", None),
        ("notion_id", "01234567-89AB-cdef-0123-456789abcdef", (HEX,)),
        ("notion_id", f"https://www.notion.so/acme/Title-{HEX}", (HEX,)),
        ("notion_id", f"https://www.notion.so/acme/Title-{HEX}?p={HEX[::-1]}", None),
        ("notion_id", f"https://evil.example/{HEX}", None),
        ("addresses", "Ana@Example.com", ("ana@example.com",)),
        (
            "addresses",
            "Ana <ana@example.com>, ben@example.org; ana@example.com",
            ("ana@example.com", "ben@example.org"),
        ),
        ("addresses", '"ana@example.com" <ben@example.org>', ("ben@example.org",)),
        ("addresses", "ana", None),
        ("addresses", "ana@example.com\nBcc: ben@example.org", None),
        ("addresses", " , ", None),
        ("address_domains", "a@x.example, b@x.example, c@y.example", ("x.example", "y.example")),
        ("sns_topic", TOPIC, (TOPIC,)),
        ("sns_topic", f"{TOPIC}:01234567-89ab-cdef-0123-456789abcdef", (TOPIC,)),
        ("sns_topic", f"{TOPIC}.fifo", (f"{TOPIC}.fifo",)),
        ("sns_topic", "arn:aws:sns:us-east-1:123456789012:app/GCM/shop", None),
        ("sns_topic", f"{TOPIC}:other", None),
        ("sns_topic", f"{TOPIC}*", None),
        ("sns_topic", "arn:aws:sqs:us-east-1:123456789012:orders", None),
        ("sns_topic", "PendingConfirmation", None),
        ("sqs_queue", QUEUE, (QUEUE,)),
        ("sqs_queue", "https://sqs.us-east-1.amazonaws.com/123456789012/orders", (QUEUE,)),
        ("sqs_queue", "https://us-east-1.queue.amazonaws.com/123456789012/orders", (QUEUE,)),
        ("sqs_queue", "https://queue.amazonaws.com/123456789012/orders", (QUEUE,)),
        (
            "sqs_queue",
            "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/a.fifo",
            ("arn:aws-cn:sqs:cn-north-1:123456789012:a.fifo",),
        ),
        (
            "sqs_queue",
            "https://sqs.us-gov-west-1.amazonaws.com/123456789012/a",
            ("arn:aws-us-gov:sqs:us-gov-west-1:123456789012:a",),
        ),
        ("sqs_queue", "http://sqs.us-east-1.amazonaws.com/123456789012/orders", None),
        ("sqs_queue", "https://sqs.us-east-1.amazonaws.com.evil.example/123456789012/orders", None),
        ("sqs_queue", "https://sqs.us-east-1.amazonaws.com/123456789012/orders/", None),
        ("sqs_queue", "https://sqs.us-east-1.amazonaws.com/123456789012/../210987654321/orders", None),
        ("sqs_queue", "https://sqs.us-east-1.amazonaws.com/123456789012/orders?x=1", None),
        ("sqs_queue", "https://sqs.cn-north-1.amazonaws.com/123456789012/orders", None),
        ("sqs_queue", "arn:aws:sns:us-east-1:123456789012:orders", None),
        ("sqs_queue", "orders", None),
        ("url_host", "https://Example.com:8443/a", ("example.com:8443",)),
        ("url_host", "http://example.com\\@evil.example/", None),
        ("url_host", "ftp://example.com/", None),
        ("words", "a, b,a", ("a", "b")),
        ("words", "a,,b", None),
    ],
)
def test_what_a_parser_finds(name, text, ids):
    assert PARSERS[name](text) == ids


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize("text", ["", " ", "\x00", "a" * 10_000, "https://", "https://[::1", "🐟", "https://x:99999/a"])
def test_nothing_odd_has_an_id_or_raises(name, text):
    found = PARSERS[name](text)
    assert found is None or all(found)
